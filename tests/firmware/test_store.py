"""identity.store on MicroPython, on a simulated chip: provisioning and rotation, and what is refused on the way."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from identities import BEGIN, BEGUN, CA, STORE, issue, provision
from powercut import CUT


@pytest.fixture
def locked(bench):
    return bench(preset="tls", locked=True)


def test_a_request_for_a_key_that_was_just_born(locked):
    identity, slot, generated, pubkey, csr = locked.value(BEGUN, STORE + BEGIN)
    request = x509.load_der_x509_csr(bytes.fromhex(csr))
    assert (identity, slot, generated) == ("a", 0, True)
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "CN=thing-1"
    point = request.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    assert point.hex() == "04" + pubkey
    assert locked.chip.keys_made == 1


def test_the_states_on_the_way(locked):
    state = "[store.active, store.get('a')['state']]"
    assert locked.value(state, STORE) == [None, "empty"]
    csr = locked.value(BEGUN, STORE + BEGIN)[-1]
    assert locked.value(state, STORE) == [None, "pending"]
    given = [issue(x509.load_der_x509_csr(bytes.fromhex(csr)).public_key()), [CA]]
    assert locked.value(state, STORE + "stage(*given)\n", given) == [None, "staged"]
    assert locked.value(state, STORE + "tried()\n") == [None, "tried"]
    assert locked.value(state, STORE + "commit()\n") == ["a", "active"]


def test_rotation_leaves_the_active_identity_alone(locked):
    _, first = provision(locked)
    before = locked.value("store.get('a')", STORE)
    key = locked.value("chip.PublicKey(0).hex()")
    slot, second = provision(locked)
    assert slot == 1
    assert locked.value("[store.active, store.get('a')['state'], store.get('b')['state']]", STORE) == [
        "b",
        "previous",
        "active",
    ]
    assert locked.value("store.get('a')", STORE) == before | {"state": "previous"}
    assert locked.value("chip.PublicKey(0).hex()") == key
    assert first != second


def test_the_third_identity_takes_the_first_ones_place(locked):
    for expected in (0, 1, 0, 1):
        assert provision(locked)[0] == expected


# What is refused.


@pytest.mark.parametrize(
    ("step", "needs"),
    [
        ("stage(*given)", "this needs it to be pending or staged or tried"),
        ("store.candidate(token())", "this needs it to be staged or tried"),
        ("commit()", "this needs it to be tried"),
        ("commit(True, OWNER)", "this needs it to be staged or tried"),
        ("store.discard()", "this needs it to be pending or staged or tried"),
    ],
)
def test_steps_out_of_order(locked, step, needs):
    assert needs in locked.error(step, STORE, [CA, [CA]])


def test_a_commit_untried_must_be_asked_for(locked):
    csr = locked.value(BEGUN, STORE + BEGIN)[-1]
    given = [issue(x509.load_der_x509_csr(bytes.fromhex(csr)).public_key()), [CA]]
    assert "this needs it to be tried" in locked.error("commit()", STORE + "stage(*given)\n", given)
    assert locked.value("commit(True, OWNER)", STORE) == ["a", None]


def test_a_certificate_for_another_key(locked):
    locked.value(BEGUN, STORE + BEGIN)
    given = [issue(ec.generate_private_key(ec.SECP256R1()).public_key(), "somebody"), [CA]]
    assert "(CN=somebody) is for another key than the one in slot 0" in locked.error(
        "stage(*given)", STORE, given
    )
    assert locked.value("store.get('a')['state']", STORE) == "pending"


def test_a_certificate_whose_key_is_no_point_of_the_curve(locked):
    csr = locked.value(BEGUN, STORE + BEGIN)[-1]
    key = x509.load_der_x509_csr(bytes.fromhex(csr)).public_key()
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint).hex()
    broken = issue(key).replace(point, point[:-2] + "%02x" % (int(point[-2:], 16) ^ 1))
    assert "is for another key" in locked.error("stage(*given)", STORE, [broken, [CA]])


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP256K1()])
def test_a_certificate_of_another_curve(locked, curve):
    locked.value(BEGUN, STORE + BEGIN)
    given = [issue(ec.generate_private_key(curve).public_key()), [CA]]
    assert "no P-256 key" in locked.error("stage(*given)", STORE, given)


def test_what_is_no_certificate(locked):
    locked.value(BEGUN, STORE + BEGIN)
    assert "not a certificate" in locked.error("stage(*given)", STORE, ["3003020101", [CA]])
    csr = locked.value(BEGUN, STORE + BEGIN)[-1]
    good = issue(x509.load_der_x509_csr(bytes.fromhex(csr)).public_key())
    assert "not a certificate" in locked.error("stage(*given)", STORE, [good, ["00"]])


def test_an_unlocked_chip_makes_no_key(bench):
    b = bench(preset="tls")
    assert "config zone is not locked" in b.error("store.begin(subject)", STORE)
    assert b.chip.keys_made == 0


def test_bad_words_are_refused_before_a_key_is_made(locked):
    assert "neither a known attribute" in locked.error("store.begin([[['XX', 'x']]])", STORE)
    assert locked.chip.keys_made == 0


@pytest.mark.parametrize("key", ["new", "overwrite", "existing"])
def test_the_active_identitys_key_is_never_replaced(locked, key):
    provision(locked)
    made = locked.chip.keys_made
    serial = locked.value("chip.config().serial.hex()")
    code = f"store.begin(subject, key={key!r}, slot=0, serial={serial!r}, asker=OWNER)"
    if key == "existing":  # a new certificate for the old key touches nothing
        assert locked.value("begun['generated']", STORE + f"begun = {code}\n") is False
    else:
        assert "is the active identity's: it is never replaced" in locked.error(code, STORE)
    assert locked.chip.keys_made == made


def test_a_key_that_nobody_knows_is_not_replaced_unasked(locked):
    key = locked.value("chip.GenKey(0).hex()")
    assert "a key that this device's store does not know" in locked.error("store.begin(subject)", STORE)
    code = "store.begin(subject, key='overwrite', serial=given, asker=OWNER)"
    assert "give this chip's serial number" in locked.error(code, STORE, "0123000000000000ee")
    assert "give this chip's serial number" in locked.error(code, STORE, None)
    assert locked.value("chip.PublicKey(0).hex()") == key


def test_a_key_that_nobody_knows_is_replaced_when_asked(locked):
    key = locked.value("chip.GenKey(0).hex()")
    serial = locked.value("chip.config().serial.hex()")
    begin = f"begun = store.begin(subject, key='overwrite', serial={serial!r}, asker=OWNER)\n"
    _, _, generated, new, _ = locked.value(BEGUN, STORE + begin)
    assert generated
    assert new != key


def test_a_key_that_nobody_knows_is_used_when_asked_and_stays_protected(locked):
    key = locked.value("chip.GenKey(0).hex()")
    begun = locked.value(BEGUN, STORE + "begun = store.begin(subject, key='existing')\n")
    assert (begun[2], begun[3]) == (False, key)
    assert "does not know" in locked.error("store.begin(subject)", STORE)
    assert locked.value("store.discard()", STORE) == "a"
    assert "does not know" in locked.error("store.begin(subject)", STORE)


def test_a_key_of_ours_is_replaced_after_a_discard(locked):
    first = locked.value(BEGUN, STORE + BEGIN)[3]
    second = locked.value(BEGUN, STORE + "store.discard()\n" + BEGIN)[3]
    assert first != second


def test_another_chips_store_does_not_count(locked):
    """The flash with its records was moved to a board with another chip."""
    locked.value(BEGUN, STORE + BEGIN)
    locked.chip.image.config[3] ^= 0xFF
    assert "does not know" in locked.error("store.begin(subject)", STORE)


def test_a_slot_that_is_no_key_slot(locked):
    assert "slot 8 can't hold a device key" in locked.error("store.begin(subject, slot=8)", STORE)


def test_a_slot_that_cannot_generate_and_is_empty(bench):
    b = bench(preset="tls")
    b.chip.image.config[21] = 0x00  # slot 0: no GenKey after the data lock
    b.value("1", "chip.Lock(ZONE_CONFIG)\nchip.Lock(ZONE_DATA)\n")
    assert "slot 0 holds no key, and its configuration forbids GenKey" in b.error(
        "store.begin(subject)", STORE
    )


def test_a_slot_that_cannot_generate_is_used_as_it_is(bench):
    """TrustFLEX and Trust&GO: the key of slot 0 was made at the factory."""
    b = bench(preset="tls")
    b.chip.image.config[21] = 0x00
    key = b.value("key.hex()", "chip.Lock(ZONE_CONFIG)\nkey = chip.GenKey(0)\nchip.Lock(ZONE_DATA)\n")
    begun = b.value(BEGUN, STORE + BEGIN)
    assert (begun[2], begun[3]) == (False, key)


# Power cuts.


def test_power_may_fail_anywhere(locked):
    """Each step, cut off after every few bytes it writes: the active identity is the old one, or the new one whole."""
    _, old = provision(locked)
    csr = locked.value(BEGUN, STORE + BEGIN)[-1]
    new = issue(x509.load_der_x509_csr(bytes.fromhex(csr)).public_key())
    code = (
        STORE
        + CUT
        + """
import binascii
def seen():
    again = Store(chip, "/identity", (0, 1))
    active = again.get(again.active)
    certificate = binascii.a2b_base64(active["certificate"])
    which = ["old", "new"][(given[2], given[0]).index(certificate.hex())]
    return [again.active, which, active["slot"], again.get("b")["state"]]
found = []
for name, work in (("stage", lambda: stage(*given[:2])), ("tried", tried), ("commit", commit)):
    n = 0
    while cut_after(n, work):
        found.append([name] + seen())
        n += 23
    found.append([name + " done"] + seen())
"""
    )
    found = locked.value("found", code, [new, [CA], old])
    assert len(found) > 50
    for name, active, certificate, slot, idle in found:
        if name == "commit done":
            assert (active, certificate, slot) == ("b", "new", 1)
        else:
            assert (active, certificate, slot) == ("a", "old", 0), name
            assert idle == {"stage": "pending", "stage done": "staged", "tried": "staged"}.get(name, "tried")


# Certificates that are none, or nearly one.

MUTANTS = """
import random
random.seed(608)
certificate, ca = [bytes.fromhex(text) for text in given]
store.begin(subject, key="existing", slot=0)
def mutant(data):
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(data))
        way = random.randrange(4)
        if way == 0:
            data[at] = random.choice((0, 1, 0x7F, 0x80, 0x81, 0x82, 0xFF))
        elif way == 1:
            data[at] ^= 1 << random.randrange(8)
        elif way == 2:
            data = data[:at] + data[at + random.choice((1, 1, 40)) :]
        else:
            data = data[:at] + bytes([random.randrange(256)]) + data[at:]
        if not data:
            break
    return bytes(data)
told = {}
for n in range(600):
    try:
        store.stage(token(), mutant(certificate) if n % 3 else certificate, [ca if n % 3 else mutant(ca)], **where)
        said = "staged"
    except Exception as e:
        said = getattr(e, "kind", repr(e))
    told[said] = told.get(said, 0) + 1
"""


def test_no_certificate_however_odd_is_a_defect(locked):
    key = locked.value("begun['csr'].hex()", STORE + BEGIN)
    good = issue(x509.load_der_x509_csr(bytes.fromhex(key)).public_key())
    told = locked.value("told", STORE + MUTANTS, [good, CA])
    assert set(told) == {"staged", "certificate"} and told["certificate"] > 300
    assert locked.value("store.get('a')['state']", STORE) in ("pending", "staged")
