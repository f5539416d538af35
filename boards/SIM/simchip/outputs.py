"""Secrets that leave for the host: in the clear, or under the IO protection key (ECDH and KDF of the 608)."""

import hashlib

from simchip.core import Core
from simchip.rules.switch import rule, rule_else
from simchip.slots import symmetric_key, xor
from simchip.status import ExecutionError

AS_ASKED, ALWAYS_ENCRYPTED = 0, 1
HALF, NONCE = 16, 32


def io_protection_key(core: Core) -> bytes:
    """The key that ChipOptions names."""
    slot = core.config.io_key_slot
    if slot is None:
        raise ExecutionError("no IO protection key")
    return symmetric_key(core, slot)


@rule_else(without=False)
def protection_forces_encryption(protection: int) -> bool:
    """ECDHProt or KdfProt 1: what goes out is encrypted, asked or not."""
    return protection == ALWAYS_ENCRYPTED


@rule
def protection_may_forbid_output(core: Core, protection: int) -> None:
    """ECDHProt or KdfProt 2 and 3: nothing goes out (a quirk, their meaning is not public)."""
    if core.quirks.strict_protection_modes and protection > ALWAYS_ENCRYPTED:
        raise ExecutionError("the result may not leave the chip")


def hand_out(core: Core, secret: bytes, protection: int, *, encrypt: bool) -> bytes:
    """The secret itself, or its cipher followed by the nonce."""
    protection_may_forbid_output(core, protection)
    if not encrypt and not protection_forces_encryption(protection):
        return secret
    key, nonce = io_protection_key(core), core.rng.take(NONCE)
    stream = b"".join(
        hashlib.sha256(key + nonce[half : half + HALF]).digest() for half in range(0, len(secret) // 2, HALF)
    )
    return xor(secret, stream) + nonce
