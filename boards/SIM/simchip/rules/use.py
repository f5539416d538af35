"""Rules of use: what a slot asks for each time its key is used (DS508 §3.2.5, §4.4; 608 latch)."""

from simchip.config import USE_LOCK
from simchip.core import Core
from simchip.counters import increment
from simchip.rules.switch import rule
from simchip.sram import RANDOM
from simchip.status import ExecutionError

LIMITED_USE_COUNTER = 0


@rule
def authorisation_must_be_given(core: Core, slot: int) -> None:
    """ReqAuth: the authorising key must have been checked just before."""
    key = core.config.key(slot)
    if key.req_auth and core.sram.auth_key != key.auth_key:
        raise ExecutionError("not authorised")


@rule
def authorisation_is_spent(core: Core, slot: int) -> None:
    """An authorisation is good for one attempt, whatever its outcome."""
    if core.config.key(slot).req_auth:
        core.sram.auth_key = None


@rule
def persistent_latch_must_be_set(core: Core, slot: int) -> None:
    """PersistentDisable: the key works only while the persistent latch is set."""
    if core.config.key(slot).persistent_disable and not core.latches.persistent:
        raise ExecutionError("the persistent latch is not set")


@rule
def transport_lock_must_be_open(core: Core) -> None:
    """UseLock: no key works before the transport key has been checked (quirk: which value enables it)."""
    use_lock = core.image.config[USE_LOCK]
    enabled = core.quirks.use_lock_pattern is not None and use_lock & 0xF == core.quirks.use_lock_pattern
    if enabled and core.sram.auth_key != use_lock >> 4:
        raise ExecutionError("the transport lock is closed")


@rule
def limited_use_is_counted(core: Core, slot: int) -> None:
    """LimitedUse: counter 0 counts every use of the key, and stops it at the limit."""
    if core.config.slot(slot).limited_use:
        increment(core, LIMITED_USE_COUNTER)


@rule
def random_nonce_if_required(core: Core, slot: int) -> None:
    """ReqRandom: TempKey must come from the chip's random generator."""
    temp_key = core.sram.temp_key
    random = temp_key.valid and temp_key.source == RANDOM
    if core.config.key(slot).req_random and not random:
        raise ExecutionError("TempKey must come from a random nonce")


def permit(core: Core, slot: int) -> None:
    """What every use of a slot's key needs."""
    try:
        transport_lock_must_be_open(core)
        persistent_latch_must_be_set(core, slot)
        authorisation_must_be_given(core, slot)
    finally:
        authorisation_is_spent(core, slot)


def use(core: Core, slot: int) -> None:
    """Permit, and count: the last check before the operation itself."""
    permit(core, slot)
    limited_use_is_counted(core, slot)


@rule
def latch_must_be_permitted(permission: int) -> None:
    """VolatileKeyPermission bit 7 allows Info to set the persistent latch."""
    if not permission & 0x80:
        raise ExecutionError("the persistent latch is not enabled")


@rule
def latch_needs_authorisation(core: Core, slot: int) -> None:
    """The latch is set only after the key of VolatileKeyPermission has been checked."""
    if core.sram.auth_key != slot:
        raise ExecutionError("not authorised")
