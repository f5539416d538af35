"""KDF (0x56): TLS 1.2's PRF, AES and HKDF-extract on stored keys (608)."""

import hmac
from dataclasses import dataclass

from simchip.commands.aes import encrypt_block
from simchip.commands.table import command
from simchip.config import KDF_IV, KDF_IV_LOCATION
from simchip.core import Core
from simchip.outputs import hand_out
from simchip.packet import Packet
from simchip.rules import keys, locks, parameters, use, volatile
from simchip.slots import slot_number, whole_symmetric_key
from simchip.sram import HALF, INPUT
from simchip.status import SUCCESS, ExecutionError, ParseError

TEMP_KEY, TEMP_KEY_UPPER, SLOT, ALT_KEY, OUTPUT, OUTPUT_ENCRYPTED = range(6)
PRF, AES, HKDF = range(3)
MODES = [alg << 5 | target << 2 | source for alg in range(3) for target in range(6) for source in range(4)]
DETAILS = 4
PRF_KEY_LENGTHS = (16, 32, 48, 64)
PRF_LONG, PRF_AEAD = 0x100, 0x600
MESSAGE_IN_SLOT, MESSAGE_IN_TEMP_KEY, MESSAGE_IN_PACKET, MESSAGE_WITH_IV = range(4)
ZERO_KEY = 0x04
AES_BLOCK = 16


@dataclass(frozen=True)
class Request:
    """The parameters, taken apart."""

    source: int
    target: int
    algorithm: int
    source_slot: int
    target_slot: int
    details: int
    message: bytes

    @property
    def length(self) -> int:
        return len(self.message)


def _parse(packet: Packet) -> Request:
    parameters.mode_must_be_known(packet, MODES)
    if len(packet.data) < DETAILS:
        raise ParseError("KDF has four bytes of details")
    mode, slots, details = packet.mode, packet.param2, int.from_bytes(packet.data[:DETAILS], "little")
    algorithm = mode >> 5
    length = AES_BLOCK if algorithm == AES else details >> 24  # who uses AES leaves the length out
    parameters.data_length_must_fit(packet, DETAILS + length)
    return Request(
        mode & 3, mode >> 2 & 7, algorithm, slots & 0xFF, slots >> 8, details, packet.data[DETAILS:]
    )


@command("KDF", 0x56, (165, 165, 165))
def kdf(core: Core, packet: Packet) -> bytes:
    request = _parse(packet)
    locks.config_must_be_locked(core)
    key = _source(core, request)
    derived = (_prf, _aes, _hkdf)[request.algorithm](core, request, key)
    return _deliver(core, request, derived)


def _source(core: Core, request: Request) -> bytes:
    if request.source == SLOT:
        slot = slot_number(core, request.source_slot)
        key = whole_symmetric_key(core, slot)
        use.use(core, slot)
        return key
    if request.source == ALT_KEY:
        volatile.alternate_key_must_be_loaded(core.sram)
        return core.sram.alt_key
    volatile.temp_key_must_be_valid(core.sram)
    value = core.sram.temp_key.value
    return value[HALF:] if request.source == TEMP_KEY_UPPER else value


def _exactly(key: bytes, size: int) -> bytes:
    if len(key) < size:
        raise ExecutionError("the source is shorter than the key")
    return key[:size]


def _prf(_: Core, request: Request, key: bytes) -> bytes:
    """RFC 5246 §5; the message is label and seed."""
    if request.details & PRF_AEAD:
        raise ParseError("the AEAD splitting of the PRF's output is not public")
    key = _exactly(key, PRF_KEY_LENGTHS[request.details & 3])
    blocks, chain = b"", request.message
    for _block in range(2 if request.details & PRF_LONG else 1):
        chain = hmac.digest(key, chain, "sha256")
        blocks += hmac.digest(key, chain + request.message, "sha256")
    return blocks


def _aes(core: Core, request: Request, key: bytes) -> bytes:
    keys.aes_must_be_enabled(core)
    keys.kdf_aes_must_be_enabled(core)
    start = AES_BLOCK * (request.details & 3)
    block = _exactly(key[start:], AES_BLOCK)
    return encrypt_block(block, request.message) + bytes(AES_BLOCK)


def _hkdf(core: Core, request: Request, key: bytes) -> bytes:
    """HKDF's extract step: the stored key is the salt (people rely on it being plain HMAC)."""
    salt = bytes(HALF) if request.details & ZERO_KEY else _exactly(key, HALF)
    return hmac.digest(salt, _hkdf_message(core, request), "sha256")


def _hkdf_message(core: Core, request: Request) -> bytes:
    where = request.details & 3
    if where == MESSAGE_IN_SLOT:
        slot = slot_number(core, request.details >> core.quirks.hkdf_message_slot_shift & 0xF)
        return _exactly(whole_symmetric_key(core, slot), request.length)
    if where == MESSAGE_IN_TEMP_KEY:
        volatile.temp_key_must_be_valid(core.sram)
        return _exactly(core.sram.temp_key.value, request.length)
    if where == MESSAGE_WITH_IV:
        raw = core.image.config
        keys.message_must_hold_iv(request.message, raw[KDF_IV_LOCATION], bytes(raw[KDF_IV : KDF_IV + 2]))
    return request.message


def _deliver(core: Core, request: Request, derived: bytes) -> bytes:
    temp_key, target = core.sram.temp_key, request.target
    if target in (OUTPUT, OUTPUT_ENCRYPTED):
        temp_key.keep()
        encrypt = target == OUTPUT_ENCRYPTED
        return hand_out(core, derived, core.config.kdf_protection, encrypt=encrypt)
    if target == SLOT:
        _store(core, slot_number(core, request.target_slot), derived)
    elif target == ALT_KEY:
        core.sram.alt_key = derived[:HALF]
    elif target == TEMP_KEY_UPPER:
        temp_key.load(temp_key.digest + derived[:HALF], INPUT)
    else:
        temp_key.load(derived, INPUT)
    return SUCCESS


def _store(core: Core, slot: int, derived: bytes) -> None:
    keys.slot_must_not_be_private(core, slot)
    locks.slot_must_not_be_locked(core, slot)
    keys.slot_must_have_room(core, slot, len(derived))
    core.eeprom.write(core.image.slots[slot], 0, derived)
