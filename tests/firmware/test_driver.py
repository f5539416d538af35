"""atecc608 on MicroPython, against the simulated chip: what it does, and what it makes of faults."""

import hashlib
from functools import partial

import pytest
from bench import DRIVER, GEN_KEY, Babbler
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from simchip import TIMINGS, Quirks

SIGN, NONCE, RANDOM, LOCK = 0x41, 0x16, 0x1B, 0x17
DIGEST = hashlib.sha256(b"a message").digest()
CONFIG = "chip.config().data.hex()"


@pytest.fixture(params=TIMINGS)
def timed(bench, request):
    """As bench, with chips of each profile of execution times, one after the other."""
    return partial(bench, timing=request.param)


def is_signature(public_key: str, signature: str, digest: bytes = DIGEST) -> bool:
    """Whether X||Y made r||s over `digest`; says cryptography, not the chip."""
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex("04" + public_key))
    r, s = int(signature[:64], 16), int(signature[64:], 16)
    try:
        key.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return False
    return True


SIGN_WITH_NEW_KEY = """
key = chip.GenKey(0)
signature = chip.Sign(0, bytes.fromhex(given))
"""


# What it does.


def test_config_is_read_whole(bench):
    b = bench(preset="tls")
    assert b.value(CONFIG) == bytes(b.chip.image.config).hex()


def test_the_view_of_the_configuration(bench):
    b = bench(preset="tls", locked=True)
    slots = "[z.slot(0).can_sign, z.slot(0).can_generate, z.slot(8).can_sign]"
    code = f"[z.part, z.serial.hex(), z.config_locked, z.data_locked] + {slots}"
    config = bytes(b.chip.image.config)
    serial = (config[0:4] + config[8:13]).hex()
    assert b.value(code, "z = chip.config()") == ["ATECC608A", serial, True, True, True, True, False]


def test_a_key_is_made_and_signs(timed):
    b = timed(preset="tls", locked=True)
    key, signature = b.value("[key.hex(), signature.hex()]", SIGN_WITH_NEW_KEY, DIGEST.hex())
    assert is_signature(key, signature)
    assert not is_signature(key, signature, hashlib.sha256(b"another").digest())


def test_verify_tells_right_from_wrong(bench):
    b = bench(preset="tls", locked=True)
    code = "[chip.Verify(key, signature, bytes.fromhex(given)), chip.Verify(key, signature, bytes(32))]"
    assert b.value(code, SIGN_WITH_NEW_KEY, DIGEST.hex()) == [True, False]


def test_the_public_key_can_be_asked_for_again(bench):
    b = bench(preset="tls", locked=True)
    assert b.value("key == chip.PublicKey(0)", SIGN_WITH_NEW_KEY, DIGEST.hex()) is True


def test_random_is_random_once_the_config_zone_is_locked(bench):
    b = bench(preset="tls", locked=True)
    assert b.value("chip.Random() != chip.Random()") is True


def test_an_unlocked_chips_constant_is_never_taken_for_random(bench):
    b = bench()
    assert "config zone is not locked" in b.error("chip.Random()")
    assert RANDOM not in b.chip.commands


def test_configuration_is_written_and_compared(timed):
    b = timed()
    wanted = bytearray(b.chip.image.config)
    wanted[20:24] = bytes.fromhex("87208720")
    wanted[127] = 0x01
    assert b.value(CONFIG, "chip.write_config(bytes.fromhex(given))", wanted.hex()) == wanted.hex()
    assert bytes(b.chip.image.config) == bytes(wanted)


def test_bytes_that_write_cannot_change_are_left_alone(bench):
    b = bench()
    before = bytes(b.chip.image.config)
    wanted = bytes(16 * [0]) + before[16:84] + bytes(4) + before[88:]
    b.value("chip.write_config(bytes.fromhex(given))", given=wanted.hex())
    assert bytes(b.chip.image.config) == before


def test_a_locked_configuration_is_not_written(bench):
    b = bench(preset="tls", locked=True)
    assert "locked for good" in b.error("chip.write_config(bytes(128))")


def test_lock_with_the_right_crc(timed):
    b = timed(preset="tls")
    locked = "[chip.config().config_locked, chip.config().data_locked]"
    assert b.value(locked, "chip.Lock(ZONE_CONFIG, crc16(chip.config().data))") == [True, False]
    assert b.value(locked, "chip.Lock(ZONE_DATA)") == [True, True]


def test_lock_with_a_wrong_crc_is_refused_by_the_chip(bench):
    b = bench(preset="tls")
    assert "Lock: the chip answers 0x0F (execution error)" in b.error("chip.Lock(ZONE_CONFIG, 0x1234)")
    assert b.value("chip.config().config_locked") is False


def test_a_refusal_carries_command_and_status(bench):
    b = bench(preset="tls", locked=True)
    code = "try:\n    chip.GenKey(9)\nexcept ChipError as e:\n    caught = [e.command, e.status]"
    assert b.value("caught", code) == ["GenKey", 0x0F]


# Finding and waking it.


@pytest.mark.parametrize(("preset", "address"), [("blank", 0x60), ("tngtls", 0x35), ("trustflex", 0x36)])
def test_it_is_found_at_the_addresses_it_is_sold_with(bench, preset, address):
    b = bench(preset=preset)
    assert b.value("[chip.config().part is not None, chip.address]") == [True, address]


def test_it_is_found_at_an_address_of_the_owners(bench):
    b = bench(preset="tls")
    b.chip.image.config[16] = 0x2B << 1
    b.chip.power(False)
    b.chip.power(True)
    assert b.value("[chip.config().part, chip.address]") == ["ATECC608A", 0x2B]


@pytest.mark.parametrize(
    ("given", "address"),
    [(0x60, 0x60), (0xC0, 0x60), (0x35, 0x35), (0x6A, 0x35), (0x36, 0x36), (0x2B, 0x2B), (0x90, 0x48)],
)
def test_both_ways_to_write_an_address(micropython, given, address):
    assert micropython.value("seven_bit(given)", "from atecc608 import seven_bit", given) == address


@pytest.mark.parametrize("given", [0, 7, 0x79, 0xC1, 0x100])
def test_what_is_no_address(micropython, given):
    assert "is not an I2C address" in micropython.error(
        "seven_bit(given)", "from atecc608 import seven_bit", given
    )


def test_it_wakes_slowly_and_talks_at_full_speed(bench):
    b = bench(preset="tls", locked=True)
    b.value("chip.Info().hex()")
    b.chip.transfers.clear()
    b.value("chip.Info().hex()", "chip.Info()")
    speeds = {(t[0] == 0, t[3]) for t in b.chip.transfers if t[0] in (0, 0x60)}
    assert speeds == {(True, 100_000), (False, 400_000)}


def test_one_wake_for_a_sequence_and_asleep_afterwards(bench):
    b = bench(preset="tls", locked=True)
    b.value("1", "chip.Info()\n" + SIGN_WITH_NEW_KEY, DIGEST.hex())
    b.chip.transfers.clear()
    b.value("1", "chip.Info()")
    single = b.chip.wakes
    b.chip.transfers.clear()
    b.value("1", "chip.Info()\nwith chip:\n    chip.Info()\n    chip.Sign(0, bytes(32))\n    chip.Info()\n")
    assert b.chip.wakes == single + 1
    assert b.chip.state == "SLEEP"


def test_a_chip_that_is_awake_already(bench):
    b = bench(preset="tls", locked=True)
    b.chip.write(0, b"", hz=100_000)
    b.chip.advance(1500)
    assert b.chip.read(0x60, 4) == bytes.fromhex("04113343")
    assert b.value("chip.config().part") == "ATECC608A"


def test_a_chip_still_busy_with_somebody_elses_command(timed):
    b = timed(preset="tls", locked=True)
    b.chip.write(0, b"", hz=100_000)
    b.chip.advance(1500)
    b.chip.write(0x60, bytes.fromhex("03074004000039f5"))  # a command of any kind
    assert b.value("chip.config().part") == "ATECC608A"


# What goes wrong.


def test_nothing_on_the_bus(micropython):
    code = "ATECC608(lambda f: machine.I2C(0, freq=f)).Info()"
    said = micropython.error(code, "import machine\nfrom atecc608 import ATECC608")
    assert said.startswith("NoChip(")
    assert "tried 0x60 0x35 0x36" in said


def test_nothing_at_the_configured_address(bench):
    b = bench(preset="tls")
    said = b.error("ATECC608(open_i2c, address=0x6A).Info()")
    assert "no ATECC608 answers at 0x35 (8-bit 0x6A)" in said


@pytest.mark.parametrize("byte", [0x00, 0xA5, 0xFF])
def test_something_that_answers_nonsense(bench, byte):
    said = bench(Babbler(byte)).error("chip.Info()")
    assert said.startswith("BusError(")
    assert "something at 0x60 answers the wake pulse with %02x%02x%02x%02x" % (4 * (byte,)) in said


def test_a_flipped_bit_in_an_answer_is_read_again(timed):
    b = timed(preset="tls", locked=True)
    b.value("1", "chip.Info()")
    b.chip.transfers.clear()
    b.chip.core.faults.add("flip-read bit=80 skip=2")
    key = b.value("chip.GenKey(0).hex()")
    assert b.chip.core.faults.waiting == []
    assert b.chip.commands.count(GEN_KEY) == 1  # sent again it would have made another key
    assert key == b.value("chip.PublicKey(0).hex()")


def test_a_flipped_bit_in_a_command_is_sent_again(timed):
    b = timed(preset="tls", locked=True)
    b.chip.core.faults.add("flip-write bit=20 skip=2")
    assert b.value(CONFIG) == bytes(b.chip.image.config).hex()
    assert b.chip.core.faults.waiting == []


@pytest.mark.parametrize("skip", range(14))
def test_a_nack_anywhere_is_survived(timed, skip):
    b = timed(preset="tls", locked=True)
    b.chip.core.faults.add(f"nack skip={skip}")
    key, signature = b.value("[key.hex(), signature.hex()]", SIGN_WITH_NEW_KEY, DIGEST.hex())
    assert is_signature(key, signature)


def test_a_mangled_wake_answer_is_tried_again(bench):
    b = bench(preset="tls", locked=True)
    b.chip.core.faults.add("mangle-wake")
    assert b.value("chip.config().part") == "ATECC608A"
    assert b.chip.core.faults.waiting == []


def test_a_reset_inside_a_sequence_starts_it_again(timed):
    b = timed(preset="tls", locked=True)
    b.chip.core.faults.add("power-cut command=Sign words=0")
    key, signature = b.value("[key.hex(), signature.hex()]", SIGN_WITH_NEW_KEY, DIGEST.hex())
    assert is_signature(key, signature)
    assert b.chip.commands.count(NONCE) == b.chip.commands.count(SIGN) == 2


def test_a_chip_that_keeps_resetting_is_given_up(bench):
    b = bench(preset="tls", locked=True)
    b.chip.core.faults.add("power-cut command=Sign words=0 count=0")
    assert b.error("chip.Sign(0, bytes(32))", "chip.GenKey(0)").startswith("StateLost(")


def test_lock_is_never_repeated(bench):
    b = bench(preset="tls")
    b.chip.core.faults.add("power-cut command=Lock words=0 count=0")
    assert b.error("chip.Lock(ZONE_CONFIG, crc16(chip.config().data))").startswith("StateLost(")
    assert b.chip.commands.count(LOCK) == 1


def test_a_chip_three_times_as_slow(timed):
    b = timed(preset="tls", locked=True)
    b.chip.core.faults.add("slow factor=3")
    key, signature = b.value("[key.hex(), signature.hex()]", SIGN_WITH_NEW_KEY, DIGEST.hex())
    assert is_signature(key, signature)


@pytest.mark.parametrize("chip_mode", [0x00, 0x28, 0x68])
def test_every_clock_divider(timed, chip_mode):
    b = timed(preset="tls", locked=True)
    b.chip.image.config[19] = chip_mode
    code = SIGN_WITH_NEW_KEY + "ok = chip.Verify(key, signature, bytes.fromhex(given))"
    assert b.value("ok", code, DIGEST.hex()) is True


@pytest.mark.parametrize("watchdog_ms", [700, 1300, 1700])
def test_a_sequence_longer_than_the_watchdog(timed, watchdog_ms):
    b = timed(preset="tls", locked=True, quirks=Quirks(watchdog_us=watchdog_ms * 1000))
    code = "key = chip.GenKey(0)\nwith chip:\n    made = [chip.Sign(0, bytes.fromhex(given)).hex() for _ in range(30)]"
    key, made = b.value("[key.hex(), made]", code, DIGEST.hex())
    assert all(is_signature(key, signature) for signature in made)


@pytest.mark.parametrize(
    "answer", ["0407c440", "040740c2"]
)  # Microchip's library's, and the one with the right CRC
def test_a_failed_self_test_is_the_chips_own_word(bench, answer):
    b = bench(preset="tls", locked=True, quirks=Quirks(self_test_wake_answer=bytes.fromhex(answer)))
    b.chip.image.config[90] |= 1  # power-on self-test
    b.chip.core.faults.add("self-test mask=0x04")
    assert "Wake: the chip answers 0x07 (self-test error)" in b.error("chip.Info()")


def test_two_threads_share_one_chip(timed):
    b = timed(preset="tls", locked=True)
    code = """
import _thread, time
key = chip.GenKey(0)
made = []
def work():
    for _ in range(10):
        made.append(chip.Sign(0, bytes.fromhex(given)).hex())
    made.append("done")
_thread.start_new_thread(work, ())
work()
while made.count("done") < 2:
    time.sleep_ms(1)
"""
    key, made = b.value("[key.hex(), [m for m in made if m != 'done']]", code, DIGEST.hex())
    assert len(made) == 20
    assert all(is_signature(key, signature) for signature in made)


# How long it waits.


def polls(b, code):
    """How often a busy chip was asked in vain while `code` ran, and what a sequence took it, in ms."""
    b.chip.transfers.clear()
    before = b.chip.clock.now()
    b.repl.run_in_main(code)
    asked = sum(kind == "R" and size > 4 for _, kind, size, _ in b.chip.transfers)
    return asked - len(b.chip.commands), (b.chip.clock.now() - before) / 1000


def test_how_long_a_chip_takes_is_learned(timed):
    b = timed(preset="tls", locked=True)
    b.repl.run_in_main(DRIVER + "chip.GenKey(0)")
    first, _ = polls(b, "chip.Sign(0, bytes(32))")
    for _ in range(3):
        polls(b, "chip.Sign(0, bytes(32))")
    later = [polls(b, "chip.Sign(0, bytes(32))")[0] for _ in range(10)]
    assert first < 100
    assert max(later) <= 45


def test_one_slow_answer_does_not_make_the_driver_sleepy(bench):
    b = bench(preset="tls", locked=True)
    b.repl.run_in_main(DRIVER + "chip.GenKey(0)\nfor _ in range(3):\n    chip.Sign(0, bytes(32))")
    b.chip.core.faults.add("slow factor=10 skip=1")
    assert polls(b, "chip.Sign(0, bytes(32))")[1] > 300
    assert polls(b, "chip.Sign(0, bytes(32))")[1] < 65


def test_a_refusal_teaches_nothing(bench):
    """It comes early: the driver would ask too soon the next time."""
    b = bench(preset="tls", locked=True)
    b.repl.run_in_main(DRIVER + "chip.GenKey(0)\nfor _ in range(3):\n    chip.Sign(0, bytes(32))")
    usual = max(polls(b, "chip.Sign(0, bytes(32))")[0] for _ in range(5))
    b.repl.run_in_main("try:\n    chip.Sign(9, bytes(32))\nexcept ChipError:\n    pass")
    assert polls(b, "chip.Sign(0, bytes(32))")[0] <= usual + 10


@pytest.mark.parametrize("command", ["Sign(0, digest)", "Verify(key, signature, digest)"])
def test_a_thread_that_is_held_up_in_a_sequence_while_the_chip_falls_asleep(bench, command):
    """What Nonce has left is gone by then, which the chip calls an execution error: both are sent again."""
    b = bench(preset="tls", locked=True)
    code = """
import time
digest = bytes(range(32))
key = chip.GenKey(0)
signature = chip.Sign(0, digest)
nonce, held = chip.Nonce, []
def late(data):
    nonce(data)
    if not held:
        held.append(time.sleep_ms(2000))
chip.Nonce = late
"""
    result = b.value(f"str(chip.{command})", code + f"chip.{command}\nheld.clear()\n")
    assert result == "True" or len(result) > 60
