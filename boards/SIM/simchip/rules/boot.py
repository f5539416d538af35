"""Rules of SecureBoot: config bytes 70-71 of the 608."""

from simchip.rules.switch import rule
from simchip.sram import RANDOM, Latches, Sram
from simchip.status import ExecutionError


@rule
def secure_boot_must_be_enabled(enabled: bool) -> None:
    """SecureBoot mode 0: the command is off."""
    if not enabled:
        raise ExecutionError("SecureBoot is disabled")


@rule
def secure_boot_must_not_be_spent(latches: Latches) -> None:
    """A prohibiting run was the last one before the power cycles."""
    if latches.secure_boot_spent:
        raise ExecutionError("SecureBoot has been prohibited")


@rule
def stored_steps_need_a_store(without_store: bool) -> None:
    """FullStore and FullCopy work only where a digest or a signature is kept."""
    if without_store:
        raise ExecutionError("nothing is stored in this mode")


@rule
def secure_boot_needs_random_nonce(sram: Sram) -> None:
    """With the random bit set, TempKey must come from the generator."""
    if not sram.temp_key.valid or sram.temp_key.source != RANDOM:
        raise ExecutionError("TempKey must come from a random nonce")
