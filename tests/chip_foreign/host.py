"""The library's host side: what it says TempKey, MACs and messages must be, for the chip's own to be held against.

Structures are laid out as the library's header lays them out on x86-64; `test_host.py` compares their sizes.
"""

import ctypes
from ctypes import (
    POINTER,
    addressof,
    byref,
    c_bool,
    c_char_p,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_void_p,
)

from chip_foreign.hal import ATECC608, LIB
from chip_foreign.setting import ok
from simchip import Chip


class TempKey(ctypes.Structure):
    _fields_ = [
        ("value", c_uint8 * 64),
        ("key_id", c_uint16, 4),
        ("source_flag", c_uint16, 1),
        ("gen_dig_data", c_uint16, 1),
        ("gen_key_data", c_uint16, 1),
        ("no_mac_flag", c_uint16, 1),
        ("valid", c_uint16, 1),
        ("is_64", c_uint8),
    ]


class Nonce(ctypes.Structure):
    _fields_ = [
        ("mode", c_uint8),
        ("zero", c_uint16),
        ("num_in", c_char_p),
        ("rand_out", c_char_p),
        ("temp_key", POINTER(TempKey)),
    ]


class GenDig(ctypes.Structure):
    _fields_ = [
        ("zone", c_uint8),
        ("key_id", c_uint16),
        ("slot_conf", c_uint16),
        ("key_conf", c_uint16),
        ("slot_locked", c_uint8),
        ("counter", c_uint32),
        ("is_key_nomac", c_bool),
        ("sn", c_char_p),
        ("stored_value", c_char_p),
        ("other_data", c_char_p),
        ("temp_key", POINTER(TempKey)),
    ]


class GenKey(ctypes.Structure):
    _fields_ = [
        ("mode", c_uint8),
        ("key_id", c_uint16),
        ("public_key", c_char_p),
        ("public_key_size", c_size_t),
        ("other_data", c_char_p),
        ("sn", c_char_p),
        ("temp_key", POINTER(TempKey)),
    ]


class Mac(ctypes.Structure):
    _fields_ = [
        ("mode", c_uint8),
        ("key_id", c_uint16),
        ("challenge", c_char_p),
        ("key", c_char_p),
        ("otp", c_char_p),
        ("sn", c_char_p),
        ("response", c_void_p),
        ("temp_key", POINTER(TempKey)),
    ]


class CheckMac(ctypes.Structure):
    _fields_ = [
        ("mode", c_uint8),
        ("key_id", c_uint16),
        ("sn", c_char_p),
        ("client_chal", c_char_p),
        ("client_resp", c_void_p),
        ("other_data", c_char_p),
        ("otp", c_char_p),
        ("slot_key", c_char_p),
        ("target_key", c_char_p),
        ("temp_key", POINTER(TempKey)),
    ]


class DeriveKey(ctypes.Structure):
    _fields_ = [
        ("mode", c_uint8),
        ("target_key_id", c_uint16),
        ("sn", c_char_p),
        ("parent_key", c_char_p),
        ("target_key", c_void_p),
        ("temp_key", POINTER(TempKey)),
    ]


class DeriveKeyMac(ctypes.Structure):
    _fields_ = [
        ("mode", c_uint8),
        ("target_key_id", c_uint16),
        ("sn", c_char_p),
        ("parent_key", c_char_p),
        ("mac", c_void_p),
    ]


class SignInternal(ctypes.Structure):
    _fields_ = [
        ("mode", c_uint8),
        ("key_id", c_uint16),
        ("slot_config", c_uint16),
        ("key_config", c_uint16),
        ("use_flag", c_uint8),
        ("update_count", c_uint8),
        ("is_slot_locked", c_bool),
        ("for_invalidate", c_bool),
        ("sn", c_char_p),
        ("temp_key", POINTER(TempKey)),
        ("message", c_void_p),
        ("verify_other_data", c_void_p),
        ("digest", c_void_p),
    ]


class IoDecrypt(ctypes.Structure):
    _fields_ = [("io_key", c_char_p), ("out_nonce", c_char_p), ("data", c_void_p), ("data_size", c_size_t)]


def io_decrypt(io_key: bytes, out_nonce: bytes, data: bytes) -> bytes:
    out = ctypes.create_string_buffer(data, len(data))
    ok(LIB.atcah_io_decrypt(byref(IoDecrypt(io_key, out_nonce, addressof(out), len(data)))))
    return out.raw


def count_match(limit: int) -> bytes:
    """A block that limits counter 0 to so many uses."""
    out = ctypes.create_string_buffer(32)
    ok(LIB.atcah_encode_counter_match(limit, out))
    return out.raw


class Host:
    """What the library knows of one chip: its serial number, and TempKey as it follows from the commands sent."""

    def __init__(self, chip: Chip) -> None:
        self.config = bytes(chip.image.config)
        self.serial = self.config[:4] + self.config[8:13]
        self.temp_key = TempKey()

    @property
    def digest(self) -> bytes:
        return bytes(self.temp_key.value[:32])

    def nonce(self, mode: int, num_in: bytes, rand_out: bytes | bytearray = b"", zero: int = 0) -> bytes:
        ok(LIB.atcah_nonce(byref(Nonce(mode, zero, num_in, bytes(rand_out), ctypes.pointer(self.temp_key)))))
        return self.digest

    def gen_dig(self, zone: int, key_id: int, stored: bytes, other: bytes = b"", **more: int) -> bytes:
        parameters = GenDig(
            zone=zone, key_id=key_id, sn=self.serial, stored_value=stored, other_data=other, **more
        )
        parameters.temp_key = ctypes.pointer(self.temp_key)
        ok(LIB.atcah_gen_dig(byref(parameters)))
        return self.digest

    def gen_key(self, mode: int, key_id: int, point: bytes | bytearray, other: bytes | None = None) -> bytes:
        pointer = ctypes.pointer(self.temp_key)
        ok(LIB.atcah_gen_key_msg(byref(GenKey(mode, key_id, bytes(point), 64, other, self.serial, pointer))))
        return self.digest

    def mac(self, mode: int, key_id: int, key: bytes, challenge: bytes, otp: bytes = bytes(11)) -> bytes:
        out = ctypes.create_string_buffer(32)
        parameters = Mac(mode, key_id, challenge, key, otp, self.serial, addressof(out))
        parameters.temp_key = ctypes.pointer(self.temp_key)
        ok(LIB.atcah_mac(byref(parameters)))
        return out.raw

    def check_mac(
        self, mode: int, key_id: int, key: bytes, challenge: bytes, other: bytes, target: bytes | None = None
    ) -> bytes:
        out, pointer = ctypes.create_string_buffer(32), ctypes.pointer(self.temp_key)
        parameters = CheckMac(
            mode, key_id, self.serial, challenge, addressof(out), other, bytes(8), key, target, pointer
        )
        ok(LIB.atcah_check_mac(byref(parameters)))
        return out.raw

    def derive_key(self, mode: int, target: int, parent: bytes) -> bytes:
        out, pointer = ctypes.create_string_buffer(32), ctypes.pointer(self.temp_key)
        ok(LIB.atcah_derive_key(byref(DeriveKey(mode, target, self.serial, parent, addressof(out), pointer))))
        return out.raw

    def derive_key_mac(self, mode: int, target: int, parent: bytes) -> bytes:
        out = ctypes.create_string_buffer(32)
        ok(LIB.atcah_derive_key_mac(byref(DeriveKeyMac(mode, target, self.serial, parent, addressof(out)))))
        return out.raw

    def sign_internal(self, mode: int, key_id: int, for_invalidate: bool = False) -> tuple[bytes, bytes]:
        """The digest that the chip must sign, and what Verify (Validate) is told about it."""
        digest, other = ctypes.create_string_buffer(32), ctypes.create_string_buffer(19)
        parameters = SignInternal(mode=mode, key_id=key_id, for_invalidate=for_invalidate, sn=self.serial)
        parameters.temp_key = ctypes.pointer(self.temp_key)
        parameters.digest, parameters.verify_other_data = addressof(digest), addressof(other)
        ok(LIB.atcah_config_to_sign_internal(ATECC608, byref(parameters), self.config))
        ok(LIB.atcah_sign_internal_msg(ATECC608, byref(parameters)))
        return digest.raw, other.raw
