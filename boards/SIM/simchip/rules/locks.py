"""Rules of the three locks: DS508 §2.4, §9.10."""

from simchip.core import Core
from simchip.rules.switch import rule
from simchip.status import ExecutionError


@rule
def config_must_be_locked(core: Core) -> None:
    """Keys cannot be made, used or written before the config zone is locked."""
    if not core.config.config_locked:
        raise ExecutionError("the config zone is not locked")


@rule
def data_must_be_locked(core: Core) -> None:
    """The data and OTP zones cannot be read, nor internal states signed, before the data lock."""
    if not core.config.data_locked:
        raise ExecutionError("the data zone is not locked")


@rule
def locked_config_is_final(core: Core) -> None:
    """The config zone cannot be written after its lock."""
    if core.config.config_locked:
        raise ExecutionError("the config zone is locked")


@rule
def locked_otp_is_final(core: Core) -> None:
    """The OTP zone cannot be written after the data lock; the 608 has no consumption mode."""
    if core.config.data_locked:
        raise ExecutionError("the OTP zone is locked")


@rule
def config_locks_once(core: Core) -> None:
    """A locked config zone cannot be locked again."""
    if core.config.config_locked:
        raise ExecutionError("the config zone is locked already")


@rule
def data_locks_once(core: Core) -> None:
    """A locked data zone cannot be locked again."""
    if core.config.data_locked:
        raise ExecutionError("the data zone is locked already")


@rule
def data_locks_after_config(core: Core) -> None:
    """The data zone cannot be locked before the config zone."""
    if not core.config.config_locked:
        raise ExecutionError("the config zone is not locked")


@rule
def slot_locks_after_config(core: Core) -> None:
    """A slot cannot be locked before the config zone."""
    if not core.config.config_locked:
        raise ExecutionError("the config zone is not locked")


@rule
def slot_must_be_lockable(core: Core, slot: int) -> None:
    """Only a slot with KeyConfig.Lockable can be locked by itself."""
    if not core.config.key(slot).lockable:
        raise ExecutionError("the slot is not lockable")


@rule
def slot_locks_once(core: Core, slot: int) -> None:
    """A locked slot cannot be locked again."""
    if core.config.slot_locked(slot):
        raise ExecutionError("the slot is locked already")


@rule
def summary_must_match(given: bytes, computed: bytes) -> None:
    """Lock refuses when the zone is not what the caller thinks it is."""
    if given != computed:
        raise ExecutionError("the zone's CRC is another")


@rule
def slot_must_not_be_locked(core: Core, slot: int) -> None:
    """A locked slot keeps its content for ever."""
    if core.config.slot_locked(slot):
        raise ExecutionError("the slot is locked")
