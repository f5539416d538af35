"""The fields of a configuration that belong to no slot, by name: each is a few bits at a place."""

from __future__ import annotations

from dataclasses import dataclass

from atecc.chip.config.source import Value, reject_unknown
from atecc.chip.config.zone import ConfigZone

FLAG, NUMBER, HEX, BYTES = "flag", "number", "hex", "bytes"


@dataclass(frozen=True)
class Field:
    """`width` bits from bit `shift` of byte `offset` (little-endian where there are more than eight).

    `words` name its values; else it is yes or no, a number, a number in hex, or bytes.
    """

    name: str
    offset: int
    shift: int = 0
    width: int = 1
    kind: str = FLAG
    words: tuple[str, ...] = ()
    default: int = 0

    @property
    def mask(self) -> int:
        return (1 << self.width) - 1

    def get(self, zone: ConfigZone) -> int:
        return int.from_bytes(zone.data[self.offset : self.offset + 4], "little") >> self.shift & self.mask

    def set(self, zone: ConfigZone, number: int) -> ConfigZone:
        size = (self.shift + self.width + 7) // 8
        word = int.from_bytes(zone.data[self.offset : self.offset + size], "little")
        word = word & ~(self.mask << self.shift) | number << self.shift
        return zone.patched(self.offset, word.to_bytes(size, "little"))

    def text(self, zone: ConfigZone) -> str:
        number = self.get(zone)
        if self.words:
            return self.words[number]
        if self.kind == FLAG:
            return "yes" if number else "no"
        if self.kind == BYTES:
            return number.to_bytes(self.width // 8, "little").hex(" ")
        return f"0x{number:0{(self.width + 3) // 4}x}" if self.kind == HEX else str(number)

    def read(self, value: Value) -> int:
        if self.words:
            return self.words.index(value.choice(self.words))
        if self.kind == BYTES:
            return int.from_bytes(value.octets(self.width // 8), "little")
        return int(value.flag()) if self.kind == FLAG else value.number(self.mask)


def _slot(name: str, offset: int, shift: int) -> Field:
    return Field(name, offset, shift, 4, NUMBER)


# As in table 2-5 of the ATECC508A data sheet and the 608's public migration note (AN3539).
FIELDS = (
    Field("i2c-address", 16, 1, 7, HEX, default=0x60),
    Field("i2c-address-from-user-extra", 19),
    Field("ttl-enable", 19, 1),
    Field("watchdog", 19, 2, 1, words=("short", "long")),
    Field("clock-divider", 19, 3, 5, NUMBER),
    Field("count-match", 18),
    _slot("count-match-slot", 18, 4),
    Field("use-lock", 68, 0, 4, HEX),
    _slot("use-lock-slot", 68, 4),
    Field("volatile-key-permission", 69, 7),
    _slot("volatile-key-permission-slot", 69, 0),
    Field("secure-boot", 70, 0, 2, words=("off", "full", "stored signature", "stored digest")),
    Field("secure-boot-sets-latch", 70, 3),
    Field("secure-boot-random-nonce", 70, 4),
    _slot("secure-boot-digest-slot", 70, 8),
    _slot("secure-boot-key-slot", 70, 12),
    Field("kdf-iv-location", 72, 0, 8, NUMBER),
    Field("kdf-iv", 73, 0, 16, BYTES),
    Field("self-test-at-power-up", 90),
    Field("io-protection-key", 90, 1),
    _slot("io-protection-key-slot", 90, 12),
    Field("kdf-aes", 90, 2),
    Field("chip-options-bit-3", 90, 3),
    Field("ecdh-protection", 90, 8, 2, NUMBER),
    Field("kdf-protection", 90, 10, 2, NUMBER),
    Field("x509-format-0", 92, 0, 8, HEX),
    Field("x509-format-1", 93, 0, 8, HEX),
    Field("x509-format-2", 94, 0, 8, HEX),
    Field("x509-format-3", 95, 0, 8, HEX),
)
# What Write can't reach: shown, and never written.
STATE = (
    Field("user-extra", 84, 0, 8, HEX),
    Field("user-extra-address", 85, 0, 8, HEX),
    Field("data-zone-lock", 86, 0, 8, HEX, default=0x55),
    Field("config-zone-lock", 87, 0, 8, HEX, default=0x55),
)
COUNTERS = (52, 60)
ZERO = bytes.fromhex("FFFFFFFF00000000")
# Stands for bytes that no counter has; which ones, `raw` says.
OTHER = bytes(8)


def counter_bytes(number: int) -> bytes:
    """A counter as the chip stores it: two unary halves of 16 bits, and how often each went round."""
    late = number - 16
    unary = (0xFFFF >> number % 32, 0xFFFF >> late % 32 if late >= 0 else 0xFFFF)
    rounds = (number // 32, late // 32 if late >= 0 else 0)
    return b"".join(word.to_bytes(2, "big") for word in (*unary, *rounds))


def counter_number(data: bytes) -> int | None:
    """The number in a counter's bytes; None for bytes that no counter has."""
    rounds = int.from_bytes(data[4:6], "big")
    for number in range(32 * rounds, 32 * rounds + 32):
        if number <= MOST and counter_bytes(number) == data:
            return number
    return None


def counter_text(data: bytes) -> str:
    """Its number; `other` for bytes that no counter has."""
    number = counter_number(data)
    return "other" if number is None else str(number)


MOST = 2_097_151


def uses_left(zone: ConfigZone, number: int) -> int | None:
    """How often at most the key in a slot of limited use may still be used; None if that isn't counted, or unknown.

    Counter 0 counts. It stops at its end or, with CountMatch, earlier: at what one of the slots says.
    """
    count = counter_number(zone.data[COUNTERS[0] : COUNTERS[0] + 8])
    return MOST - count if zone.slots[number].limited_use and count is not None else None


def to_words(zone: ConfigZone, fields: tuple[Field, ...] = FIELDS) -> dict[str, str]:
    """The fields that are not as usual; the I2C address always."""
    return {
        field.name: field.text(zone)
        for field in fields
        if field.get(zone) != field.default or field.name == "i2c-address"
    }


def counters_of(zone: ConfigZone) -> list[str]:
    return [counter_text(zone.data[offset : offset + 8]) for offset in COUNTERS]


def with_words(zone: ConfigZone, value: Value, fields: tuple[Field, ...] = FIELDS) -> ConfigZone:
    """The zone with what the file says of these fields."""
    entries = value.entries()
    reject_unknown(entries, [field.name for field in fields])
    for field in fields:
        if field.name in entries:
            zone = field.set(zone, field.read(entries[field.name]))
    return zone


def with_counters(zone: ConfigZone, value: Value) -> ConfigZone:
    numbers = list(value.items())
    if len(numbers) != len(COUNTERS):
        raise value.error("two numbers are expected, like [0, 0].")
    for offset, one in zip(COUNTERS, numbers, strict=True):
        data = OTHER if one.text == "other" else counter_bytes(one.number(MOST))
        zone = zone.patched(offset, data)
    return zone
