"""The configuration zone: 128 bytes, and what they mean (DS508 table 2-5, §2.2; 608 names)."""

from dataclasses import dataclass

SLOTS = 16
UNLOCKED = 0x55
LOCKED = 0x00
SLOT_SIZES = (36,) * 8 + (416,) + (72,) * 7

I2C_ENABLE, I2C_ADDRESS, COUNT_MATCH, CHIP_MODE = 14, 16, 18, 19
SLOT_CONFIG, COUNTERS, USE_LOCK, VOLATILE_KEY, SECURE_BOOT = 20, 52, 68, 69, 70
KDF_IV_LOCATION, KDF_IV = 72, 73
USER_EXTRA, USER_EXTRA_ADD, LOCK_DATA, LOCK_CONFIG, SLOT_LOCKED = 84, 85, 86, 87, 88
CHIP_OPTIONS, KEY_CONFIG = 90, 96
NEVER_WRITABLE = frozenset(range(16)) | frozenset(range(84, 88))

KEY_P256, KEY_AES, KEY_DATA = 4, 6, 7


@dataclass(frozen=True)
class SlotConfig:
    """What may be done with a slot's content (DS508 §2.2.1)."""

    word: int

    def bit(self, number: int) -> bool:
        return bool(self.word >> number & 1)

    @property
    def external_sign(self) -> bool:
        return self.bit(0)

    @property
    def internal_sign(self) -> bool:
        return self.bit(1)

    @property
    def ecdh(self) -> bool:
        return self.bit(2)

    @property
    def ecdh_to_next_slot(self) -> bool:
        return self.bit(3)

    @property
    def read_key(self) -> int:
        return self.word & 0xF

    @property
    def no_mac(self) -> bool:
        return self.bit(4)

    @property
    def limited_use(self) -> bool:
        return self.bit(5)

    @property
    def encrypt_read(self) -> bool:
        return self.bit(6)

    @property
    def is_secret(self) -> bool:
        return self.bit(7)

    @property
    def write_key(self) -> int:
        return self.word >> 8 & 0xF

    @property
    def write_config(self) -> int:
        return self.word >> 12


@dataclass(frozen=True)
class KeyConfig:
    """What kind of key a slot holds (DS508 §2.2.5)."""

    word: int

    def bit(self, number: int) -> bool:
        return bool(self.word >> number & 1)

    @property
    def private(self) -> bool:
        return self.bit(0)

    @property
    def pub_info(self) -> bool:
        return self.bit(1)

    @property
    def key_type(self) -> int:
        return self.word >> 2 & 7

    @property
    def lockable(self) -> bool:
        return self.bit(5)

    @property
    def req_random(self) -> bool:
        return self.bit(6)

    @property
    def req_auth(self) -> bool:
        return self.bit(7)

    @property
    def auth_key(self) -> int:
        return self.word >> 8 & 0xF

    @property
    def persistent_disable(self) -> bool:
        return self.bit(12)

    @property
    def private_p256(self) -> bool:
        return self.private and self.key_type == KEY_P256

    @property
    def public_p256(self) -> bool:
        return not self.private and self.key_type == KEY_P256


class Config:
    """A view of the zone as it stands; nothing is cached, for nothing of it is."""

    def __init__(self, raw: bytearray) -> None:
        self.raw = raw

    def word(self, offset: int) -> int:
        return int.from_bytes(self.raw[offset : offset + 2], "little")

    @property
    def serial(self) -> bytes:
        return bytes(self.raw[0:4] + self.raw[8:13])

    @property
    def revision(self) -> bytes:
        return bytes(self.raw[4:8])

    @property
    def aes_enabled(self) -> bool:
        return bool(self.raw[13] & 1)

    @property
    def bus_address(self) -> int:
        """7-bit; UserExtraAdd when ChipMode asks for it and it has been set."""
        extra = self.raw[USER_EXTRA_ADD]
        wanted = self.raw[CHIP_MODE] & 1 and self.raw[I2C_ENABLE] & 1
        return (extra if wanted and extra else self.raw[I2C_ADDRESS]) >> 1

    @property
    def long_watchdog(self) -> bool:
        return bool(self.raw[CHIP_MODE] & 4)

    @property
    def clock_divider(self) -> int:
        return self.raw[CHIP_MODE] >> 3

    @property
    def config_locked(self) -> bool:
        return self.raw[LOCK_CONFIG] != UNLOCKED

    @property
    def data_locked(self) -> bool:
        return self.raw[LOCK_DATA] != UNLOCKED

    def slot_locked(self, slot: int) -> bool:
        return not self.word(SLOT_LOCKED) >> slot & 1

    def slot(self, slot: int) -> SlotConfig:
        return SlotConfig(self.word(SLOT_CONFIG + 2 * slot))

    def key(self, slot: int) -> KeyConfig:
        return KeyConfig(self.word(KEY_CONFIG + 2 * slot))

    @property
    def chip_options(self) -> int:
        return self.word(CHIP_OPTIONS)

    @property
    def power_on_self_test(self) -> bool:
        return bool(self.chip_options & 1)

    @property
    def io_key_slot(self) -> int | None:
        """The IO protection key's slot, when ChipOptions enables one."""
        return self.chip_options >> 12 if self.chip_options & 2 else None

    @property
    def kdf_aes_enabled(self) -> bool:
        return bool(self.chip_options & 4)

    @property
    def ecdh_protection(self) -> int:
        return self.chip_options >> 8 & 3

    @property
    def kdf_protection(self) -> int:
        return self.chip_options >> 10 & 3

    @property
    def count_match_slot(self) -> int | None:
        value = self.raw[COUNT_MATCH]
        return value >> 4 if value & 1 else None
