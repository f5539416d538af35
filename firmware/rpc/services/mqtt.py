"""MQTT: the device's own link, seen and used from outside."""

from link.errors import LinkError
from link.topics import check_filter, check_topic
from rpc.described import describe
from rpc.errors import RpcError
from rpc.params import CALLER, Method, binaries, checked, flag, integer, readable, seconds, text

_TOPIC = checked(check_topic)
_FILTER = checked(check_filter)
_QOS = (integer(0, 1), 1)
_TIMEOUT = seconds(300)


class MQTT:
    """The service for `link`; `store` knows the active identity."""

    def __init__(self, store, link):
        self._store = store
        self._link = link

    def methods(self):
        return {
            "MQTT.Status": Method(self.status),
            "MQTT.Connect": Method(self.connect, timeout=(_TIMEOUT, 30)),
            "MQTT.Look": Method(
                self.look,
                endpoint=text(253),
                port=integer(1, 65535),
                ca=binaries(8, 4096),
                timeout=(_TIMEOUT, 30),
            ),
            "MQTT.Disconnect": Method(self.disconnect, caller=CALLER),
            "MQTT.Publish": Method(
                self.publish, topic=_TOPIC, message=text(4096, 0), qos=_QOS, retain=(flag, False)
            ),
            "MQTT.Subscribe": Method(self.subscribe, topic=_FILTER, qos=_QOS),
            "MQTT.Unsubscribe": Method(self.unsubscribe, topic=_FILTER),
            "MQTT.Receive": Method(self.receive, timeout=(_TIMEOUT, 10), topic=(_TOPIC, None)),
        }

    def status(self):
        out = self._link.status()
        record = self._store.current() or {}
        # Without an identity there is no link; why there is none is all that can be said of it.
        error = out["last_error"] or (None if record else self._store.not_adopted)
        out["last_error"] = error and describe(error)
        for name in ("endpoint", "port", "client_id"):
            out[name] = record.get(name)
        out["identity"] = self._store.active
        return out

    # What waits for the link is a generator: job.py.

    def connect(self, timeout):
        if not self._store.active:
            why = self._store.not_adopted
            raise LinkError(
                "state",
                "this device has no active identity yet: "
                + (
                    "what is configured in mqtt.* did not become one (%s)" % why
                    if why
                    else "provision it first"
                ),
            )
        if self._link.state not in ("connected", "connecting"):
            if self._store.trying:  # the broker would cut off one of the two
                raise RpcError("busy", "another identity is being tried; then the link connects by itself")
            self._link.start(timeout)
        job = self._link.connected()
        yield job
        job.wait()
        return self.status()

    def look(self, endpoint, port, ca, timeout):
        job = self._link.look(endpoint, port, ca, timeout)
        yield job
        job.wait()
        return {"endpoint": endpoint, "port": port}

    def disconnect(self, caller):
        if caller.channel == "mqtt":
            raise RpcError("refused", "this would cut off the channel by which it came: use another one")
        self._link.stop()
        return self.status()

    def publish(self, topic, message, qos, retain):
        job = self._link.publish(topic, message, qos, retain)
        yield job
        job.wait()
        return {"topic": topic, "qos": qos}

    def subscribe(self, topic, qos):
        job = self._link.subscribe(topic, qos)
        yield job
        job.wait()
        return {"topic": topic, "qos": qos}

    def unsubscribe(self, topic):
        job = self._link.unsubscribe(topic)
        yield job
        job.wait()
        return {"topic": topic}

    def receive(self, timeout, topic):
        job = self._link.receive(topic, timeout)
        yield job
        message = job.wait()
        return message and {"topic": message[0], "message": readable(message[1])}
