"""Thousands of frames, made by hypothesis: every one with an id is answered once, and the device stays as it is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from foreign_rpc.frames import check, check_error, request, text
from foreign_rpc.rpcbench import Device
from foreign_rpc.websocket import BINARY, WebSocket, frame_bytes
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

# Batches of frames as hypothesis makes them, each sent in variants as well: over 10,000 frames.
BATCH, CALLS, BATCHES = 50, 20, 22
FRAMES = 10_000
AT_LEAST = {"json": 5_400, "calls": 1_300, "bytes": 3_500}
MAX_FRAME = 12 * 1024
LEAK = 8 * 1024
# What would reset the device, cut it off, or wait for somebody who never comes.
LEFT_OUT = {
    "Sys.Reboot", "Access.Bench", "Access.Forget", "Access.Trust", "Access.WebSocket", "Wifi.Scan", "Wifi.Setup",
    "MQTT.Connect", "MQTT.Receive", "Identity.Try",
}  # fmt: skip
HARMLESS = settings(
    max_examples=BATCHES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],  # a smaller example would be looked for on a device that may be gone
    suppress_health_check=list(HealthCheck),
)

# Numbers of any size, and fractions that a microcontroller's floats have exactly.
IDS = st.one_of(
    st.integers(-(2**70), 2**70), st.integers(-(2**20), 2**20).map(lambda n: n / 8), st.text(max_size=20)
)
LEAVES = st.one_of(st.none(), st.booleans(), IDS, st.text(max_size=60))
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def described(shared: Device) -> dict[str, list[str]]:
    """The parameters of each method that may be called."""
    with shared.ws() as mos:
        names = [name for name in mos.call("RPC.List") if name not in LEFT_OUT]
        told = {name: mos.call("RPC.Describe", {"name": name}) for name in names}
    return {name: [p["name"] for p in method["params"]] for name, method in told.items()}


@pytest.fixture
def line(shared: Device) -> Iterator["Line"]:
    with shared.websocket() as websocket:
        line = Line(websocket)
        line.state()  # everything that is made on first use is there
        yield line
        line.state()


class Line:
    """A WebSocket through which frames go in batches; `sent` counts them."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._uptime = 0.0
        self.sent = 0

    def state(self) -> dict[str, Any]:
        """What the device says of itself; it hasn't started again since the last time."""
        asked = request("Sys.GetInfo")
        info = check(self._websocket.exchange(asked, 30), asked)
        assert info["uptime"] >= self._uptime, "the device was reset"
        self._uptime = info["uptime"]
        return info

    def replies(self, batch: list[bytes]) -> list[dict[str, Any]]:
        """All replies to these frames: those that come before the reply to a last one."""
        last = request("Sys.GetInfo", id=2**40 + self.sent)  # which hardly any frame has
        self.sent += len(batch)
        frames = [frame_bytes(BINARY, frame) for frame in (*batch, text(last))]
        self._websocket.send_bytes(b"".join(frames))
        found = []
        while (reply := self._websocket.receive(30)).get("id") != last["id"]:
            found.append(reply)
        uptime = check(reply, last)["uptime"]
        assert uptime >= self._uptime, "the device was reset"
        self._uptime = uptime
        return found


def is_well_formed(frame: Any) -> bool:
    """Whether it is a request that wants a reply, as the contract says."""
    return (
        isinstance(frame, dict)
        and isinstance(frame.get("method"), str)
        and isinstance(frame.get("id"), int | float | str)
        and not isinstance(frame["id"], bool)
    )


def parsed(data: bytes) -> Any:
    try:
        return json.loads(data.decode(), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def judge(batch: list[bytes], replies: list[dict[str, Any]], strict: bool) -> None:
    """Exactly one reply to each request with an id, in whatever order; the others are errors of frames.

    Not `strict`: MicroPython's parser takes some damaged frames, and knows other ids than Python's.
    """
    wanted = [frame["id"] for frame in map(parsed, batch) if is_well_formed(frame)]
    left = list(wanted)
    for reply in replies:
        assert ("result" in reply) != ("error" in reply), reply
        if "error" in reply:
            error = check_error(reply["error"])
            assert error["kind"] != "internal", reply
        if reply.get("id") in left:
            left.remove(reply["id"])
        elif strict:
            assert reply["error"]["kind"] in ("frame", "method"), f"nobody asked for {reply}"
    assert not left, f"no reply to {left} among {replies}"
    assert len(replies) <= len(batch)


def undisturbed(line: Line, batch: list[bytes], strict: bool = True) -> None:
    for start in range(0, len(batch), BATCH):
        part = batch[start : start + BATCH]
        judge(part, line.replies(part), strict)


def variants(frame: Any, number: int) -> list[bytes]:
    """A frame as it is, and made into a request in four ways."""
    head = frame if isinstance(frame, dict) else {"tag": "x"}
    return [
        text(frame),
        text({**head, "id": number}),
        text({**head, "id": number + 1, "method": "RPC.List"}),
        text({"id": number + 2, "method": "FS.List", "params": frame}),
        text({"id": number + 3, "method": "Config.Get", "args": {"key": frame}, "src": "mos"}),
    ]


def cuts(data: bytes) -> list[bytes]:
    """Bytes as they are, without their end, without their beginning, and twice."""
    half = len(data) // 2
    return [data, data[:half], data[half:], data + data]


def test_arbitrary_json(line: Line) -> None:
    request_like = st.fixed_dictionaries(
        {},
        optional={
            "id": st.one_of(IDS, JSON),
            "method": st.one_of(st.sampled_from(["RPC.List", "FS.List", "X"]), JSON),
            "params": JSON,
            "args": JSON,
            "src": st.one_of(st.text(max_size=20), JSON),
            "tag": JSON,
            "auth": JSON,
        },
    )

    @HARMLESS
    @given(st.lists(st.one_of(request_like, JSON), min_size=BATCH, max_size=BATCH))
    def run(batch: list[Any]) -> None:
        frames = [variants(frame, 10 * number) for number, frame in enumerate(batch, 1)]
        undisturbed(line, [frame for several in frames for frame in several])

    run()
    assert line.sent >= AT_LEAST["json"]


def test_requests_with_arbitrary_arguments(line: Line, described: dict[str, list[str]]) -> None:
    def calls(name: str) -> st.SearchStrategy[dict[str, Any]]:
        arguments = {key: st.just(False) if key == "reboot" else JSON for key in described[name]}
        params = st.fixed_dictionaries({}, optional=arguments)
        return st.fixed_dictionaries({"id": st.integers(0, 2**53), "method": st.just(name), "params": params})

    @HARMLESS
    @given(st.lists(st.sampled_from(sorted(described)).flatmap(calls), min_size=CALLS, max_size=CALLS))
    def run(batch: list[Any]) -> None:
        again = [call | {"id": call["id"] + part} for part in range(3) for call in batch]
        undisturbed(line, [text(call) for call in again])

    run()
    assert line.sent >= AT_LEAST["calls"]


def test_arbitrary_bytes_and_damaged_requests(line: Line) -> None:
    valid = st.sampled_from(
        [
            text(request(name))
            for name in ("RPC.List", "FS.List", "Config.Get", "ATCA.GetInfo", "Identity.Status")
        ]
    )

    @st.composite
    def damaged(draw: Any) -> bytes:
        data = bytearray(draw(valid))
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, len(data) - 1))
            data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
            data = data or bytearray(b" ")
        return bytes(data)

    @HARMLESS
    @given(st.lists(st.one_of(st.binary(max_size=300), damaged()), min_size=BATCH, max_size=BATCH))
    def run(batch: list[bytes]) -> None:
        frames = [frame for data in batch for frame in cuts(data)]
        undisturbed(line, [frame for frame in frames if frame.strip()], strict=False)

    run()
    assert line.sent >= AT_LEAST["bytes"]


def test_that_it_was_enough() -> None:
    """Each of the three tests above has sent its share."""
    assert sum(AT_LEAST.values()) >= FRAMES


def test_the_memory_is_as_it_was(shared: Device, described: dict[str, list[str]]) -> None:
    """Two rounds of the same: the second one costs nothing."""
    with shared.websocket() as websocket:
        line = Line(websocket)
        batch = [text(request(name, {})) for name in described]
        line.replies(batch)
        before = line.state()["ram_free"]
        for _ in range(5):
            line.replies(batch)
        assert line.state()["ram_free"] > before - LEAK
