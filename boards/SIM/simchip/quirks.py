"""What the public documents leave open: every guess of this model is one named option here."""

from dataclasses import dataclass
from typing import Literal, get_args

from simchip.status import Status

Timing = Literal["typical", "slow", "worst"]
TIMINGS: tuple[Timing, ...] = get_args(Timing)


@dataclass(frozen=True)
class Quirks:
    # Bus and power
    wake_threshold_us: float = 40.0
    """Shortest SDA-low time that wakes, for pulses between 15 and 60 us ("may wake")."""
    power_up: Literal["asleep", "awake"] = "asleep"
    """State after power-up; "awake" leaves the 0x11 group waiting."""
    brown_out: Literal["asleep", "awake"] = "awake"
    """State after a supply dip in the middle of a command; people see the 0x11 group."""
    read_of_partial_command: Literal["nack", "ff"] = "nack"
    """Answer to a read when a command has only partly arrived; the data sheet says both."""
    stop_ends_partial_command: bool = False
    """True: a STOP before Count bytes ends the command with a communication error (DS508 §9.1.1)."""
    watchdog_us: int = 1_300_000
    """Typical; 700 000 to 1 700 000 are within the data sheet."""
    self_test_wake_answer: bytes = bytes.fromhex("0407C440")
    """After a failed power-on self-test: Microchip's library compares with these bytes, whose CRC ought to be
    40 C2. The harder reading for a driver that checks the CRC."""
    long_watchdog_us: int = 13_000_000
    """ChipMode bit 2; the 508 data sheet says 10 s."""

    # Time
    timing: Timing = "typical"
    """How long commands take; only the maxima are public. "typical": as the 508's data sheet says; "slow": 60 % of the
    608's maxima; "worst": the maxima."""
    time_jitter: float = 0.25
    """Spread around that time, as a part of it, never above the maximum; the worst has none."""
    failure_time: float = 0.1
    """Failing commands end early: part of their time that they take."""

    # Status codes
    bad_address: Status = Status.PARSE_ERROR
    """A slot, block or offset that does not exist, or a config byte that is never writable (0x03 or 0x0F)."""
    bad_scalar: Status = Status.ECC_FAULT
    """PrivWrite of a number that is no P-256 private key."""

    # TempKey
    random_clears_tempkey: bool = True
    """DS508 §2.5.1 against its own §3.3.2; the harder reading is the default."""
    sha_clears_tempkey: bool = True
    """Other than by SHA's end aimed at TempKey."""
    other_nonce_targets_clear_tempkey: bool = False
    """Nonce aimed at MsgDigBuf or AltKeyBuf."""

    # Access
    key_use_before_data_lock: bool = True
    """SlotConfig's external-sign and ECDH bits are enforced between the config lock and the data lock too."""
    use_lock_pattern: int | None = None
    """Value of UseLock bits 3-0 that turns the transport lock on; unknown, so none does."""
    genkey_mac_flag: bool = False
    """Accept (and ignore) GenKey's undocumented mode bit 0x20."""
    strict_protection_modes: bool = True
    """ECDHProt and KdfProt 2 and 3, not public: refuse every output in the clear or to the host."""

    hkdf_message_slot_shift: int = 8
    """Where KDF's details name the slot of an HKDF message (no vector; the length is bits 31-24)."""

    # SHA
    sha_context_overhead: int = 36
    """Bytes of a context beside the pending ones: 36 by an upstream vector, 40 by a web page."""
    sha_end_max: int = 63
    """Most bytes that SHA's end takes; a comment upstream says 64."""

    # Content
    blank_data: int = 0xFF
    """What the data slots of a blank part hold."""
