"""The real-time clock, and who sees it."""

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from repl import Repl
from sim.scriptedbus import ScriptedBus, Wired
from simboard import Board

SECONDS_1970_TO_2000 = 946_684_800
SET = "import time, machine; machine.RTC().datetime((%d, 6, 7, 0, 8, 9, 10, 0))"


@contextmanager
def virtual_time() -> Iterator[Repl]:
    """A board in virtual time: nothing here depends on how fast the machine is."""
    bus = ScriptedBus()
    with Board(bus=bus.name) as board, Repl(board.port, alone=True) as repl:
        yield repl
    bus.close()


@pytest.fixture(scope="module")
def clock() -> Iterator[Repl]:
    """For what leaves nothing behind that runs on."""
    with virtual_time() as repl:
        yield repl


def test_powers_up_in_2000() -> None:
    bus = ScriptedBus()
    with Board(bus=bus.name) as board:
        for _ in range(2):
            with Repl(board.port, alone=True) as repl:
                seconds, told = repl.value("[time.time(), list(time.gmtime())]", "import time")
                assert seconds < 60 and told == [2000, 1, 1, 0, 0, seconds, 5, 1]
                repl.run(SET % 2031)
                assert repl.value("time.gmtime()[0]", "import time") == 2031
            board.power_cycle()
    bus.close()


def test_epoch_is_2000(clock: Repl) -> None:
    clock.run(SET % 2026)
    expected = datetime.datetime(2026, 6, 7, 8, 9, 10, tzinfo=datetime.UTC).timestamp() - SECONDS_1970_TO_2000
    values = "[time.time(), time.time_ns(), time.mktime((2026, 6, 7, 8, 9, 10, 0, 0)), time.gmtime(0)[0]]"
    assert clock.value(values, "import time") == [expected, expected * 10**9, expected, 2000]
    assert clock.value("list(machine.RTC().datetime())", "import machine") == [2026, 6, 7, 6, 8, 9, 10, 0]


def test_time_goes_on_while_the_board_sleeps(clock: Repl) -> None:
    assert clock.value("time.time() - t", "import time; t = time.time(); time.sleep(90000)") == 90000


def test_ticks_wrap_around_as_on_a_microcontroller(clock: Repl) -> None:
    assert clock.value("time.ticks_add(0, -1)", "import time") == 2**30 - 1


def test_timeouts_come_in_virtual_time_too(clock: Repl) -> None:
    sleep = (
        "import asyncio, time\nasync def nap(): await asyncio.sleep_ms(50)\n"
        "a = time.ticks_ms()\nasyncio.run(nap())"
    )
    assert clock.value("time.ticks_diff(time.ticks_ms(), a)", sleep) >= 50
    poll = (
        "import select, socket, time\ns = socket.socket()\n"
        "s.bind(socket.getaddrinfo('127.0.0.1', 0)[0][-1]); s.listen(1)\n"
        "p = select.poll(); p.register(s, select.POLLIN); a = time.ticks_ms(); r = p.poll(30)"
    )
    assert clock.value("[r, time.ticks_diff(time.ticks_ms(), a) >= 30]", poll) == [[], True]


def test_a_file_that_is_written_piece_by_piece_costs_no_question_for_each(wired: Wired) -> None:
    """Each piece gets the file a new stamp, as of a millisecond ago at most."""
    wired.bus.asked = 0
    code = "f = open('pieces', 'w')\nfor _ in range(3000):\n    f.write('.')\nf.close()"
    assert wired.repl.value("os.stat('pieces')[6]", f"import os\n{code}") == 3000
    assert wired.bus.asked < 1000


def test_a_stamp_is_as_late_as_the_write(clock: Repl) -> None:
    code = (
        "import os, time\ndef stamp():\n    with open('stamped', 'w') as f:\n        f.write('.')\n"
        "    return os.stat('stamped')[8]\n"
    )
    assert clock.value("stamp() - a", f"{code}a = stamp()\ntime.sleep(5)") == 5


WAITS_ELSEWHERE = """
import _thread, asyncio, select, time
woken = []
async def nap():
    for _ in range(20):
        await asyncio.sleep(86400)
        woken.append(time.time())
_thread.start_new_thread(lambda: asyncio.run(nap()), ())
select.poll().poll(20)
for _ in range(7):
    time.sleep(86400)
select.poll().poll(20)
"""


def test_who_waits_elsewhere_notices_that_time_passes() -> None:
    """A thread that waits for a day is not asleep for a week of real time, nor does it miss the day."""
    with virtual_time() as clock:
        assert clock.value("len(woken)", WAITS_ELSEWHERE) in (6, 7)


HELD = """
import _thread, time
ended = []
def doze():
    time.sleep_ms(7)
    ended.append(time.ticks_ms())
began = time.ticks_ms()
_thread.start_new_thread(doze, ())
while not ended:
    time.sleep_ms(5000)
"""


def test_an_answer_that_another_thread_has_overtaken_is_no_new_clock() -> None:
    """Of the chip; what it said is old by the time that it arrives."""
    bus = ScriptedBus()
    overtaken = threading.Event()

    def late(wait: int) -> None:
        if wait == 7_000:
            overtaken.wait(20)
        elif bus.waits.count(5_000_000) > 1:
            overtaken.set()

    with Board(bus=bus.name) as board, Repl(board.port, alone=True) as repl:
        bus.late = late
        passed = repl.value("time.ticks_diff(time.ticks_ms(), began)", HELD)
        assert overtaken.is_set() and passed <= bus.clock_us // 1000
    bus.close()


ASKED_BY_MANY = """
import _thread, select, time
left = [2]
def poll():
    poll = select.poll()
    for _ in range(150):
        poll.poll(1)
    left[0] -= 1
for _ in range(2):
    _thread.start_new_thread(poll, ())
back, last = 0, time.ticks_us()
while left[0]:
    now = time.ticks_us()
    back += time.ticks_diff(now, last) < 0
    last = now
"""


def test_the_clock_never_goes_back(clock: Repl) -> None:
    assert clock.value("back", ASKED_BY_MANY) == 0


def test_soft_reset_keeps_the_time() -> None:
    bus = ScriptedBus()
    with Board(bus=bus.name) as board:
        with Repl(board.port, alone=True) as repl:
            repl.run(SET % 2033)
        from mpremote.transport_serial import SerialTransport

        transport = SerialTransport(board.port, 115200, timeout=1)
        transport.enter_raw_repl(soft_reset=True)
        assert transport.exec("import time; print(time.gmtime()[:6])") == b"(2033, 6, 7, 8, 9, 10)\r\n"
        transport.close()
    bus.close()


class TlsServer:
    """Shakes hands with whoever connects; its certificate is valid from 2025 to 2035."""

    def __init__(self, directory: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(datetime.datetime(2025, 1, 1))
            .not_valid_after(datetime.datetime(2035, 1, 1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("server")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        pem = directory / "server.pem"
        pem.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                self._context.wrap_socket(connection, server_side=True).close()
            except (ssl.SSLError, OSError):
                connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServer]:
    server = TlsServer(tmp_path_factory.mktemp("tls"))
    yield server
    server.close()


CONNECT = """
import binascii, socket, tls
def connect():
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED
    context.load_verify_locations(binascii.unhexlify(given['ca']))
    s = socket.socket()
    s.connect(socket.getaddrinfo('127.0.0.1', given['port'])[0][-1])
    context.wrap_socket(s, server_hostname='server').close()
"""


@pytest.mark.parametrize(
    ("year", "verdict"), [(2000, "starts in the future"), (2026, "no error"), (2040, "has expired")]
)
def test_certificates_are_judged_by_the_boards_clock(
    clock: Repl, server: TlsServer, year: int, verdict: str
) -> None:
    clock.run(SET % year)
    given = {"ca": server.der.hex(), "port": server.port}
    assert verdict in clock.error("connect()", CONNECT, given)


def test_a_key_can_stay_outside(clock: Repl) -> None:
    assert clock.value(
        "hasattr(tls.SSLContext(tls.PROTOCOL_TLS_CLIENT), 'ecdsa_sign_callback')", "import tls"
    )
