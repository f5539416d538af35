"""Random (0x1B) and Nonce (0x16): DS508 §9.15, §9.12; the 608's targets."""

import hashlib

from simchip.commands.table import TempKeyLife, command
from simchip.core import Core
from simchip.packet import Packet
from simchip.rules import parameters, volatile
from simchip.rules.switch import rule_else
from simchip.sram import INPUT, RANDOM
from simchip.status import SUCCESS

SEED_UPDATE, NO_SEED_UPDATE = 0, 1
FROM_TEMP_KEY = 0x8000
NUM_IN = 20
FIXED_MODES = {0x03: 32, 0x23: 64, 0x43: 32, 0x63: 64, 0x83: 32}
TARGET_MSG_DIG, TARGET_ALT_KEY = 0x40, 0x80
UNLOCKED_PATTERN = b"\xff\xff\x00\x00" * 8


@rule_else(without=False)
def random_is_constant_before_config_lock(core: Core) -> bool:
    """The generator's output is a fixed pattern until the config zone is locked."""
    return not core.config.config_locked


def random_bytes(core: Core) -> bytes:
    """32 bytes of the generator, or what stands in for them before the config lock."""
    core.sram.rng_seeded = True
    return UNLOCKED_PATTERN if random_is_constant_before_config_lock(core) else core.rng.take(32)


@command("Random", 0x1B, (23, 23, 23), typical=1)
def random(core: Core, packet: Packet) -> bytes:
    parameters.mode_must_be_known(packet, (SEED_UPDATE, NO_SEED_UPDATE))
    parameters.param2_must_be_known(packet, (0,))
    parameters.data_length_must_fit(packet, 0)
    if not core.quirks.random_clears_tempkey:
        core.sram.temp_key.keep()
    return random_bytes(core)


@command("Nonce", 0x16, (20, 20, 20), TempKeyLife.LOST_ON_ERROR, typical=0.1)
def nonce(core: Core, packet: Packet) -> bytes:
    if packet.mode in FIXED_MODES:
        return _fixed(core, packet)
    parameters.mode_must_be_known(packet, (SEED_UPDATE, NO_SEED_UPDATE))
    parameters.param2_must_be_known(packet, (0, FROM_TEMP_KEY))
    parameters.data_length_must_fit(packet, NUM_IN)
    ending = packet.data + packet.header[:2] + packet.header[2:3]
    if packet.param2 == FROM_TEMP_KEY:
        volatile.temp_key_must_be_valid(core.sram)
        digest = hashlib.sha256(core.sram.temp_key.digest + ending).digest()
        core.sram.temp_key.extend(digest)
        return digest
    out = random_bytes(core)
    core.sram.temp_key.load(hashlib.sha256(out + ending).digest(), RANDOM)
    return out


def _fixed(core: Core, packet: Packet) -> bytes:
    parameters.param2_must_be_known(packet, (0,))
    parameters.data_length_must_fit(packet, FIXED_MODES[packet.mode])
    target = packet.mode & 0xC0
    if target == TARGET_MSG_DIG:
        core.sram.msg_dig = packet.data
    elif target == TARGET_ALT_KEY:
        core.sram.alt_key = packet.data
    else:
        core.sram.temp_key.load(packet.data, INPUT)
    if target and core.quirks.other_nonce_targets_clear_tempkey:
        core.sram.temp_key.clear()
    return SUCCESS
