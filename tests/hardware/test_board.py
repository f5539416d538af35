"""One board and its chip. Runs on a real board, and on the simulated one (tests/e2e/test_hardware.py)."""

import base64
import hashlib
import secrets

import pytest
from atecc.doctor import Patient
from atecc.x509.names import parse_subject
from atecc.x509.requests import check_csr
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256

SUBJECT = parse_subject("CN=hardware test")
UP_TO_THE_CHIP = ("cable", "REPL", "firmware", "self-check", "pins", "pull-ups", "scan", "CRC", "chip")
SIGNATURES = 20
WAKES = 50
# A wake pulse, 1.5 ms, Info, and the way through Python; a board at 100 kHz has time to spare.
WAKE_MS = 100
TIMED = """
def times():
    import time
    out = []
    for _ in range(%d):
        started = time.ticks_us()
        device.chip.Info()
        out.append(time.ticks_diff(time.ticks_us(), started))
    return out
"""


@pytest.fixture
def signer(device):
    """A slot with a key that may sign."""
    for slot in range(16):
        key = device.key_info(slot)
        if key.private and key.valid and key.can_sign:
            return slot
    return pytest.skip("no slot of this chip holds a key that signs")


def test_info(user):
    told = user.succeeds("--json", "info").json
    assert told["chip"]["part"].startswith("ATECC608")
    assert told["board"]["tls_sign"] is True


def test_the_configuration_reads_the_same_every_time(device):
    assert len({device.get_config() for _ in range(10)}) == 1


def test_the_doctor_finds_nothing_up_to_the_chip(user):
    layers = {one["name"]: one for one in user.types("--json", "doctor").json["layers"]}
    assert {name: layers[name]["say"] for name in UP_TO_THE_CHIP if layers[name]["state"] != "ok"} == {}


def test_randomness_does_not_repeat_itself(device):
    found = {one.name: one for one in device.check()}
    assert found["random"].ok, found["random"].say


def test_what_is_known_of_every_slot(device):
    assert [device.key_info(slot).slot for slot in range(16)] == list(range(16))


def test_the_chip_answers_at_its_address(device, channel):
    assert device.chip_info().address in Patient(lambda: channel).wiring("scan(device.chip)")


def test_waking_takes_no_time(channel):
    times = Patient(lambda: channel).value(f"exec({TIMED % WAKES!r}, globals()) or times()", "device")
    print(f"wake and Info: {min(times) / 1000:.1f} to {max(times) / 1000:.1f} ms")
    # Other threads of the board, or of the computer that simulates it, may hold up any one of them.
    assert sorted(times)[WAKES // 2] < WAKE_MS * 1000


def test_a_request_for_the_key_that_is_there(device, signer):
    made = device.request(signer, SUBJECT)
    check_csr(made.csr, made.pubkey, SUBJECT, [])
    assert made.pubkey == device.public_key(signer)


def test_signatures_are_the_keys(device, signer):
    point = b"\x04" + device.public_key(signer)
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    for _ in range(SIGNATURES):
        digest = hashlib.sha256(secrets.token_bytes(32)).digest()
        signed = device.call("ATCA.Sign", {"slot": signer, "digest": base64.b64encode(digest).decode()})
        signature = base64.b64decode(signed["signature"])
        half = len(signature) // 2
        r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
        der = utils.encode_dss_signature(r, s)
        key.verify(der, digest, ec.ECDSA(utils.Prehashed(SHA256())))
        with pytest.raises(InvalidSignature):
            key.verify(der, bytes(32), ec.ECDSA(utils.Prehashed(SHA256())))


def test_an_identity_is_begun_and_discarded(device):
    """In a slot that is empty, or holds a key of a run like this one: nobody misses it."""
    if not device.chip_info().config_locked:
        pytest.skip("the config zone is not locked")
    status = device.identity_status()
    idle = status.identities[status.idle]
    if idle.state != "empty" or idle.slot is None:
        pytest.skip(f"the idle identity is {idle.state}: it stays")
    key = device.key_info(idle.slot)
    if key.in_use not in (None, "idle") or not key.can_generate:
        pytest.skip(f"slot {idle.slot} holds a key that is not ours, or can't make one")
    begun = device.begin(SUBJECT)
    try:
        check_csr(begun.csr, begun.pubkey, SUBJECT, [])
    finally:
        device.discard()
    after = device.identity_status()
    assert (after.active, after.identities[after.idle].state) == (status.active, "empty")


def test_a_key_in_an_empty_slot(device, irreversible):
    """It can be replaced, and never be removed again."""
    for slot in range(16):
        key = device.key_info(slot)
        if key.private and key.can_generate and not key.valid:
            assert device.generate_key(slot) == device.public_key(slot)
            return
    pytest.skip("no slot is empty")
