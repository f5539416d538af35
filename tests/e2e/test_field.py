"""A device in the field gets a new key and certificate without a cable; no message that was acknowledged is lost."""

import json
import threading
import time

import pytest
from atecc.errors import AteccError
from field import Field, in_the_field

TOPIC = "to/linked"


@pytest.fixture
def field(user, tmp_path):
    with in_the_field(user, tmp_path) as field:
        yield field


class Sender:
    """Sends numbers to the device, one after the other, and knows which ones the broker has acknowledged."""

    def __init__(self, field):
        self._acknowledged = set()
        self._numbers = {}
        self._client = field.client(on_publish=self._published)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)
        self._thread.start()

    def _published(self, _client, _data, mid, *_rest):
        self._acknowledged.add(mid)

    def _send(self):
        number = 0
        while not self._stop.wait(0.05):
            self._numbers[self._client.publish(TOPIC, str(number), qos=1).mid] = number
            number += 1

    def stop(self):
        """Stop, and wait for what is on its way; the numbers that were acknowledged."""
        self._stop.set()
        self._thread.join()
        deadline = time.monotonic() + 10
        while len(self._acknowledged) < len(self._numbers) and time.monotonic() < deadline:
            time.sleep(0.02)
        self._client.disconnect()
        self._client.loop_stop()
        return {self._numbers[mid] for mid in self._acknowledged}


class Talker:
    """Has the device publish numbers, and knows which ones it says were published."""

    def __init__(self, field, scheme):
        self.published = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk, args=(field, scheme), daemon=True)
        self._thread.start()

    def _talk(self, field, scheme):
        number = 0
        with field.device(scheme) as device:
            while not self._stop.wait(0.1):
                number += 1
                try:
                    device.publish("from/linked", str(number))
                except AteccError:
                    continue  # while the identity changes: it was not acknowledged, so nobody counts on it
                self.published.add(number)

    def stop(self):
        self._stop.set()
        self._thread.join(60)
        assert not self._thread.is_alive(), "a request to the device never ended"
        return self.published


def received(device):
    """Every number the device has got, up to a silence."""
    numbers = set()
    while message := device.receive(timeout=2):
        numbers.add(int(message.message))
    return numbers


@pytest.mark.parametrize("scheme", ["wss", "mqtts"])
def test_a_new_key_and_certificate_without_a_cable(field: Field, scheme: str) -> None:
    heard = set()
    listener = field.client(on_message=lambda _client, _data, message: heard.add(int(message.payload)))
    listener.subscribe("from/linked", qos=1)
    with field.device("wss") as device:
        before = device.identity_status()
        device.subscribe(TOPIC)
    sender = Sender(field)
    talker = Talker(field, "wss")

    said = field.provision("--port", field.address(scheme), "--timeout", "30")

    with field.device("wss") as device:
        after = device.identity_status()
        assert after.active != before.active
        assert after.identities[after.active].sha256 != before.identities[before.active].sha256
        assert after.identities[after.active].slot != before.identities[before.active].slot
        spoken = talker.stop()
        acknowledged = sender.stop()
        assert acknowledged
        assert acknowledged - received(device) == set()
    deadline = time.monotonic() + 10
    while spoken - heard and time.monotonic() < deadline:
        time.sleep(0.05)
    assert spoken - heard == set()
    assert len(spoken) > 2
    assert "linked" in said.out + said.err
    listener.disconnect()
    listener.loop_stop()


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_what_nobody_takes_yet_waits_and_none_of_it_is_lost(field: Field) -> None:
    """The broker holds back what the device, whose memory is small, does not take."""
    with field.device("wss") as device:
        device.subscribe(TOPIC)
        other = field.client()
        for number in range(100):
            other.publish(TOPIC, str(number) + " " * 200, qos=1)
        other.publish(TOPIC, "last", qos=1).wait_for_publish(10)
        got = [device.receive(timeout=5).message.strip() for _ in range(101)]
        assert got == [*map(str, range(100)), "last"]
        assert device.mqtt_status().state == "connected"
        other.disconnect()
        other.loop_stop()


def test_a_message_larger_than_the_memory_is_read_past(field: Field) -> None:
    with field.device("wss") as device:
        device.subscribe(TOPIC)
        before = device.mqtt_status()
        other = field.client()
        other.publish(TOPIC, "x" * 400_000, qos=1)
        other.publish(TOPIC, "after", qos=1)
        assert device.receive(timeout=10).message == "after"
        after = device.mqtt_status()
        assert after.since == before.since
        assert "too large" in after.last_error["message"]
        other.disconnect()
        other.loop_stop()


def test_a_request_that_comes_twice_is_run_once_and_a_strangers_not_at_all(field: Field) -> None:
    field.user.succeeds("config", "set", "rpc.mqtt.unsigned=true")  # the broker is believed
    replies = []
    answered = lambda: [r["id"] for r in replies if r.get("dst") == get["src"]]  # noqa: E731
    other = field.client(
        on_message=lambda _client, _data, message: replies.append(json.loads(message.payload))
    )
    other.subscribe("#", qos=1)
    get = {"id": 5, "src": "linked/rpc-resp/me", "method": "Sys.GetInfo"}

    def listens(topic: str, number: int) -> bool:
        """The broker may not know yet what the device wants."""
        other.publish(topic, json.dumps(get | {"id": number}), qos=1)
        time.sleep(0.2)
        return number in answered()

    until(lambda: listens("linked/rpc", 10) and listens("things/linked/rpc", 11))
    for frame in (get, get, get | {"id": 6, "src": "elsewhere"}, {"id": 7, "src": get["src"], "result": 1}):
        other.publish("linked/rpc", json.dumps(frame), qos=1)
    other.publish("things/linked/rpc", json.dumps(get | {"id": 8}), qos=1)
    until(lambda: 8 in answered())
    assert [number for number in answered() if number < 10] == [5, 8]
    assert all(reply["src"] == "linked" for reply in replies if "dst" in reply)
    other.disconnect()
    other.loop_stop()
