"""The library's atcacert, by its C functions: the Python binding lacks some of them."""

from ctypes import _Pointer, byref, c_size_t, c_uint8, c_void_p, create_string_buffer

from chip_foreign.hal import LIB
from chip_foreign.setting import ok
from cryptoauthlib.library import cal_buffer

SIGNER = "g_tngtls_cert_def_1_signer"  # compressed in slot 12, its public key in slot 11
DEVICE = {"tngtls": "g_tngtls_cert_def_3_device", "trustflex": "g_tflxtls_cert_def_4_device"}
MAX_SIZE, COMPRESSED_SIZE = 1024, 72
VERIFY_FAILED = 12

LIB.atcab_get_device.restype = c_void_p


def _definition(name: str) -> "_Pointer[c_uint8]":
    return byref(c_uint8.in_dll(LIB, name))  # type: ignore[return-value]


def _buffer(data: bytes) -> "_Pointer[cal_buffer]":
    return byref(cal_buffer(len(data), data))  # type: ignore[return-value]


def _verified(status: int) -> bool:
    assert status in (0, VERIFY_FAILED), status
    return status == 0


def write(definition: str, certificate: bytes) -> None:
    """Into the chip's slots, compressed."""
    ok(LIB.atcacert_write_cert(_definition(definition), certificate, c_size_t(len(certificate))))


def read(definition: str, issuer: bytes) -> bytes:
    """From the chip's slots, rebuilt; the issuer's public key gives the authority key identifier."""
    out, size = create_string_buffer(MAX_SIZE), c_size_t(MAX_SIZE)
    ok(LIB.atcacert_read_cert(_definition(definition), _buffer(issuer), out, byref(size)))
    return out.raw[: size.value]


def compressed(definition: str, certificate: bytes) -> bytes:
    out = create_string_buffer(COMPRESSED_SIZE)
    ok(LIB.atcacert_get_comp_cert(_definition(definition), certificate, c_size_t(len(certificate)), out))
    return out.raw


def verified_by_the_chip(definition: str, certificate: bytes, issuer: bytes) -> bool:
    device = c_void_p(LIB.atcab_get_device())
    size = c_size_t(len(certificate))
    return _verified(
        LIB.atcacert_verify_cert_hw(device, _definition(definition), certificate, size, _buffer(issuer))
    )


def response_verified_by_the_chip(point: bytes, challenge: bytes, response: bytes) -> bool:
    device = c_void_p(LIB.atcab_get_device())
    parts = map(_buffer, (point, challenge, response))
    return _verified(LIB.atcacert_verify_response_hw(device, *parts))
