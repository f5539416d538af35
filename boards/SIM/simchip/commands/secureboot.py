"""SecureBoot (0x80): is this the firmware that was signed? (608; formulas of Microchip's host library)"""

import hashlib
from dataclasses import dataclass

from simchip import ecc
from simchip.commands.table import command
from simchip.config import SECURE_BOOT
from simchip.core import Core
from simchip.outputs import io_protection_key
from simchip.packet import Packet
from simchip.rules import boot, keys, locks, parameters, use, volatile
from simchip.slots import public_key, symmetric_key, whole_symmetric_key, xor
from simchip.status import MISCOMPARE, SUCCESS, ExecutionError

FULL, FULL_STORE, FULL_COPY = 5, 6, 7
PROHIBIT, ENCRYPTED = 0x40, 0x80
MODES = [step | flags for step in (FULL, FULL_STORE, FULL_COPY) for flags in (0, 0x40, 0x80, 0xC0)]
DISABLED, FULL_BOTH, STORE_SIGNATURE, STORE_DIGEST = range(4)
DIGEST, SIGNATURE = 32, 64


@dataclass(frozen=True)
class BootConfig:
    """Config bytes 70-71."""

    word: int

    @property
    def mode(self) -> int:
        return self.word & 3

    @property
    def sets_latch(self) -> bool:
        return bool(self.word & 8)

    @property
    def needs_random(self) -> bool:
        return bool(self.word & 0x10)

    @property
    def digest_slot(self) -> int:
        return self.word >> 8 & 0xF

    @property
    def key_slot(self) -> int:
        return self.word >> 12


@command("SecureBoot", 0x80, (80, 160, 480))
def secure_boot(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, MODES)
    parameters.param2_must_be_known(packet, (0,))
    step = packet.mode & 7
    parameters.data_length_must_fit(packet, DIGEST + (0 if step == FULL_STORE else SIGNATURE))
    config = BootConfig(core.config.word(SECURE_BOOT))
    locks.config_must_be_locked(core)
    boot.secure_boot_must_be_enabled(config.mode != DISABLED)
    boot.secure_boot_must_not_be_spent(core.latches)
    boot.stored_steps_need_a_store(step != FULL and config.mode == FULL_BOTH)
    if config.needs_random:
        boot.secure_boot_needs_random_nonce(core.sram)
    stream = _stream(core) if packet.mode & ENCRYPTED else bytes(DIGEST)
    digest = xor(packet.data[:DIGEST], stream)
    signature = packet.data[DIGEST:] or _stored_signature(core, config)
    if not _matches(core, config, step, digest, signature):
        return MISCOMPARE
    _conclude(core, config, packet.mode, digest, signature)
    return _mac(packet, stream, digest, signature) if packet.mode & ENCRYPTED else SUCCESS


def _stream(core: Core) -> bytes:
    volatile.temp_key_must_be_valid(core.sram)
    return hashlib.sha256(io_protection_key(core) + core.sram.temp_key.digest).digest()


def _stored_signature(core: Core, config: BootConfig) -> bytes:
    stores = config.mode == STORE_SIGNATURE
    return whole_symmetric_key(core, config.digest_slot)[:SIGNATURE] if stores else b""


def _matches(core: Core, config: BootConfig, step: int, digest: bytes, signature: bytes) -> bool:
    if step == FULL_STORE and config.mode == STORE_DIGEST:
        return symmetric_key(core, config.digest_slot) == digest
    key = public_key(core, config.key_slot)
    use.use(core, config.key_slot)
    try:
        return ecc.verify(key, digest, signature)
    except ecc.NotOnCurve:
        raise ExecutionError("the public key is not on the curve") from None


def _conclude(core: Core, config: BootConfig, mode: int, digest: bytes, signature: bytes) -> None:
    if mode & 7 == FULL_COPY:
        locks.slot_must_not_be_locked(core, config.digest_slot)
        keys.slot_must_not_be_private(core, config.digest_slot)
        value = digest if config.mode == STORE_DIGEST else signature
        keys.slot_must_have_room(core, config.digest_slot, len(value))
        core.eeprom.write(core.image.slots[config.digest_slot], 0, value)
    if config.sets_latch:
        core.latches.persistent = True
    if mode & PROHIBIT:
        core.latches.secure_boot_spent = True


def _mac(packet: Packet, stream: bytes, digest: bytes, signature: bytes) -> bytes:
    return hashlib.sha256(stream + digest + signature + packet.header).digest()
