"""What sleep, idle, watchdog and power loss keep; the watchdog itself; execution times."""

import pytest
from chip.bench import (
    AWAKE_ANSWER,
    GENKEY,
    INFO,
    KDF,
    OK,
    RANDOM,
    SECRET,
    SELFTEST,
    SHA,
    SIGN,
    UPDATE_EXTRA,
    WATCHDOG,
    Bench,
    frame,
    make,
)
from simchip import Quirks
from simchip.commands import COMMANDS
from simchip.quirks import Timing
from simchip.timing import Stopwatch

KEY = b"K" * 32
TYPICAL_WATCHDOG = 1_300_000


@pytest.fixture
def chip() -> Bench:
    """Everything that RAM can hold is held: TempKey, both buffers, a SHA context, an authorisation."""
    chip = make("D", slots={4: SECRET}, content={4: KEY})
    chip.authorise(4, KEY)
    chip.load(b"m" * 64, 0x40)
    chip.load(b"a" * 32, 0x80)
    chip.load(b"t" * 32)
    return chip


def buffers(chip: Bench) -> list[int]:
    """Lengths of the answers that need MsgDigBuf and AltKeyBuf."""
    alt = chip.run(KDF, 2 << 5 | 4 << 2 | 3, 0, bytes([2, 0, 0, 1]) + b"x")
    chip.run(GENKEY, 4, 0)
    return [len(alt), len(chip.run(SIGN, 0xA0, 0))]


def test_idle_keeps_everything(chip: Bench) -> None:
    state = chip.run(INFO, 2)
    assert state[1] & 0x84 == 0x84
    assert buffers(chip) == [32, 64]


def lose_by_sleep(chip: Bench) -> None:
    chip.sleep_through()


def lose_by_watchdog(chip: Bench) -> None:
    chip.wake()
    chip.chip.advance(TYPICAL_WATCHDOG)


def lose_by_power(chip: Bench) -> None:
    chip.chip.power(False)
    chip.chip.power(True)
    chip.chip.advance(100)


@pytest.mark.parametrize("lose", [lose_by_sleep, lose_by_watchdog, lose_by_power])
def test_sleep_watchdog_and_power_loss_keep_nothing(chip: Bench, lose) -> None:  # type: ignore[no-untyped-def]
    lose(chip)
    assert chip.run(INFO, 2) == bytes(4)
    assert buffers(chip) == [1, 1]


@pytest.mark.parametrize("lose", [lose_by_sleep, lose_by_watchdog, lose_by_power])
def test_a_sha_context_is_lost_as_well(lose) -> None:  # type: ignore[no-untyped-def]
    chip = make("D")
    assert chip.run(SHA, 0) == OK
    assert chip.run(SHA, 1, 3, b"abc") == OK, "idle keeps it"
    lose(chip)
    assert chip.run(SHA, 1, 3, b"abc") == b"\x0f"


def test_authorisation_is_in_the_state(chip: Bench) -> None:
    state = chip.run(INFO, 2)
    assert state[1] & 0x04
    assert state[1] >> 3 & 0xF == 4


def test_the_persistent_latch_survives_sleep_but_not_power() -> None:
    chip = make("D", slots={4: SECRET}, content={4: KEY}, config={69: "84"})
    chip.authorise(4, KEY)
    assert chip.run(INFO, 4, 3) == b"\1\0\0\0"
    chip.sleep_through()
    assert chip.run(INFO, 4, 0) == b"\1\0\0\0"
    lose_by_power(chip)
    assert chip.run(INFO, 4, 0) == bytes(4)


def test_the_watchdog_puts_the_chip_to_sleep(chip: Bench) -> None:
    chip.wake()
    chip.chip.advance(TYPICAL_WATCHDOG - 3_000)
    assert chip.chip.state == "AWAKE"
    chip.chip.advance(3_000)
    assert chip.chip.state == "SLEEP"


def test_neither_commands_nor_pulses_restart_the_watchdog(chip: Bench) -> None:
    chip.wake()
    for _ in range(10):
        chip.chip.advance(TYPICAL_WATCHDOG // 10)
        chip.chip.write(0, b"\0", hz=1_000_000)
        if chip.chip.state == "AWAKE":
            chip.command(INFO)
    assert chip.chip.state == "SLEEP"


def test_idle_restarts_the_watchdog(chip: Bench) -> None:
    chip.wake()
    chip.chip.advance(TYPICAL_WATCHDOG - 100_000)
    chip.idle()
    chip.wake()
    chip.chip.advance(TYPICAL_WATCHDOG - 100_000)
    assert chip.chip.state == "AWAKE"


def test_a_command_that_may_outlast_the_watchdog_is_refused_untouched(chip: Bench) -> None:
    chip.wake()
    chip.chip.advance(TYPICAL_WATCHDOG - 100_000)
    before = chip.eeprom
    assert chip.command(GENKEY, 4, 0) == WATCHDOG
    assert chip.eeprom == before
    assert chip.command(INFO, 2)[1] & 0x80, "TempKey is kept"
    chip.idle()
    assert len(chip.run(GENKEY, 4, 0)) == 64


@pytest.mark.parametrize(
    ("chip_mode", "quirks", "microseconds"),
    [
        ("00", Quirks(), 1_300_000),
        ("00", Quirks(watchdog_us=700_000), 700_000),
        ("04", Quirks(), 13_000_000),
        ("04", Quirks(long_watchdog_us=10_000_000), 10_000_000),
    ],
)
def test_how_long_the_watchdog_is(chip_mode: str, quirks: Quirks, microseconds: int) -> None:
    chip = make("D", config={19: chip_mode}, quirks=quirks)
    chip.wake()
    chip.chip.advance(microseconds - 3_000)
    assert chip.chip.state == "AWAKE"
    chip.chip.advance(3_000)
    assert chip.chip.state == "SLEEP"


def test_the_wake_answer_is_back_after_every_wake(chip: Bench) -> None:
    chip.run(RANDOM)
    assert chip.wake() == AWAKE_ANSWER
    chip.sleep()
    assert chip.wake() == AWAKE_ANSWER


def test_power_up_awake_is_a_quirk() -> None:
    chip = make("D", quirks=Quirks(power_up="awake"))
    chip.chip.power(False)
    chip.chip.power(True)
    chip.chip.advance(1500)
    assert chip.chip.read(0x60, 4, hz=1_000_000) == AWAKE_ANSWER


def test_power_on_twice_changes_nothing(chip: Bench) -> None:
    chip.chip.power(True)
    assert chip.temp_key_valid


def test_a_partial_command_dies_with_the_wakefulness(chip: Bench) -> None:
    chip.wake()
    chip.send(frame(INFO)[:4])
    chip.idle()
    assert len(chip.run(RANDOM)) == 32


MAXIMA = {  # section 3 of the behaviour sheet: name, M0, M1, M2
    0x51: ("AES", 27, 27, 27),
    0x28: ("CheckMac", 40, 40, 40),
    0x24: ("Counter", 25, 25, 25),
    0x1C: ("DeriveKey", 50, 50, 50),
    0x43: ("ECDH", 75, 172, 531),
    0x15: ("GenDig", 25, 35, 35),
    0x40: ("GenKey", 115, 215, 653),
    0x30: ("Info", 5, 5, 5),
    0x56: ("KDF", 165, 165, 165),
    0x17: ("Lock", 35, 35, 35),
    0x08: ("MAC", 55, 55, 55),
    0x16: ("Nonce", 20, 20, 20),
    0x46: ("PrivWrite", 50, 50, 50),
    0x1B: ("Random", 23, 23, 23),
    0x02: ("Read", 5, 5, 5),
    0x80: ("SecureBoot", 80, 160, 480),
    0x77: ("SelfTest", 250, 625, 2324),
    0x47: ("SHA", 36, 42, 75),
    0x41: ("Sign", 115, 220, 665),
    0x20: ("UpdateExtra", 10, 10, 10),
    0x45: ("Verify", 105, 295, 1085),
    0x12: ("Write", 45, 45, 45),
}


# The same section's column of the ATECC508A, which has no AES, KDF, SecureBoot and SelfTest.
TYPICAL = dict(
    **dict(
        CheckMac=5, Counter=5, DeriveKey=2, ECDH=38, GenDig=5, GenKey=11, Info=0.1, Lock=8, MAC=5, Nonce=0.1
    ),
    **dict(PrivWrite=0.8, Random=1, Read=0.1, SHA=7, Sign=42, UpdateExtra=8, Verify=38, Write=7),
)


def test_the_table_of_maximum_times() -> None:
    table = {op: (c.name, c.time.m0, c.time.m1, c.time.m2) for op, c in COMMANDS.items()}
    assert table == MAXIMA


def test_the_table_of_typical_times() -> None:
    assert {c.name: c.time.typical for c in COMMANDS.values() if c.time.typical} == TYPICAL


def times_of_genkey(timing: Timing, chip_mode: str) -> list[float]:
    """Milliseconds, to half of one."""
    chip = make("C", config={19: chip_mode}, quirks=Quirks(timing=timing))
    times = []
    for _ in range(20):
        chip.wake()
        chip.send(frame(GENKEY, 4, 0))
        before = chip.chip.clock.now()
        while chip.chip.read(0x60, 1, hz=1_000_000) is None:
            chip.chip.advance(500)
        times.append((chip.chip.clock.now() - before) / 1000)
        chip.sleep()
    return times


@pytest.mark.parametrize(
    ("timing", "least", "most"),
    [("typical", 0.75 * 11 / 115, 1.25 * 11 / 115), ("slow", 0.45, 0.75), ("worst", 1, 1)],
)
@pytest.mark.parametrize(("chip_mode", "column"), [("00", 1), ("28", 2), ("68", 3), ("2C", 2)])
def test_commands_take_the_time_of_their_profile(
    timing: Timing, least: float, most: float, chip_mode: str, column: int
) -> None:
    longest = MAXIMA[GENKEY][column]
    times = times_of_genkey(timing, chip_mode)
    assert min(times) >= least * longest
    assert max(times) <= most * longest + 2
    assert (max(times) - min(times) > 0.1 * longest * most) is (timing != "worst")


def test_jitter_never_exceeds_the_maximum() -> None:
    """UpdateExtra typically takes 8 of its 10 ms."""
    stopwatch = Stopwatch(make("C", quirks=Quirks(time_jitter=0.9)).chip.core, seed=1)
    times = [stopwatch.take(COMMANDS[UPDATE_EXTRA].time, failed=False) for _ in range(100)]
    assert max(times) == 10_000


@pytest.mark.parametrize(("timing", "most"), [("typical", 6), ("slow", 9), ("worst", 12)])
def test_failures_end_early(timing: Timing, most: int) -> None:
    chip = make("D", quirks=Quirks(timing=timing))
    chip.wake()
    chip.send(frame(SIGN, 0x80, 5))
    chip.chip.advance(most * 1000)
    assert chip.chip.read(0x60, 4) == bytes.fromhex("040f") + bytes.fromhex("2342")


def test_a_changed_chip_mode_waits_for_the_next_wake_from_sleep() -> None:
    chip = make("U", config={19: "00"})
    assert chip.run(0x12, 0, 4, bytes([0xC0, 0, 0, 0x04])) == OK
    chip.wake()
    chip.chip.advance(TYPICAL_WATCHDOG)
    assert chip.chip.state == "SLEEP", "still the short watchdog"
    chip.wake()
    chip.chip.advance(TYPICAL_WATCHDOG)
    assert chip.chip.state == "AWAKE"


def test_every_command_may_be_cut_by_power(chip: Bench) -> None:
    chip.wake()
    chip.send(frame(RANDOM))
    chip.chip.power(False)
    chip.chip.power(True)
    chip.chip.advance(200)
    assert chip.run(INFO, 2) == bytes(4)


def test_the_self_test_fits_no_short_watchdog_with_a_slow_clock() -> None:
    chip = make("D", config={19: "68"})
    assert chip.run(SELFTEST, 0x3F) == WATCHDOG
