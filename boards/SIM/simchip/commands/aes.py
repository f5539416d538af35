"""AES (0x51): single blocks, and the multiplication that GCM needs (608)."""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from simchip.commands.table import TempKeyLife, command
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import keys, parameters, use, volatile
from simchip.slots import TEMP_KEY, slot_number, whole_symmetric_key
from simchip.status import ChipError

ENCRYPT, DECRYPT, GFM = 0, 1, 3
BLOCK = 16
MODES = [block << 6 | step for block in range(4) for step in (ENCRYPT, DECRYPT)]
GCM_POLYNOMIAL = 0xE1 << 120


@command("AES", 0x51, (27, 27, 27), TempKeyLife.KEPT)
def aes(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, [*MODES, GFM])
    parameters.data_length_must_fit(packet, 2 * BLOCK if packet.mode == GFM else BLOCK)
    keys.aes_must_be_enabled(core)
    if packet.mode == GFM:
        return multiply(packet.data[:BLOCK], packet.data[BLOCK:])
    key = _key(core, packet.param2, packet.mode >> 6)
    if packet.mode & DECRYPT:
        return decrypt_block(key, packet.data)
    return encrypt_block(key, packet.data)


def _key(core: Core, key_id: int, block: int) -> bytes:
    if key_id == TEMP_KEY:
        volatile.temp_key_must_be_valid(core.sram)
        content = core.sram.temp_key.value
    else:
        slot = slot_number(core, key_id)
        keys.slot_must_hold_aes_key(core, slot)
        content = whole_symmetric_key(core, slot)
        use.use(core, slot)
    key = content[block * BLOCK : (block + 1) * BLOCK]
    if len(key) < BLOCK:
        raise ChipError(core.quirks.bad_address, f"key block {block}")
    return key


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305  (the chip's command is the bare block)


def encrypt_block(key: bytes, block: bytes) -> bytes:
    return _cipher(key).encryptor().update(block)


def decrypt_block(key: bytes, block: bytes) -> bytes:
    return _cipher(key).decryptor().update(block)


def multiply(left: bytes, right: bytes) -> bytes:
    """In GF(2^128) as GCM has it: the first bit is the coefficient of x^0 (NIST SP 800-38D §6.3)."""
    power, bits, product = int.from_bytes(left, "big"), int.from_bytes(right, "big"), 0
    for position in range(127, -1, -1):
        if bits >> position & 1:
            product ^= power
        power = power >> 1 ^ (GCM_POLYNOMIAL if power & 1 else 0)
    return product.to_bytes(BLOCK, "big")
