"""RPC through a broker, with paho for MQTT itself: this is about topics and frames."""

import queue
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from foreign_rpc.frames import BadReply, Silence, parse, text

CONNECT_S = 10


class MqttChannel:
    """A client of the broker that talks to `device`: requests to DEVICE/rpc, replies on DEVICE/rpc-resp/CLIENT/rpc."""

    def __init__(
        self,
        host: str,
        port: int,
        device: str,
        *,
        ca: Path,
        certificate: Path,
        key: Path,
        name: str = "mos-1",
    ) -> None:
        self.device = device
        self.src = f"{device}/rpc-resp/{name}"
        self.replies: queue.Queue[tuple[str, bytes]] = queue.Queue()
        subscribed: queue.Queue[int] = queue.Queue()
        self._mqtt = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name)
        self._mqtt.tls_set(str(ca), str(certificate), str(key))
        self._mqtt.on_connect = lambda client, *_: client.subscribe(f"{self.src}/rpc", 1)
        self._mqtt.on_subscribe = lambda client, userdata, mid, *_: subscribed.put(mid)
        self._mqtt.on_message = lambda client, userdata, m: self.replies.put((m.topic, m.payload))
        self._mqtt.connect(host, port)
        self._mqtt.loop_start()
        subscribed.get(timeout=CONNECT_S)

    def __enter__(self) -> "MqttChannel":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._mqtt.disconnect()
        self._mqtt.loop_stop()

    def exchange(self, frame: dict[str, Any], timeout: float = 10) -> dict[str, Any]:
        self.send(text(frame | {"dst": self.device}))
        return self.receive(timeout)

    def send(self, payload: bytes, retain: bool = False, topic: str = "") -> None:
        """To the device's topic, or another one, acknowledged by the broker."""
        self._mqtt.publish(topic or f"{self.device}/rpc", payload, 1, retain).wait_for_publish(CONNECT_S)

    def receive(self, timeout: float = 10) -> dict[str, Any]:
        return parse(self.raw(timeout))

    def raw(self, timeout: float = 10) -> bytes:
        """A reply as it comes."""
        try:
            topic, payload = self.replies.get(timeout=timeout)
        except queue.Empty:
            raise Silence(f"no reply on {self.src}/rpc in {timeout} s") from None
        if topic != f"{self.src}/rpc":
            raise BadReply(f"on {topic}")
        return payload
