"""RPC over MQTT before it is switched on, and its switch: nothing else of it is loaded until then (mqtt.py)."""


def topics(name):
    """Where requests for the device with this name arrive."""
    return [base + "/rpc" for base in bases(name)]


def bases(name):
    return name, "things/" + name


class Remote:
    """What link.Link serves. setting(key) gives a configured value; make() gives the Channel when it is wanted."""

    topics = staticmethod(topics)

    def __init__(self, setting, make):
        self._setting = setting
        self._make = make
        self._channel = None

    @property
    def on(self):
        return self._setting("rpc.mqtt.enable")

    @property
    def channel(self):
        if self._channel is None:
            self._channel = self._make()
        return self._channel

    def take(self, topic, message):
        """Have the request run; False if there is no room for it yet. Called by the link's thread.

        Off means off at once, and not when the link has unsubscribed.
        """
        return self.channel.take(topic, message) if self.on else True

    def status(self):
        """For Access.Status: {enabled, unsigned, listening, why}."""
        if self.on:
            return self.channel.status()
        why = "switched off (rpc.mqtt.enable)"
        unsigned = self._setting("rpc.mqtt.unsigned")
        return {"enabled": False, "unsigned": unsigned, "listening": False, "why": why}
