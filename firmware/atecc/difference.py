"""The device's shadow in AWS IoT, over the plain topics (Device Shadow MQTT topics; the unnamed one)."""

import json


class Shadow:
    """By way of `atecc`, the interface. The service tells of differences; after each connecting they are asked for."""

    def __init__(self, atecc):
        self._atecc = atecc
        self._base = "$aws/things/%s/shadow/" % atecc.thing.name
        self._desired = None

    def reported(self, state):
        """Tell how things are: a dict; a value of None removes its key."""
        self._atecc.publish(self._base + "update", {"state": {"reported": state}})

    def on_desired(self, function):
        """Call `function(state)` with what is desired and not reported yet, now and whenever it changes."""
        self._desired = function
        self._atecc.subscribe(self._base + "update/delta", lambda _, message: self._differs(message, None))
        self._atecc.subscribe(self._base + "get/accepted", lambda _, message: self._differs(message, "delta"))
        self._atecc.on_change(lambda connected: self._ask() if connected else None)
        if self._atecc.connected():
            self._ask()

    def _ask(self):
        self._atecc.publish(self._base + "get", "")

    def _differs(self, message, name):
        state = json.loads(message).get("state", {})
        if name:
            state = state.get(name)
        if state:
            self._desired(state)
