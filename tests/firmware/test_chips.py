"""An identity belongs to one chip: another one in its place is told from it, and of several on the bus it is found."""

import threading

import pytest
from bench import DRIVER, WatchedChip
from cryptography.hazmat.primitives.asymmetric import ec
from identities import BEGIN, CA, STORE, issue, provision

READ, SIGN = 0x02, 0x41


class SeveralChips:
    """One bus with several chips, the wake pulse of which all of them hear."""

    frequency = 100_000

    def __init__(self, *chips):
        self.chips = list(chips)
        self.clock = chips[0].clock
        self._lock = threading.Lock()

    def advance(self, microseconds):
        self.clock.wait(microseconds)

    def power(self, on):
        for chip in self.chips:
            chip.power(on)

    def write(self, address, data, *, hz=None):
        with self._lock:
            acks = [chip.write(address, data, hz=hz) for chip in self.chips]
        return min(acks, key=lambda ack: ack.value)

    def read(self, address, size, *, hz=None):
        with self._lock:
            answers = [chip.read(address, size, hz=hz) for chip in self.chips]
        return next((answer for answer in answers if answer is not None), None)


def chips(*presets):
    """On one bus, in this order, with one clock."""
    first = WatchedChip(preset=presets[0], locked=presets[0] == "tls")
    return SeveralChips(
        first, *[WatchedChip(preset=name, locked=name == "tls", clock=first.clock) for name in presets[1:]]
    )


def serial(chip):
    config = bytes(chip.image.config)
    return (config[0:4] + config[8:13]).hex()


def heard(chip):
    """The opcodes of the commands that were sent to it, and not to its neighbours."""
    sent = [data for address, kind, data, _ in chip.transfers if kind == "W" and address == chip.address]
    return {data[2] for data in sent if data[:1] == b"\x03"}


def exchange(chip):
    """Another chip of the same kind is put in its place."""
    chip.image.config[3] ^= 0xFF


@pytest.fixture
def locked(bench):
    return bench(preset="tls", locked=True)


# One chip, exchanged for another.

OTHER = "this identity belongs to chip {}, on the board is another chip, {}"


def test_nothing_is_signed_with_another_chips_key(locked):
    provision(locked)
    ours = serial(locked.chip)
    exchange(locked.chip)
    said = OTHER.format(ours, serial(locked.chip))
    code = (
        STORE
        + "from identity.context import ClientContext\nfrom identity.server import ServerContext\n"
        + "record = store.current()\n"
    )
    locked.chip.transfers.clear()
    assert said in locked.error("ClientContext(chip, record, 5).wrap_socket(None)", code)
    assert said in locked.error("ClientContext(chip, record, 5)._sign(b'', bytes(32))", code)
    assert said in locked.error("ServerContext(chip, record, [], bool, bool)._sign(b'', bytes(32))", code)
    assert SIGN not in locked.chip.commands


def test_the_device_says_so(locked):
    provision(locked)
    ours = serial(locked.chip)
    assert locked.value("store.check_chip()", STORE) is None
    exchange(locked.chip)
    said = OTHER.format(ours, serial(locked.chip))
    assert said in locked.error("store.check_chip()", STORE)
    look = "[one for one in selfcheck.run(chip, store) if one['name'] == 'identity']"
    assert locked.value(look, STORE + "import selfcheck\n") == [
        {"name": "identity", "ok": False, "say": said}
    ]


def test_a_key_in_the_same_slot_of_another_chip_is_not_the_identitys(locked):
    provision(locked)
    use = "store.keys.use_of(0, chip.config())"
    assert locked.value(use, STORE) == "active"
    exchange(locked.chip)
    assert locked.value(use, STORE) == "unknown"
    assert "store does not know" in locked.error("store.begin(subject, slot=0)", STORE)


@pytest.mark.parametrize(("step", "after"), [("stage(*given)", ""), ("commit()", "stage(*given)\ntried()\n")])
def test_a_chip_that_is_exchanged_on_the_way_stops_it(locked, step, after):
    point = locked.value("begun['pubkey'].hex()", STORE + BEGIN)
    given = [issue(public(point)), [CA]]
    locked.value("1", STORE + after, given)
    exchange(locked.chip)
    assert "on the board is another chip" in locked.error(step, STORE, given)
    assert locked.value("store.active", STORE) is None


def test_with_another_chip_the_device_gets_another_identity(locked):
    provision(locked)
    exchange(locked.chip)
    assert provision(locked)[0] == 1
    assert locked.value("[store.active, store.current()['chip'], store.check_chip()]", STORE) == [
        "b", serial(locked.chip), None,
    ]  # fmt: skip


def public(hexadecimal):
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes.fromhex("04" + hexadecimal))


# Several chips on one bus.


@pytest.mark.parametrize("presets", [("tls", "tngtls"), ("tngtls", "tls"), ("trustflex", "tngtls", "tls")])
@pytest.mark.parametrize("which", [0, -1])
def test_of_several_chips_the_identitys_is_used(bench, presets, which):
    both = chips(*presets)
    made = bench(both)
    wanted = both.chips[which]
    code = f"chip.prefer({serial(wanted)!r})\n"
    found = made.value("[chip.serial().hex(), chip.address]", code)
    assert found == [serial(wanted), wanted.address]
    assert wanted.state == "SLEEP"  # the others go to sleep by themselves, as after each pulse


def test_without_an_identity_it_is_the_first_that_answers(bench):
    both = chips("tngtls", "tls")
    assert bench(both).value("chip.serial().hex()") == serial(both.chips[1])  # 0x60 is asked first


def test_a_chip_that_comes_later_takes_nothing_from_the_identity(bench):
    """First one chip and its identity, at 0x35; then a second one beside it, at the address that is asked first."""
    bus = chips("tngtls", "tls")
    other = bus.chips.pop()
    made = bench(bus)
    begin = "begun = store.begin(subject, slot=2)\n"
    assert provision(made, begin)[0] == 2
    bus.chips.append(other)
    other.transfers.clear()
    code = (
        STORE
        + "from identity.context import ClientContext\ncontext = ClientContext(chip, store.current(), 5)\n"
    )
    assert made.value("len(context._sign(b'', bytes(32))) > 60", code)
    assert heard(other) <= {READ}
    assert made.value("store.check_chip()", STORE) is None


def test_the_other_one_is_used_if_the_identitys_is_not_there(bench):
    """So that the device can say which chip it has, and be given another identity."""
    made = bench(preset="tls", locked=True)
    code = "chip.prefer('0123000000000000ee')\n"
    assert made.value("chip.serial().hex()", code) == serial(made.chip)
    assert made.chip.state == "SLEEP"


def test_whoever_was_met_in_a_hurry_is_not_kept(bench):
    """At a start the identity's chip may still be busy, and another one answer in its place."""
    both = chips("tls", "tngtls")
    busy = both.chips.pop()
    made = bench(both)
    code = f"chip.prefer({serial(busy)!r})\nmet = chip.hurried(chip.serial).hex()\n"
    made.repl.run_in_main(DRIVER + code)
    both.chips.append(busy)
    told = made.repl.run_in_main("print(met, chip.serial().hex())").split()
    assert told == [serial(both.chips[0]), serial(busy)]


# Relatives, and chips at other addresses.


def revised(chip, revision):
    chip.image.config[4:8] = bytes.fromhex(revision)


@pytest.mark.parametrize(
    ("revision", "named"),
    [("00005000", "ATECC508A, "), ("00090400", "ATSHA204A, "), ("00001005", "ATECC108A, "), ("00007700", "")],
)
def test_a_relative_is_named_and_nothing_is_asked_of_it(locked, revision, named):
    locked.value("1")
    locked.chip.transfers.clear()
    revised(locked.chip, revision)
    said = f"OtherPart('the chip at 0x60 is no ATECC608 ({named}revision {revision})',)"
    for asked in ("chip.config()", "chip.Info()", "chip.GenKey(1)"):
        assert locked.error(asked).replace('"', "'") == said
    assert locked.chip.commands and set(locked.chip.commands) == {READ}


def test_a_relative_hides_no_chip(bench):
    both = chips("tls", "tngtls")
    revised(both.chips[0], "00005000")  # 0x60 is asked first
    assert bench(both).value("[chip.config().serial.hex(), chip.address]") == [serial(both.chips[1]), 0x35]
    assert heard(both.chips[0]) == {READ}


@pytest.mark.parametrize("moved", [0x10, 0x20, 0xD4, 0xEE])
def test_a_chip_at_any_address_is_found(bench, moved):
    made = bench(preset="tls", locked=True)
    made.chip.image.config[16] = moved
    made.chip.power(False)
    made.chip.power(True)
    assert made.value("[chip.config().serial.hex(), chip.address]") == [serial(made.chip), moved >> 1]


@pytest.mark.parametrize("address", [None, 0x60])
def test_a_chip_that_is_moved_is_followed(bench, address):
    """The new address holds from its next sleep on; afterwards it is moved back."""
    made = bench(preset="tls")
    code = f"""
chip = ATECC608(open_i2c, address={address})
def move(to):
    with chip:
        zone = bytearray(chip.config().data)
        zone[16] = to
        chip.write_config(zone)
        within = chip.serial()
    return [chip.address, chip.serial() == within]
"""
    assert made.value("[move(0x20), move(0xC0)]", code) == [[0x10, True], [0x60, True]]
    assert made.chip.image.config[16] == 0xC0


# What a slot's rules keep this firmware from.

SLOT_RULES = [
    (96, 0x31, "shows no public key: its configuration hides it (PubInfo)", None),
    (96, 0xB3, None, "each use must be authorised first, with the secret in slot 4"),
    (97, 0x10, None, "it works only while the persistent latch is set, and nothing sets it"),
    (20, 0x82, None, "its configuration lets it sign nothing that comes from outside"),
    (96, 0x3C, "shows no public key: it is no slot for private keys", "that of no P-256 private key"),
]


@pytest.mark.parametrize(("offset", "byte", "hidden", "unsigned"), SLOT_RULES)
def test_a_rule_is_the_reason_and_the_chip_is_not_asked_in_vain(locked, offset, byte, hidden, unsigned):
    locked.value("1", "chip.GenKey(0)\n")
    locked.chip.image.config[offset] = byte
    if offset == 96 and byte == 0xB3:
        locked.chip.image.config[97] = 0x04
    before = list(locked.chip.commands)
    if hidden:
        assert f"slot 0 {hidden}" in locked.error("chip.config().slot(0).check_shows_key(chip.KeyValid)")
    for asked in ("begin(subject, key='existing', slot=0)", "request(0, subject, asker=OWNER)"):
        said = locked.error(f"store.{asked}", STORE)
        assert "slot 0" in said and (unsigned or hidden or "") in said
    assert SIGN not in locked.chip.commands[len(before) :]
    assert locked.value("store.get('a')['state']", STORE) == "empty"


def test_an_empty_slot_shows_no_key(locked):
    assert "slot 0 shows no public key: it holds no key" in locked.error(
        "chip.config().slot(0).check_shows_key(chip.KeyValid)"
    )


# Where the next identity's key goes.


def test_the_next_key_goes_where_there_can_be_one(bench):
    """Trust&GO: slot 1 signs nothing from outside; slot 2 takes a key, unless it holds a stranger's."""
    made = bench(preset="tngtls")
    assert made.value("store.free_slot()", STORE) == 0
    assert provision(made)[0] == 0
    assert made.value("store.free_slot()", STORE) == 2
    made.value("1", "chip.GenKey(2)\n")
    assert made.value("store.free_slot()", STORE) == 3
    assert provision(made)[0] == 3
    made.chip.power(False)
    assert made.value("store.free_slot()", STORE) == 0  # by what board.py says, where no chip can be asked
