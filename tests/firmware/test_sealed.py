"""Keys and data that enter the chip from outside, in the clear and sealed; slots read and locked."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SEALED = "from atecc608 import sealed\n"
LOCK_CONFIG = "chip.Lock(ZONE_CONFIG)\n"
WRITE_KEY = bytes(range(32)).hex()
# The configuration of Mongoose OS's guide: slots 0 to 3 take keys sealed with the secret in slot 4.
PREPARED = (
    SEALED + LOCK_CONFIG + f"sealed.write(chip, 4, 0, bytes.fromhex('{WRITE_KEY}'))\nchip.Lock(ZONE_DATA)\n"
)
IMPORT = "sealed.priv_write(chip, given[0], bytes.fromhex(given[1]), given[2] and bytes.fromhex(given[2]))\n"
PUBLIC = "chip.PublicKey(given[0]).hex()"

SCALARS = [
    1,
    0xFF,
    1 << 128,
    (1 << 248) - 1,
    0x00123456 << 200,
    pytest.param(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value, id="any"),
]


def public_key(scalar):
    key = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:].hex()


def hexed(scalar):
    return scalar.to_bytes(32, "big").hex()


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_key_enters_in_the_clear_before_the_data_lock(bench, scalar):
    b = bench(preset="mos")
    code = SEALED + LOCK_CONFIG + IMPORT
    assert b.value(PUBLIC, code, [0, hexed(scalar), None]) == public_key(scalar)


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_key_enters_sealed_after_the_data_lock(bench, scalar):
    b = bench(preset="mos")
    assert b.value(PUBLIC, PREPARED + IMPORT, [1, hexed(scalar), WRITE_KEY]) == public_key(scalar)


@pytest.mark.parametrize("write_key", [None, "00" * 32])
def test_without_the_right_write_key_the_old_key_stays(bench, write_key):
    b = bench(preset="mos")
    before = b.value(PUBLIC, PREPARED + IMPORT, [1, hexed(7), WRITE_KEY])
    said = b.error(IMPORT.strip(), SEALED, [1, hexed(8), write_key])
    assert "PrivWrite: the chip answers 0x0F (execution error)" in said
    assert b.value(PUBLIC, given=[1]) == before


def test_a_slot_that_takes_no_key_from_outside(bench):
    b = bench(preset="tls", locked=True)
    assert "0x0F" in b.error(IMPORT.strip(), SEALED, [0, hexed(7), WRITE_KEY])
    assert b.value("chip.KeyValid(0)") is False


def test_sealed_entry_survives_a_reset_in_the_middle(bench):
    b = bench(preset="mos")
    b.value("1", PREPARED)
    b.chip.core.faults.add("power-cut command=GenDig words=0")
    assert b.value(PUBLIC, SEALED + IMPORT, [1, hexed(7), WRITE_KEY]) == public_key(7)


def test_data_is_written_and_read_back(bench):
    b = bench(preset="tls", locked=True)
    code = SEALED + "for block in range(13):\n    sealed.write(chip, 8, block, bytes([block]) * 32)\n"
    assert b.value("chip.read_slot(8).hex()", code) == b"".join(bytes([n]) * 32 for n in range(13)).hex()


@pytest.mark.parametrize(("slot", "size"), [(8, 416), (9, 72), (14, 72)])
def test_a_slot_is_read_whole(bench, slot, size):
    b = bench(preset="tls", locked=True)
    assert b.value("len(chip.read_slot(given))", given=slot) == size


def test_a_locked_slot_stays_as_it_is(bench):
    b = bench(preset="tls", locked=True)
    code = SEALED + "sealed.write(chip, 9, 0, bytes(32))\nchip.LockSlot(9)\n"
    assert b.value("chip.config().slot(9).locked", code) is True
    assert "Write: the chip answers 0x0F" in b.error("sealed.write(chip, 9, 0, b'x' * 32)", SEALED)
    assert "Lock: the chip answers 0x0F" in b.error("chip.LockSlot(9)")


# The same through the RPC, where whose a key is counts.

CALL = """
from atecc608 import ATECC608
from identity.store import Store
from rpc.caller import owner
from rpc.dispatcher import Dispatcher
from rpc.services.atecc import ATCA
from rpc.services.identity import Identity
store = Store(chip, "/identities", (0, 1))
dispatcher = Dispatcher(lambda: "x")
dispatcher.add(ATCA(chip, store, bool))
class Device:
    link = None
Device.store = store
dispatcher.add(Identity(Device, bool))
def call(method, **params):
    reply = json.loads(dispatcher.handle(json.dumps({"id": 1, "method": method, "params": params}), owner))
    return reply.get("error") or reply
import binascii, json
def b64(h):
    return binascii.b2a_base64(bytes.fromhex(h), newline=False).decode()
serial = chip.config().serial.hex()
"""


def test_a_key_that_is_there_is_replaced_only_with_the_serial_number(bench):
    b = bench(preset="tls", locked=True)
    assert "pubkey" in b.value("call('ATCA.GenKey', slot=2)", CALL)["result"]
    assert b.value("call('ATCA.GenKey', slot=2)", CALL)["kind"] == "refused"
    assert "result" in b.value("call('ATCA.GenKey', slot=2, serial=serial)", CALL)
    b.value("1", CALL + "store.begin([])\nstore._switch.save({'active': 'a', 'count': 1})\n")
    assert b.value("call('ATCA.GenKey', slot=0, serial=serial)", CALL)["kind"] == "key-in-use"


def test_import_by_rpc(bench):
    b = bench(preset="mos")
    params = f"slot=0, ecc=True, key=b64('{hexed(7)}')"
    b.value("1", LOCK_CONFIG)
    assert b.value(f"call('ATCA.SetKey', {params})", CALL)["result"] is None
    assert b.value("chip.PublicKey(0).hex()") == public_key(7)
    assert b.value(f"call('ATCA.SetKey', {params})", CALL)["kind"] == "refused"
    b.value("1", SEALED + f"sealed.write(chip, 4, 0, bytes.fromhex('{WRITE_KEY}'))\nchip.Lock(ZONE_DATA)\n")
    assert "only sealed" in b.value(f"call('ATCA.SetKey', {params}, serial=serial)", CALL)["message"]
    key = params.replace(hexed(7), hexed(9))
    sealed = f"call('ATCA.SetKey', {key}, serial=serial, wkey=b64('{WRITE_KEY}'))"
    assert b.value(sealed, CALL)["result"] is None
    assert b.value("chip.PublicKey(0).hex()") == public_key(9)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("call('ATCA.SetKey', slot=8, ecc=True, key=b64('00' * 32))", "slot"),
        ("call('ATCA.SetKey', slot=0, key=b64('00' * 32))", "slot"),
        ("call('ATCA.SetKey', slot=0, ecc=True, key=b64('00' * 32))", "slot"),
        ("call('ATCA.GenKey', slot=8)", "slot"),
        ("call('ATCA.ReadSlot', slot=0)", "slot"),
        ("call('ATCA.ReadSlot', slot=4)", "slot"),
        ("call('ATCA.LockSlot', slot=9)", "refused"),
        ("call('ATCA.LockSlot', slot=4, serial=serial)", "slot"),
        ("call('Identity.Request', slot=1, subject=[])", "slot"),
        ("call('Identity.Request', slot=8, subject=[])", "slot"),
    ],
)
def test_what_the_configuration_forbids_is_said_before_the_chip_is_asked(bench, code, kind):
    b = bench(preset="tls", locked=True)
    assert b.value(code, CALL)["kind"] == kind


def test_a_request_for_the_key_that_is_there_changes_nothing(bench):
    b = bench(preset="tls", locked=True)
    key = b.value("chip.GenKey(1).hex()")
    reply = b.value("call('Identity.Request', slot=1, subject=[[['CN', 'x']]])", CALL)["result"]
    assert reply["slot"] == 1
    assert b.value("chip.PublicKey(1).hex()") == key
    assert b.value("[store.get('a')['state'], store.get('b')['state']]", CALL) == ["empty", "empty"]
    assert b.chip.keys_made == 1
