"""Clients that are slow, silent, many at once, or gone before their answer."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from foreign_rpc.frames import Closed, Silence, check, request, text
from foreign_rpc.httpchannel import read_answer, request_bytes
from foreign_rpc.mos import Mos
from foreign_rpc.rpcbench import HOST, PATIENCE_S, Device, alive, until
from foreign_rpc.websocket import TEXT, Rejected, WebSocket, frame_bytes, upgrade_request
from simchip.clock import RealClock

CROWD = 50
CONNECTIONS = 6
SILENT = 3
CROWD_S = 40.0
CONNECT_S = 2.0  # a SYN that is dropped is sent again ever later: whoever wants in knocks again
GEN_KEY = 0x40
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def byte_by_byte(connection: socket.socket, data: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data:
        connection.send(bytes([byte]))
        time.sleep(0.0005)


def test_one_byte_a_time_over_http(shared: Device) -> None:
    body = text(request("Sys.GetInfo"))
    with shared.http().connect() as connection:
        byte_by_byte(connection, request_bytes("POST", "/rpc", "device", body))
        assert read_answer(connection).status == 200


def test_one_byte_a_time_over_a_websocket(shared: Device) -> None:
    with shared.http().connect() as connection, shared.ws() as other:
        byte_by_byte(connection, upgrade_request("device", KEY))
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += connection.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ")
        asked = request("Sys.GetInfo")
        byte_by_byte(connection, frame_bytes(TEXT, text(asked)))
        alive(other)
        assert connection.recv(65536)[:1] == b"\x81"


def test_a_slow_reader(shared: Device) -> None:
    """It asks a lot and reads nothing; others are served in the meantime, and in the end it gets all its answers."""
    with shared.websocket() as slow, shared.ws() as other:
        asked = [request("RPC.Describe", {"name": "ATCA.SetKey"}) for _ in range(60)]
        slow.send_bytes(b"".join(frame_bytes(TEXT, text(each)) for each in asked))
        alive(other)
        for each in asked:
            check(slow.receive(), each)


@pytest.mark.parametrize("said", [b"", upgrade_request("x", KEY)[:40]], ids=["nothing", "half a handshake"])
def test_silent_connections_keep_nobody_out(shared: Device, said: bytes) -> None:
    """Whoever comes later and speaks is served, in the end: those who say nothing are sent away."""
    with ExitStack() as stack:
        for _ in range(SILENT):
            silent = stack.enter_context(socket.create_connection((HOST, shared.ws_port), 10))
            silent.sendall(said)
        asked = request("Sys.GetInfo")
        reply = until(lambda: served(shared, asked), "somebody who speaks is served")
        assert check(reply, asked)["uptime"] >= 0


def served(device: Device, asked: dict) -> dict | None:
    """The reply, unless the connection was closed or nothing came."""
    try:
        with device.websocket(timeout=5) as websocket:
            return websocket.exchange(asked, 5)
    except (Closed, Silence, Rejected, OSError):
        return None


def test_idle_websockets_keep_nobody_out(shared: Device) -> None:
    """Those who were served once and say nothing more give way to who comes later."""
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            idle = stack.enter_context(shared.websocket())
            idle.exchange(request("RPC.List"))
        asked = request("Sys.GetInfo")
        check(until(lambda: served(shared, asked), "a newcomer is served"), asked)


class Visitor(threading.Thread):
    """Connects until it has had its answer, and stays until all have, or it is sent away."""

    def __init__(self, device: Device, start: threading.Barrier, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self._device, self._start, self._enough = device, start, enough
        self.uptime: float | None = None
        self.tries = 0
        self.wrong: Exception | None = None

    def run(self) -> None:
        self._start.wait()
        deadline = time.monotonic() + CROWD_S
        while self.uptime is None and self.wrong is None and time.monotonic() < deadline:
            self.tries += 1
            try:
                self._visit()
            except (Closed, Silence, Rejected, OSError):
                time.sleep(0.05)
            except Exception as error:
                self.wrong = error

    def _visit(self) -> None:
        with self._device.websocket(timeout=CONNECT_S) as websocket:
            asked = request("Sys.GetInfo")
            self.uptime = check(websocket.exchange(asked, CROWD_S), asked)["uptime"]
            self._enough.wait(CROWD_S)


def test_fifty_clients_at_once(shared: Device) -> None:
    start, enough = threading.Barrier(CROWD), threading.Event()
    crowd = [Visitor(shared, start, enough) for _ in range(CROWD)]
    for visitor in crowd:
        visitor.start()
    try:
        until(
            lambda: all(visitor.uptime is not None or visitor.wrong for visitor in crowd),
            f"all of {CROWD} are served",
            CROWD_S,
        )
    finally:
        enough.set()
        for visitor in crowd:
            visitor.join(PATIENCE_S)
    assert [visitor.wrong for visitor in crowd if visitor.wrong] == []


def vanish(websocket: WebSocket) -> None:
    """Gone without a FIN: the connection is reset."""
    websocket.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    websocket.close()


def test_a_client_that_disappears_in_the_middle_of_a_chip_command(board: Callable[..., Device]) -> None:
    """In real time, so that there is a middle. The chip is not left busy, and the key that was asked for is there."""
    device = board(preset="tls", locked=True, clock=RealClock())
    device.open_ws()
    websocket = device.websocket()
    websocket.send(text(request("ATCA.GenKey", {"slot": 2})))
    until(lambda: GEN_KEY in device.chip.commands, "the chip makes a key")
    vanish(websocket)
    with device.ws() as mos:
        assert len(mos.atca_get_pub_key(2)) == 64
    assert device.chip.keys_made == 1
    with device.owner() as owner:
        alive(owner)


def test_clients_that_come_and_go_leave_nothing_behind(shared: Device) -> None:
    """Two hundred who vanish after half a frame; then there is as much memory as before."""
    with shared.ws() as mos:
        before = mos.call("Sys.GetInfo")["ram_free"]
    for turn in range(200):
        websocket = shared.websocket()
        websocket.send_bytes(frame_bytes(TEXT, text(request("RPC.List")))[: 5 + turn % 40])
        vanish(websocket) if turn % 2 else websocket.close()
    with shared.ws() as mos:
        until(
            lambda: mos.call("Sys.GetInfo")["ram_free"] > before - 8192,
            f"{before} bytes are free again",
        )


def test_the_serial_line_is_served_while_the_network_is_full(shared: Device) -> None:
    with ExitStack() as stack:
        for _ in range(20):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((HOST, shared.ws_port))
        with shared.serial() as mos:
            alive(mos)


def test_two_operators_and_the_owner_take_turns(shared: Device) -> None:
    """Chip commands from three sides at once: everybody gets the right answers."""
    with shared.ws() as first, shared.ws() as second, shared.serial() as owner:
        expected = first.call("ATCA.GetConfig")
        wrong: list[object] = []

        def ask(mos: Mos) -> None:
            for _ in range(10):
                if (config := mos.call("ATCA.GetConfig")) != expected:
                    wrong.append(config)

        threads = [threading.Thread(target=ask, args=(mos,)) for mos in (first, second, owner)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
