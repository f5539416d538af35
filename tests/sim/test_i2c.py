"""machine.I2C, byte for byte on the socket, and error for error as on ESP32."""

import struct

import pytest
from sim.scriptedbus import Wired

I2C = """
import machine, board
def open_i2c(freq=400_000):
    return machine.I2C(board.I2C, scl=machine.Pin(board.SCL), sda=machine.Pin(board.SDA), freq=freq)
i2c = open_i2c()
"""
ENODEV = "OSError(19,)"


def frame(op: str, address: int, payload: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack(">cBH", op.encode(), address, len(payload) if length is None else length) + payload


def frequency(hertz: int) -> bytes:
    return frame("F", 0, struct.pack(">I", hertz))


@pytest.mark.parametrize(
    ("call", "value", "requests"),
    [
        ("i2c.writeto(0x60, b'abc')", 3, [frame("W", 0x60, b"abc")]),
        ("i2c.writeto(0, b'')", 0, [frame("W", 0)]),
        ("i2c.writevto(0x60, [b'a', b'', b'bc'])", 3, [frame("W", 0x60, b"abc")]),
        ("list(i2c.readfrom(0x60, 4))", [0x55] * 4, [frame("R", 0x60, length=4)]),
        ("list(i2c.readfrom(0x60, 0))", [], []),
        (
            "list(i2c.readfrom_mem(0x60, 7, 2))",
            [0x55] * 2,
            [frame("W", 0x60, b"\x07"), frame("R", 0x60, length=2)],
        ),
        ("i2c.writeto_mem(0x60, 0x102, b'z', addrsize=16)", None, [frame("W", 0x60, b"\x01\x02z")]),
    ],
)
def test_transfers(wired: Wired, call: str, value: object, requests: list[bytes]) -> None:
    assert wired.repl.value(call, I2C) == value
    assert wired.bus.requests == requests


def test_reading_into_a_buffer(wired: Wired) -> None:
    setup = (
        I2C
        + "b = bytearray(3); i2c.readfrom_into(0x60, b); m = bytearray(2); i2c.readfrom_mem_into(0x60, 1, m)"
    )
    assert wired.repl.value("[list(b), list(m)]", setup) == [[0x55] * 3, [0x55] * 2]


def test_the_longest_transfer(wired: Wired) -> None:
    assert wired.repl.value("len(i2c.readfrom(0x60, 65535))", I2C) == 65535
    assert wired.repl.error("i2c.readfrom(0x60, 65536)", I2C) == "OSError(22,)"


@pytest.mark.parametrize(
    "call", ["i2c.writeto(0x60, b'abc')", "i2c.writeto(0x60, b'')", "i2c.readfrom(0x60, 1)"]
)
def test_address_not_acknowledged(wired: Wired, call: str) -> None:
    wired.bus.answer = lambda *_: (1, b"")
    assert wired.repl.error(call, I2C) == ENODEV


def test_data_not_acknowledged(wired: Wired) -> None:
    wired.bus.answer = lambda *_: (2, b"")
    assert wired.repl.error("i2c.writeto(0x60, b'abc')", I2C) == ENODEV


def test_soft_i2c_counts_acknowledgements(wired: Wired) -> None:
    wired.bus.answer = lambda *_: (2, b"")
    soft = "import machine, board; soft = machine.SoftI2C(scl=board.SCL, sda=board.SDA, freq=100_000)"
    assert wired.repl.value("soft.writeto(0x60, b'abc')", soft) == 0
    assert wired.bus.requests == [frequency(100_000), frame("W", 0x60, b"abc")]


def test_scan_probes_with_empty_writes(wired: Wired) -> None:
    wired.bus.answer = lambda _op, address, *_: (0 if address in (0x35, 0x60) else 1, b"")
    assert wired.repl.value("i2c.scan()", I2C) == [0x35, 0x60]
    assert wired.bus.requests == [frame("W", address) for address in range(0x08, 0x78)]


def test_frequency_is_sent_when_it_changes(wired: Wired) -> None:
    slow = "i2c.writeto(1, b'')\nopen_i2c(100_000).writeto(0, b'')\ni2c.writeto(2, b'')\n"
    wired.repl.run(I2C + slow + "open_i2c().writeto(3, b'')")
    expected = [
        frame("W", 1),
        frequency(100_000),
        frame("W", 0),
        frame("W", 2),
        frequency(400_000),
        frame("W", 3),
    ]
    assert wired.bus.requests == expected


def test_hard_i2c_has_no_init_and_no_primitives(wired: Wired) -> None:
    for call in ("i2c.init(freq=100_000)", "i2c.start()", "i2c.stop()", "i2c.write(b'x')"):
        assert "not supported" in wired.repl.error(call, I2C)
    assert "doesn't exist" in wired.repl.error("machine.I2C(2)", I2C)


def test_nothing_at_other_pins(wired: Wired) -> None:
    assert wired.repl.value("machine.I2C(1).scan()", I2C) == []
    assert wired.repl.error("machine.I2C(1).writeto(0x60, b'')", I2C) == ENODEV
    assert "invalid pin" in wired.repl.error("machine.Pin(24)", I2C)


def test_default_pins_are_an_esp32s(wired: Wired) -> None:
    assert wired.repl.value("str(machine.I2C(1))", I2C) == "I2C(1, scl=25, sda=26, freq=400000)"


def test_a_chip_that_says_too_little_is_a_fault_of_the_bus(wired: Wired) -> None:
    wired.bus.answer = lambda *_: (0, b"\x00")
    assert wired.repl.error("i2c.readfrom(0x60, 4)", I2C) == ENODEV


def test_sleep_passes_time_on_the_chip(wired: Wired) -> None:
    code = "import time; a = time.ticks_us(); time.sleep_ms(1500); time.sleep_us(7); time.sleep(2)"
    assert wired.repl.value("time.ticks_diff(time.ticks_us(), a)", code) == 3_500_007
    assert wired.bus.waits == [1_500_000, 7, 2_000_000]


def test_a_sleeping_thread_holds_up_no_transfer() -> None:
    """In real time, on the simulated chip: transfers go on while another thread sleeps."""
    from repl import Repl
    from simboard import Board

    code = I2C + (
        "import _thread, time\n"
        "_thread.start_new_thread(time.sleep_ms, (2000,)); time.sleep_ms(1)\n"
        "a = time.ticks_ms()\nfor _ in range(20): i2c.scan()\n"
    )
    with Board() as board, Repl(board.port, alone=True) as repl:
        assert repl.value("time.ticks_diff(time.ticks_ms(), a)", code) < 1500
