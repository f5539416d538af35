"""The driver by itself, as a maker of something else takes it: installed by mip on a board that has nothing of ours."""

import functools
import http.server
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from handshake import tls_server
from repl import Repl
from simboard import Board
from simcloud import pki

FIRMWARE = Path(__file__).parents[2] / "firmware"
PINS = "from machine import I2C, SoftI2C, Pin\nfrom board import SCL, SDA\n"
FOUND = PINS + "from atecc608 import ATECC608\n"
ON = "chip = ATECC608({})\n"
SLOW = "I2C(0, scl=Pin(SCL), sda=Pin(SDA), freq=100_000)"
SOFT = "SoftI2C(scl=Pin(SCL), sda=Pin(SDA), freq=100_000)"
FAST = "I2C(0, scl=Pin(SCL), sda=Pin(SDA), freq=400_000)"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format, *args):
        pass


@pytest.fixture(scope="module")
def board():
    handler = functools.partial(Quiet, directory=FIRMWARE)
    with (
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
        Board(bare=True, chip_options=["--preset=tls", "--locked"]) as board,
    ):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        where = f"http://127.0.0.1:{server.server_address[1]}/atecc608/package.json"
        command = [
            sys.executable,
            "-m",
            "mpremote",
            "connect",
            board.port,
            "mip",
            "install",
            "--no-mpy",
            where,
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        server.shutdown()
        thread.join()
        with Repl(board.port) as repl:
            repl.run(
                "with open('board.py', 'w') as f: f.write(given)",
                (FIRMWARE / "../boards/SIM/board.py").read_text(),
            )
        yield board


@pytest.fixture
def repl(board):
    with Repl(board.port) as repl:
        yield repl


@pytest.mark.parametrize("i2c", [SLOW, SOFT])
def test_it_takes_the_i2c_that_one_has(repl, i2c):
    serial, part = repl.value("[chip.serial_number, chip.config().part]", FOUND + ON.format(i2c))
    assert part == "ATECC608A"
    assert len(serial) == 18 and serial.startswith("0123") and serial.endswith("ee")


def test_nothing_of_the_device_comes_with_it(repl):
    before = "before = set(sys.modules)\n"
    names = repl.value(
        "list(set(sys.modules) - before)", "import sys, board\n" + before + FOUND + ON.format(SLOW)
    )
    assert {name.partition(".")[0] for name in names} <= {"atecc608"}


def test_a_bus_that_is_too_fast_to_wake_it_is_told_of(board):
    board.reset()
    with Repl(board.port) as repl:
        assert "make the I2C with freq=100_000" in repl.error("chip.Info()", FOUND + ON.format(FAST))


CONTEXT = "SSLContext(chip, slot=0, certificate={certificate!r}, cas={ca!r})"
TLS = """
import machine, socket
from atecc608.context import SSLContext
machine.RTC().datetime({clock!r})
context = {context}
s = socket.socket()
s.connect(socket.getaddrinfo("127.0.0.1", {port})[0][-1])
secured = context.wrap_socket(s, server_hostname="localhost")
said = secured.read(2).decode()
secured.close()
"""


def test_a_clients_tls_is_signed_by_the_chip_in_three_lines(repl):
    authority = pki.Authority.root(pki.name(common_name="a CA"))
    point = bytes.fromhex(repl.value("chip.GenKey(0).hex()", FOUND + ON.format(SLOW)))
    now = datetime.now(UTC)
    clock = (now.year, now.month, now.day, 0, now.hour, now.minute, now.second, 0)

    def context(key: ec.EllipticCurvePublicKey) -> str:
        certificate = authority.sign(key, pki.name(common_name="thing-1"), pki.Validity.days(-1, 30))
        return CONTEXT.format(certificate=pki.pem(certificate), ca=pki.pem(authority.certificate))

    own = context(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point))
    setup = FOUND + ON.format(SLOW)
    with tls_server(authority) as port:
        code = setup + TLS.format(clock=clock, context=own, port=port)
        assert repl.value("[said, context.signed]", code) == ["in", True]
    setup += "from atecc608.context import SSLContext\n"
    other = context(ec.generate_private_key(ec.SECP256R1()).public_key())
    assert "for another key than the one in slot 0" in repl.error(other, setup)


def test_example_driver(repl):
    repl.value("chip.GenKey(0).hex()", FOUND + ON.format(SLOW))
    said = repl.run((FIRMWARE / "examples/driver.py").read_text())
    assert "serial number 0123" in said and "signature True" in said


SERVED = "import machine\nmachine.RTC().datetime({clock!r})\n"


def test_example_https(repl):
    authority = pki.Authority.root(pki.name(common_name="a CA"))
    point = bytes.fromhex(repl.value("chip.GenKey(0).hex()", FOUND + ON.format(SLOW)))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    certificate = authority.sign(key, pki.name(common_name="thing-1"), pki.Validity.days(-1, 30))
    for path, data in (("/device.pem", certificate), ("/ca.pem", authority.certificate)):
        repl.run(f"with open({path!r}, 'w') as f: f.write(given)", pki.pem(data).decode())
    now = datetime.now(UTC)
    clock = (now.year, now.month, now.day, 0, now.hour, now.minute, now.second, 0)
    with tls_server(authority, b"HTTP/1.0 200 OK\r\n\r\nhello") as port:
        code = SERVED.format(clock=clock) + (FIRMWARE / "examples/https.py").read_text()
        assert repl.value(f"get('/', port={port}).decode()", code) == "hello"
