"""The program: its socket, its options, its manners."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chip.bench import AWAKE_ANSWER, frame
from simchip.runner import ChipDidNotStart, running_chip
from simchip.statefile import load

SIM = Path(__file__).parents[2] / "boards" / "SIM"


class Client:
    """The I2C socket from the controller's side."""

    def __init__(self, address: str) -> None:
        kind, _, rest = address.partition(":")
        if kind == "unix":
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(rest)
        else:
            host, _, port = rest.rpartition(":")
            self.socket = socket.create_connection((host, int(port)))
        self.socket.settimeout(5)

    def ask(
        self, op: bytes, address: int = 0, payload: bytes = b"", length: int | None = None
    ) -> tuple[int, bytes]:
        size = len(payload) if length is None else length
        self.socket.sendall(op + bytes([address]) + size.to_bytes(2, "big") + payload)
        head = self.receive(3)
        return head[0], self.receive(int.from_bytes(head[1:], "big"))

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def wait(self, microseconds: int) -> int:
        return int.from_bytes(self.ask(b"T", 0, microseconds.to_bytes(4, "big"))[1], "big")

    def wake(self) -> None:
        assert self.ask(b"W") == (1, b"")
        self.wait(1500)
        assert self.ask(b"R", 0x60, length=4) == (0, AWAKE_ANSWER)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running_chip("--virtual-time", "--preset", "tls", "--seed", "1") as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    client = Client(address)
    client.ask(b"P", 0, b"\0")
    client.ask(b"P", 0, b"\1")
    client.wait(200)
    yield client
    client.socket.close()


def test_a_command_from_end_to_end(client: Client) -> None:
    client.wake()
    assert client.ask(b"W", 0x60, b"\x03" + frame(0x30)) == (0, b"")
    assert client.ask(b"R", 0x60, length=1) == (1, b""), "busy"
    client.wait(5000)
    assert client.ask(b"R", 0x60, length=8) == (0, bytes.fromhex("0700006002") + bytes.fromhex("8038ff"))


def test_a_data_byte_refused(client: Client) -> None:
    client.wake()
    assert client.ask(b"W", 0x60, b"\x03" + frame(0x30) + b"\0") == (2, b"")


def test_each_connection_has_its_own_frequency(client: Client, address: str) -> None:
    client.ask(b"F", 0, (1_000_000).to_bytes(4, "big"))
    assert client.ask(b"W") == (1, b"")
    client.wait(1500)
    assert client.ask(b"R", 0x60, length=4) == (1, b""), "too fast to wake"
    other = Client(address)
    other.wake()
    other.ask(b"W", 0x60, b"\0")
    assert client.ask(b"R", 0x60, length=4) == (0, AWAKE_ANSWER), "on the same bus"
    other.socket.close()


def test_power(client: Client) -> None:
    client.wake()
    assert client.ask(b"P", 0, b"\0") == (0, b"")
    assert client.ask(b"W", 0x60) == (1, b"")
    assert client.ask(b"P", 0, b"\1") == (0, b"")
    client.wait(200)
    client.wake()


def test_virtual_time_moves_by_transfers_and_waits_only(client: Client) -> None:
    before = client.wait(0)
    time.sleep(0.01)
    assert client.wait(0) == before
    assert client.wait(4_000_000_000) == before + 4_000_000_000
    client.ask(b"W", 0x60)
    assert client.wait(0) == before + 4_000_000_000 + 110


MALFORMED = [
    b"X\0\0\0",
    b"W\x80\0\0",
    b"R\xff\0\4",
    b"F\0\0\3abc",
    b"F\0\0\4\0\0\0\0",
    b"T\0\0\1a",
    b"P\0\0\1\2",
    b"P\0\0\0",
    b"\0" * 64,
]


@pytest.mark.parametrize("data", MALFORMED)
def test_a_malformed_frame_ends_that_connection_only(client: Client, address: str, data: bytes) -> None:
    bad = Client(address)
    bad.socket.sendall(data)
    with pytest.raises((EOFError, ConnectionResetError)):
        bad.receive(1)
    client.wake()


def test_a_connection_that_ends_in_the_middle_of_a_frame(client: Client, address: str) -> None:
    bad = Client(address)
    bad.socket.sendall(b"W\x60\0\x09half")
    bad.socket.close()
    client.wake()


def test_transfers_of_many_connections_do_not_mix(client: Client, address: str) -> None:
    client.wake()
    client.ask(b"W", 0x60, b"\x03" + frame(0x30))
    client.wait(5000)
    answers = []

    def read() -> None:
        mine = Client(address)
        for _ in range(20):
            mine.ask(b"W", 0x60, b"\0")
        answers.append(mine.ask(b"R", 0x60, length=200))
        mine.socket.close()

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(status == 0 and len(data) == 200 for status, data in answers)
    assert len(answers) == 8


def test_real_time_sleeps_without_holding_up_the_others() -> None:
    with running_chip() as address:
        slow, quick = Client(address), Client(address)
        thread = threading.Thread(target=slow.wait, args=(400_000,))
        start = time.monotonic()
        thread.start()
        quick.wake()
        assert time.monotonic() - start < 0.3
        thread.join()
        assert time.monotonic() - start >= 0.4


@pytest.mark.parametrize(("timing", "least"), [("typical", 0.008), ("slow", 0.05), ("worst", 0.11)])
def test_real_time_is_real(timing: str, least: float) -> None:
    with running_chip("--preset", "tls", "--locked", "--timing", timing) as address:
        client = Client(address)
        client.wake()
        start = time.monotonic()
        client.ask(b"W", 0x60, b"\x03" + frame(0x40, 4, 0))
        while client.ask(b"R", 0x60, length=1)[0]:
            time.sleep(0.001)
        assert least < time.monotonic() - start < 0.25


def test_a_unix_socket_with_a_state_file(tmp_path: Path) -> None:
    path, state = tmp_path / "chip", tmp_path / "state"
    with running_chip("--state", state, "--virtual-time", listen=f"unix:{path}") as address:
        assert address == f"unix:{path}"
        client = Client(address)
        client.wake()
        client.ask(b"W", 0x60, b"\x03" + frame(0x24, 1, 0))
        client.wait(30_000)
        assert client.ask(b"R", 0x60, length=1) == (0, b"\x07")
    assert not path.exists(), "the socket is removed"
    assert load(state).config[52:60].hex() == "7fffffff00000000"


# The command line.


def run(*options: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(SIM)}
    command = [sys.executable, "-m", "simchip", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=10, check=False)


def test_bad_use_is_a_sentence_and_status_2(tmp_path: Path) -> None:
    """One process each is slow: the parts are tested in test_cli.py; here, that the program says it."""
    result = run("--listen", "tcp:0.0.0.0:0")
    assert (result.returncode, result.stdout) == (2, "")
    assert "loopback" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_path_in_use_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chip"
    with running_chip(listen=f"unix:{path}"):
        with (
            pytest.raises(ChipDidNotStart, match="in use by a running chip"),
            running_chip(listen=f"unix:{path}"),
        ):
            pass
        assert path.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_cleanly(tmp_path: Path, number: int) -> None:
    path = tmp_path / "chip"
    command = [sys.executable, "-m", "simchip", "--listen", f"unix:{path}"]
    environment = os.environ | {"PYTHONPATH": str(SIM)}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as chip:
        assert chip.stdout is not None
        assert chip.stdout.readline() == f"listening on unix:{path}\n"
        chip.send_signal(number)
        _, errors = chip.communicate(timeout=5)
    assert (chip.returncode, errors) == (0, "")
    assert not path.exists()
