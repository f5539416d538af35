"""Calls that wait, and callers that say nothing: neither keeps anybody else from being served."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from foreign_rpc.frames import Closed, request, text
from foreign_rpc.mos import Mos
from foreign_rpc.rpcbench import HOST, alive
from foreign_rpc.websocket import WebSocket
from simboard.served import Served

AT_ONCE_S = 12.0  # on a slow machine; who waits does so for twice as long
CROWD = 30
# A crowd of silent ones, left alone, would keep somebody out for as long as the test lasts.
SLOW_MACHINE_S = 60


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """On MQTT, so that there is something to wait for; open to everybody on ws:// as well."""
    with Served("wss://127.0.0.1:0", into=tmp_path_factory.mktemp("into")) as made:
        yield made


@pytest.fixture
def plain(served: Served) -> Iterator[int]:
    """The port of ws:// while everybody may call."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    with served.owner() as owner:
        owner.bench(True, 3600)
        owner.web_socket(True, port=port)
    yield port
    with served.owner() as owner:
        owner.web_socket(False)


def operators_tls(served: Served) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert served.credentials
    where = Path(served.credentials.operator.directory)
    context.load_cert_chain(where / "operator.crt.pem", where / "operator.key.pem")
    return context


def took(call: Callable[[], Any]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


def let_in(port: int) -> WebSocket:
    """A connection, as soon as those of the test before are gone: the device breaks off what is one too many."""
    deadline = time.monotonic() + AT_ONCE_S
    while True:
        try:
            return WebSocket(HOST, port)
        except (Closed, OSError):
            assert time.monotonic() < deadline, "nobody else is let in"
            time.sleep(0.1)


WAITING = [
    ("MQTT.Receive", {"timeout": 25, "topic": "never"}),
    ("Wifi.Setup", {"ssid": "none", "timeout": 25, "save": False}),
    ("Wifi.Scan", None),
]


@pytest.mark.parametrize("method", ["MQTT.Receive", "Wifi.Setup", "Wifi.Scan", "all"])
def test_calls_that_wait_keep_nobody_waiting(served: Served, plain: int, method: str) -> None:
    """Five of six connections wait, and whoever has the sixth is answered at once; so is the owner, and an operator."""
    kinds = [kind for kind in WAITING if method in (kind[0], "all")]
    with ExitStack() as stack:
        for i in range(5):
            name, params = kinds[i % len(kinds)]
            stack.enter_context(let_in(plain)).send(text(request(name, params)))
        time.sleep(0.3)
        with Mos(let_in(plain)) as mos:
            assert max(took(lambda: alive(mos)) for _ in range(5)) < AT_ONCE_S
        with served.owner() as owner:
            assert took(owner.info) < AT_ONCE_S


def test_a_call_that_waits_gets_what_it_waits_for(served: Served, plain: int) -> None:
    with served.owner() as owner:
        owner.subscribe("bench/waits")
    with ExitStack() as stack:
        waiting = []
        for _ in range(4):
            waiting.append(stack.enter_context(WebSocket(HOST, plain, timeout=20)))
            waiting[-1].send(text(request("MQTT.Receive", {"timeout": 20, "topic": "bench/waits"})))
        with Mos(WebSocket(HOST, plain)) as mos:
            for i in range(4):
                mos.call("MQTT.Publish", {"topic": "bench/waits", "message": f"message {i}"})
        got = {one.receive(20)["result"]["message"] for one in waiting}
        assert got == {f"message {i}" for i in range(4)}


def test_who_waits_and_goes_leaves_nothing_behind(served: Served, plain: int) -> None:
    """Forty who ask for a message and hang up; then others still wait, and get theirs."""
    for _ in range(40):
        with WebSocket(HOST, plain) as one:
            one.send(text(request("MQTT.Receive", {"timeout": 2, "topic": "never"})))
    with Mos(WebSocket(HOST, plain)) as mos:
        deadline = time.monotonic() + 20
        while True:
            try:
                assert mos.call("MQTT.Receive", {"timeout": 0.2, "topic": "never"}) is None
                break
            except Exception as refused:
                assert "calls wait" in str(refused) and time.monotonic() < deadline


# Who says nothing.


class Silent(threading.Thread):
    """Somebody at an address of its own who connects again and again, and says nothing, or hardly anything."""

    def __init__(self, address: str, port: int, says: bytes, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self._address, self._port, self._says, self._enough = address, port, says, enough

    def run(self) -> None:
        while not self._enough.is_set():
            try:
                with socket.create_connection((HOST, self._port), 2, (self._address, 0)) as connection:
                    connection.sendall(self._says)
                    connection.settimeout(3)
                    connection.recv(1)
            except OSError:
                self._enough.wait(0.05)


@pytest.mark.parametrize(
    "says",
    [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
    ids=["nothing", "a byte", "half a hello"],
)
def test_a_silent_crowd_keeps_no_operator_out(served: Served, says: bytes) -> None:
    """Thirty addresses; an operator who was there before calls, on a new connection each time, and is answered."""
    context = operators_tls(served)

    def call() -> None:
        with Mos(WebSocket(HOST, served.port, tls=context, timeout=25)) as mos:
            alive(mos)

    call()
    enough = threading.Event()
    crowd = [Silent(f"127.0.1.{i}", served.port, says, enough) for i in range(1, CROWD + 1)]
    for one in crowd:
        one.start()
    try:
        time.sleep(1)
        slowest = max(took(call) for _ in range(8 if not says else 4))
    finally:
        enough.set()
        for one in crowd:
            one.join(10)
    assert slowest < (10 if not says else 25)


def test_a_silent_crowd_on_the_plain_port(served: Served, plain: int) -> None:
    enough = threading.Event()
    crowd = [Silent(f"127.0.1.{i}", plain, b"", enough) for i in range(1, CROWD + 1)]
    for one in crowd:
        one.start()

    def call() -> None:
        with Mos(WebSocket(HOST, plain, timeout=SLOW_MACHINE_S)) as mos:
            alive(mos)

    try:
        time.sleep(1)
        for _ in range(8):
            call()
    finally:
        enough.set()
        for one in crowd:
            one.join(10)


def test_who_announces_much_and_sends_little_takes_no_memory(served: Served, plain: int) -> None:
    """Of a stranger's message nothing is kept before some of it is here."""
    with served.owner() as owner:
        owner.web_socket(True, port=plain, username="u", ha1="5e" * 32)
        owner.bench(False)
        before = owner.info().ram_free
        with ExitStack() as stack:
            for _ in range(3):
                one = stack.enter_context(socket.create_connection((HOST, plain), 5))
                one.sendall(b"POST /rpc HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 12288\r\n\r\nx")
            for _ in range(3):
                socket_ = stack.enter_context(WebSocket(HOST, plain))
                socket_.send_bytes(bytes.fromhex("82fe300000000000") + b"x" * 100)
            time.sleep(0.5)
            assert before - owner.info().ram_free < 20_000  # objects are twice as large here
