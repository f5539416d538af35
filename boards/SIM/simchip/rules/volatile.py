"""What is forgotten, and when: DS508 §2.5, §9.1.6; the 608's SRAM pages."""

from simchip.rules.switch import rule
from simchip.sram import Latches, Sram, TempKey
from simchip.status import ExecutionError


@rule
def sleep_loses_temp_key(sram: Sram) -> None:
    """Sleep, watchdog and power loss clear TempKey."""
    sram.temp_key = TempKey()


@rule
def sleep_loses_buffers(sram: Sram) -> None:
    """... and the message digest and alternate key buffers."""
    sram.msg_dig = sram.alt_key = b""


@rule
def sleep_loses_sha_context(sram: Sram) -> None:
    """... and the SHA context."""
    sram.sha = None


@rule
def sleep_loses_authorisation(sram: Sram) -> None:
    """... and AuthValid."""
    sram.auth_key = None


def sleep_loses_seed(sram: Sram) -> None:
    """... and the generator's seed, which only Info shows."""
    sram.rng_seeded = False


@rule
def wake_clears_self_test_failures(latches: Latches) -> None:
    """A self-test failure lasts until the next wake."""
    latches.self_test_failures = 0


@rule
def power_loss_clears_persistent_latch(latches: Latches) -> None:
    """The persistent latch survives sleep, not the loss of power."""
    latches.persistent = False


@rule
def power_loss_allows_secure_boot_again(latches: Latches) -> None:
    """SecureBoot's prohibition lasts until the power cycles."""
    latches.secure_boot_spent = False


@rule
def error_clears_temp_key(sram: Sram) -> None:
    """Any error but communication and ECC faults invalidates TempKey."""
    sram.temp_key.clear()


@rule
def use_consumes_temp_key(sram: Sram) -> None:
    """A command that is not known to keep TempKey invalidates it."""
    sram.temp_key.clear()


@rule
def temp_key_must_be_valid(sram: Sram) -> None:
    """TempKey holds nothing unless Nonce, GenKey or GenDig filled it and nothing cleared it since."""
    if not sram.temp_key.valid:
        raise ExecutionError("TempKey is not valid")


@rule
def message_buffer_must_be_loaded(sram: Sram, size: int) -> None:
    """The message digest buffer holds nothing since the last sleep, or too little."""
    if len(sram.msg_dig) < size:
        raise ExecutionError("the message digest buffer is not loaded")


@rule
def alternate_key_must_be_loaded(sram: Sram) -> None:
    """The alternate key buffer holds nothing since the last sleep."""
    if not sram.alt_key:
        raise ExecutionError("the alternate key buffer is not loaded")


@rule
def sha_must_be_running(sram: Sram) -> None:
    """SHA's update, end and context commands need a start."""
    if sram.sha is None:
        raise ExecutionError("no SHA context")


def lose_sram(sram: Sram) -> None:
    """Sleep, watchdog, power loss."""
    sleep_loses_temp_key(sram)
    sleep_loses_buffers(sram)
    sleep_loses_sha_context(sram)
    sleep_loses_authorisation(sram)
    sleep_loses_seed(sram)


def lose_power(latches: Latches) -> None:
    power_loss_clears_persistent_latch(latches)
    power_loss_allows_secure_boot_again(latches)


@rule
def source_flag_must_be_as_said(sram: Sram, from_input: bool) -> None:
    """MAC, CheckMac and DeriveKey say where TempKey came from, and must be right."""
    if sram.temp_key.source != from_input:
        raise ExecutionError("TempKey has another source")
