"""The I2C interface: waking, word addresses, FIFO, output buffer."""

import pytest
from chip.bench import AWAKE_ANSWER, COMM, INFO, OK, RANDOM, Bench, crc, frame, make
from simchip import Ack, Quirks

REVISION = bytes.fromhex("0700006002") + bytes.fromhex("8038")


@pytest.fixture
def chip() -> Bench:
    return make("D")


@pytest.mark.parametrize(
    ("hz", "wakes"),
    [(10_000, True), (100_000, True), (133_000, True), (140_000, True), (400_000, False), (1_000_000, False)],
)
def test_a_write_to_address_0_wakes_when_sda_is_low_long_enough(chip: Bench, hz: int, wakes: bool) -> None:
    """8.5 bits low: 85 us at 100 kHz, 64 at 133, 61 at 140, 21 at 400, 8.5 at 1000."""
    assert chip.chip.write(0, b"", hz=hz) is Ack.ADDRESS_REFUSED
    assert chip.chip.state == ("AWAKE" if wakes else "SLEEP")


@pytest.mark.parametrize(
    ("address", "read", "hz", "wakes"),
    [
        (0x60, False, 100_000, True),  # 0xC0: six zeros, 60 us
        (0x60, True, 100_000, True),  # 0xC1: five zeros, 50 us: above the default threshold
        (0x60, False, 133_000, True),  # 45 us
        (0x60, False, 400_000, False),
        (0x40, False, 100_000, True),  # what i2c.scan() does on its way
        (0x7F, False, 100_000, False),
        (0x55, True, 100_000, False),
    ],
)
def test_any_traffic_may_wake(chip: Bench, address: int, read: bool, hz: int, wakes: bool) -> None:
    if read:
        assert chip.chip.read(address, 1, hz=hz) is None
    else:
        assert chip.chip.write(address, b"\0\0", hz=hz) is Ack.ADDRESS_REFUSED
    assert chip.chip.state == ("AWAKE" if wakes else "SLEEP")


@pytest.mark.parametrize(("threshold", "wakes"), [(44.0, True), (46.0, False)])
def test_between_15_and_60_us_a_quirk_decides(threshold: float, wakes: bool) -> None:
    chip = make("D", quirks=Quirks(wake_threshold_us=threshold))
    chip.chip.write(0x60, b"", hz=133_000)
    assert chip.chip.state == ("AWAKE" if wakes else "SLEEP")


@pytest.mark.parametrize(("threshold", "wakes"), [(1.0, False), (500.0, True)])
def test_no_threshold_moves_the_limits(threshold: float, wakes: bool) -> None:
    chip = make("D", quirks=Quirks(wake_threshold_us=threshold))
    chip.chip.write(0, b"", hz=100_000 if wakes else 1_000_000)
    assert chip.chip.state == ("AWAKE" if wakes else "SLEEP")


def test_the_chip_is_there_1500_us_after_the_pulse(chip: Bench) -> None:
    chip.chip.write(0, b"")
    chip.chip.advance(1_000)
    assert chip.chip.read(0x60, 4) is None
    chip.chip.advance(500)
    assert chip.chip.read(0x60, 4) == AWAKE_ANSWER


def test_no_wake_in_the_first_100_us_of_power(chip: Bench) -> None:
    chip.chip.power(False)
    chip.chip.power(True)
    chip.chip.write(0, b"")  # the pulse ends 85 us after power-up
    assert chip.chip.state == "SLEEP"
    chip.chip.write(0, b"")
    assert chip.chip.state == "AWAKE"


def test_a_second_pulse_is_ignored(chip: Bench) -> None:
    chip.wake()
    chip.chip.write(0, b"")
    chip.chip.advance(1500)
    assert chip.chip.read(0x60, 4) == b"\xff" * 4, "the wake answer has been read; no new one"


def test_the_general_call_is_never_acknowledged(chip: Bench) -> None:
    chip.wake()
    assert chip.chip.write(0, b"\x01") is Ack.ADDRESS_REFUSED
    assert chip.chip.read(0, 1) is None


def test_the_general_call_is_not_an_address_even_if_configured() -> None:
    chip = make("D", config={16: "00"})
    chip.wake()
    assert chip.chip.write(0, b"") is Ack.ADDRESS_REFUSED


@pytest.mark.parametrize("address", [0x20, 0x35, 0x61, 0x7F])
def test_other_addresses_are_not_acknowledged(chip: Bench, address: int) -> None:
    chip.wake()
    assert chip.chip.write(address, b"") is Ack.ADDRESS_REFUSED


def test_nothing_is_understood_above_1_mhz(chip: Bench) -> None:
    chip.wake()
    assert chip.chip.write(0x60, b"", hz=1_000_001) is Ack.ADDRESS_REFUSED
    assert chip.chip.write(0x60, b"", hz=1_000_000) is Ack.ALL


@pytest.mark.parametrize("state", ["idle", "sleep", "off"])
def test_an_absent_chip_acknowledges_nothing(chip: Bench, state: str) -> None:
    chip.wake()
    {"idle": chip.idle, "sleep": chip.sleep, "off": lambda: chip.chip.power(False)}[state]()
    assert chip.chip.write(0x60, b"\0", hz=400_000) is Ack.ADDRESS_REFUSED
    assert chip.chip.read(0x60, 1, hz=400_000) is None


def test_busy_is_not_acknowledged_read_or_write(chip: Bench) -> None:
    chip.wake()
    chip.send(frame(RANDOM))
    assert chip.chip.state == "BUSY"
    assert chip.chip.read(0x60, 1) is None
    assert chip.chip.write(0x60, b"\0") is Ack.ADDRESS_REFUSED
    chip.chip.advance(23_000)
    assert chip.chip.read(0x60, 1) == b"\x23"


def test_sleep_and_idle_are_refused_while_busy(chip: Bench) -> None:
    chip.wake()
    chip.send(frame(RANDOM))
    assert chip.chip.write(0x60, b"\x01") is Ack.ADDRESS_REFUSED
    assert len(chip.answer()) == 32


def test_a_group_may_be_split_over_writes(chip: Bench) -> None:
    chip.wake()
    group = frame(INFO)
    for byte in group[:-1]:
        chip.send(bytes([byte]))
        assert chip.chip.state == "AWAKE"
    chip.send(group[-1:])
    assert chip.answer() == REVISION[1:5]


@pytest.mark.parametrize("quirk", ["nack", "ff"])
def test_a_read_after_a_partial_command(quirk: str) -> None:
    chip = make("D", quirks=Quirks(read_of_partial_command=quirk))  # type: ignore[arg-type]
    chip.wake()
    chip.send(frame(INFO)[:3])
    assert chip.chip.read(0x60, 2) == (None if quirk == "nack" else b"\xff\xff")


def test_a_stop_may_end_a_partial_command() -> None:
    chip = make("D", quirks=Quirks(stop_ends_partial_command=True))
    chip.wake()
    chip.send(frame(INFO)[:3])
    assert chip.answer() == COMM


def test_word_address_0_drops_a_partial_command(chip: Bench) -> None:
    chip.wake()
    chip.send(frame(INFO)[:5])
    chip.chip.write(0x60, b"\0")
    assert chip.command(INFO) == REVISION[1:5]


def test_bytes_beyond_count_are_refused_and_ignored(chip: Bench) -> None:
    chip.wake()
    assert chip.chip.write(0x60, b"\x03" + frame(INFO) + b"\x55") is Ack.DATA_REFUSED
    assert chip.answer() == REVISION[1:5]


def test_an_answer_read_in_pieces_and_again(chip: Bench) -> None:
    chip.wake()
    chip.send(frame(INFO))
    chip.chip.advance(5_000)
    pieces = [chip.chip.read(0x60, size) for size in (1, 2, 1, 3)]
    assert b"".join(piece or b"" for piece in pieces) == REVISION
    assert chip.chip.read(0x60, 3) == b"\xff\xff\xff", "nothing is driven past the end"
    chip.chip.write(0x60, b"\0")
    assert chip.chip.read(0x60, 9) == REVISION + b"\xff\xff", "rewound, not run again"


def test_a_new_command_clears_the_old_answer() -> None:
    chip = make("D", quirks=Quirks(read_of_partial_command="ff"))
    chip.wake()
    chip.command(INFO)
    chip.send(frame(INFO)[:2])
    chip.chip.write(0x60, b"\0")
    assert chip.chip.read(0x60, 1) == b"\xff"


@pytest.mark.parametrize("word_address", [0x04, 0x80, 0xFF])
def test_reserved_word_addresses_do_nothing_but_are_reported(chip: Bench, word_address: int) -> None:
    chip.wake()
    assert chip.chip.write(0x60, bytes([word_address]) + frame(INFO)) is Ack.ALL
    assert chip.chip.state == "AWAKE"
    assert str(hex(word_address)[2:].upper()) in chip.chip.warnings[0]


def test_an_empty_write_probes_the_address(chip: Bench) -> None:
    chip.wake()
    assert chip.chip.write(0x60, b"") is Ack.ALL
    assert chip.command(INFO) == REVISION[1:5]


def test_the_wake_answer_has_a_crc() -> None:
    assert crc(AWAKE_ANSWER[:2]) == AWAKE_ANSWER[2:]


def test_virtual_time_is_nine_bits_a_byte_with_start_and_stop(chip: Bench) -> None:
    chip.wake()
    before = chip.chip.clock.now()
    chip.chip.write(0x60, b"\0", hz=100_000)
    assert chip.chip.clock.now() - before == (2 * 9 + 2) * 10
    chip.chip.read(0x60, 3, hz=400_000)
    assert chip.chip.clock.now() - before == (2 * 9 + 2) * 10 + (4 * 9 + 2) * 10 // 4


def test_two_runs_give_the_same_ticks() -> None:
    def ticks() -> list[int]:
        chip = make("C")
        return [
            chip.chip.clock.now() for op in (INFO, RANDOM, 0x40, RANDOM) if chip.run(op, 4 * (op == 0x40))
        ]

    assert ticks() == ticks()


def test_a_change_of_address_waits_for_the_next_wake_from_sleep() -> None:
    chip = make("C", config={19: "01"})
    assert chip.run(0x20, 1, 0x6A) == OK
    assert chip.run(INFO) == REVISION[1:5], "idle and wake: still at 0x60"
    chip.sleep_through()
    assert chip.wake() == b""
    chip.address = 0x35
    assert chip.command(INFO) == REVISION[1:5]


@pytest.mark.parametrize(
    ("chip_mode", "i2c_enable", "extra"), [("00", "55", "6A"), ("01", "54", "6A"), ("01", "55", "00")]
)
def test_the_second_address_needs_chip_mode_and_a_value(chip_mode: str, i2c_enable: str, extra: str) -> None:
    chip = make("C", config={14: i2c_enable, 19: chip_mode, 85: extra})
    assert chip.wake() == AWAKE_ANSWER
