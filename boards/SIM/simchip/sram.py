"""What the chip holds in RAM: TempKey, two buffers, SHA context, authorisation (DS508 §2.5, 608 pages)."""

from dataclasses import dataclass, field

from simchip.sha256 import ShaContext

HALF = 32
RANDOM, INPUT = 0, 1  # TempKey.SourceFlag


@dataclass
class TempKey:
    value: bytes = bytes(2 * HALF)
    valid: bool = False
    source: int = RANDOM
    gen_dig_data: bool = False
    gen_key_data: bool = False
    no_mac: bool = False
    key_id: int = 0
    ephemeral: bytes | None = None  # a private key that GenKey put here, good for one ECDH
    survives: bool = False  # the running command loaded it, or leaves it alone

    def load(self, value: bytes, source: int) -> None:
        """Fill from the start; a shorter value leaves the upper part as it was."""
        self.clear()
        self.value = value + self.value[len(value) :]
        self.valid, self.source, self.survives = True, source, True

    def extend(self, digest: bytes) -> None:
        """Replace the value by a digest of itself: the flags stay."""
        self.value = digest + self.value[HALF:]
        self.survives = True

    def hold_private_key(self, scalar: bytes) -> None:
        self.clear()
        self.ephemeral, self.survives = scalar, True

    def keep(self) -> None:
        self.survives = True

    def clear(self) -> None:
        self.valid = self.gen_dig_data = self.gen_key_data = self.no_mac = False
        self.source, self.key_id, self.ephemeral = RANDOM, 0, None

    @property
    def digest(self) -> bytes:
        return self.value[:HALF]

    @property
    def flags(self) -> int:
        """The first byte of Info's state, and a byte of Sign's internal message."""
        bits = self.no_mac << 7 | self.gen_key_data << 6 | self.gen_dig_data << 5 | self.source << 4
        return bits | self.key_id


@dataclass
class Sram:
    """Kept through idle, lost by sleep, watchdog and power loss."""

    temp_key: TempKey = field(default_factory=TempKey)
    msg_dig: bytes = b""  # empty: nothing loaded since the last sleep
    alt_key: bytes = b""
    sha: ShaContext | None = None
    auth_key: int | None = None  # AuthKeyID while AuthValid
    rng_seeded: bool = False


@dataclass
class Latches:
    """What does not live as long as the EEPROM, nor die with the SRAM."""

    self_test_failures: int = 0  # until the next wake
    persistent: bool = False  # until power is lost
    secure_boot_spent: bool = False  # until power is lost
