"""One slot's rules: SlotConfig and KeyConfig, decoded and encoded without loss.

Bits as in Microchip's ATECC508A data sheet DS20005927A, section 2.2, and the 608's public migration note.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

SIZES = (36,) * 8 + (416,) + (72,) * 7

# ReadKey of a private key's slot is a set of permissions.
EXTERNAL_SIGN, INTERNAL_SIGN, ECDH, ECDH_INTO_NEXT = 1, 2, 4, 8
# WriteConfig of a private key's slot likewise.
GENKEY, PRIVWRITE = 2, 4
NOBODY = 0xF


class KeyType(IntEnum):
    P256 = 4
    AES = 6
    DATA = 7


@dataclass(frozen=True)
class Slot:
    """The rules of one slot; the defaults are those of plain data that anybody may read and write."""

    read_key: int = NOBODY
    no_mac: bool = False
    limited_use: bool = False
    encrypt_read: bool = False
    is_secret: bool = False
    write_key: int = 0
    write_config: int = 0
    private: bool = False
    pub_info: bool = False
    key_type: int = KeyType.DATA
    lockable: bool = False
    req_random: bool = False
    req_auth: bool = False
    auth_key: int = 0
    persistent_disable: bool = False
    reserved: bool = False
    x509_id: int = 0

    @classmethod
    def decode(cls, slot_config: int, key_config: int) -> Slot:
        """From the two 16-bit words as the chip stores them (little-endian)."""

        def bit(word: int, number: int) -> bool:
            return bool(word >> number & 1)

        return cls(
            read_key=slot_config & 0xF,
            no_mac=bit(slot_config, 4),
            limited_use=bit(slot_config, 5),
            encrypt_read=bit(slot_config, 6),
            is_secret=bit(slot_config, 7),
            write_key=slot_config >> 8 & 0xF,
            write_config=slot_config >> 12 & 0xF,
            private=bit(key_config, 0),
            pub_info=bit(key_config, 1),
            key_type=key_config >> 2 & 7,
            lockable=bit(key_config, 5),
            req_random=bit(key_config, 6),
            req_auth=bit(key_config, 7),
            auth_key=key_config >> 8 & 0xF,
            persistent_disable=bit(key_config, 12),
            reserved=bit(key_config, 13),
            x509_id=key_config >> 14 & 3,
        )

    @property
    def slot_config(self) -> int:
        flags = self.no_mac << 4 | self.limited_use << 5 | self.encrypt_read << 6 | self.is_secret << 7
        return self.read_key | flags | self.write_key << 8 | self.write_config << 12

    @property
    def key_config(self) -> int:
        flags = (
            self.private | self.pub_info << 1 | self.lockable << 5 | self.req_random << 6 | self.req_auth << 7
        )
        high = self.auth_key << 8 | self.persistent_disable << 12 | self.reserved << 13 | self.x509_id << 14
        return flags | self.key_type << 2 | high

    @property
    def is_private_key(self) -> bool:
        """A P-256 private key that works: the chip accepts none whose slot is not secret."""
        return self.private and self.key_type == KeyType.P256 and self.is_secret

    @property
    def can_generate(self) -> bool:
        """GenKey is allowed once both zones are locked."""
        return self.is_private_key and bool(self.write_config & GENKEY)

    @property
    def can_sign(self) -> bool:
        """It signs what it is given: the CSR, and the TLS handshake."""
        return self.is_private_key and bool(self.read_key & EXTERNAL_SIGN)

    @property
    def signs_for_us(self) -> bool:
        """It signs, and nothing that the firmware doesn't do has to be done first."""
        return self.can_sign and not self.req_auth and not self.persistent_disable

    @property
    def is_device_key(self) -> bool:
        """Good for an identity: the chip makes the key, it signs, and nothing has to be authorised first."""
        return self.can_generate and self.signs_for_us
