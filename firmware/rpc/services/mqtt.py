"""MQTT: the device's own link, seen and used from outside."""

from link.mqtt import LinkError
from rpc.errors import describe
from rpc.params import Method, flag, integer, seconds, text

_TOPIC = text(256)
_QOS = (integer(0, 1), 1)
_TIMEOUT = seconds(300)


def methods(store, link):
    def status():
        record = store.get(store.active) if store.active else {}
        return {
            "state": link.state,
            "identity": store.active,
            "endpoint": record.get("endpoint"),
            "port": record.get("port"),
            "client_id": record.get("client_id"),
            "since": link.since,
            "tls": link.tls,
            "attempts": link.attempts,
            "last_error": describe(link.last_error) if link.last_error else None,
            "subscriptions": link.subscriptions,
        }

    def connect(timeout):
        if not store.active:
            raise LinkError("state", "this device has no active identity yet: provision it first")
        if link.state not in ("connected", "connecting"):
            link.start(store.get(store.active), timeout)
        link.wait_connected()
        return status()

    def disconnect():
        link.stop()
        return status()

    def publish(topic, message, qos, retain):
        link.publish(topic, message, qos, retain)
        return {"topic": topic, "qos": qos}

    def subscribe(topic, qos):
        link.subscribe(topic, qos)
        return {"topic": topic, "qos": qos}

    def receive(timeout, topic):
        message = link.receive(topic, timeout)
        return message and {"topic": message[0], "message": message[1].decode()}

    return {
        "MQTT.Status": Method(status),
        "MQTT.Connect": Method(connect, timeout=(_TIMEOUT, 30)),
        "MQTT.Disconnect": Method(disconnect),
        "MQTT.Publish": Method(
            publish, topic=_TOPIC, message=text(4096, 0), qos=_QOS, retain=(flag, False)
        ),
        "MQTT.Subscribe": Method(subscribe, topic=_TOPIC, qos=_QOS),
        "MQTT.Receive": Method(receive, timeout=(_TIMEOUT, 10), topic=(_TOPIC, None)),
    }
