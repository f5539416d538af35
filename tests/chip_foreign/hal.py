"""Microchip's cryptoauthlib, made to talk to a chip behind an I2C socket: a HAL of six functions, registered in it.

The library does its own packets, polling, retries and host-side arithmetic; the HAL carries bytes only.
"""

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_int, c_size_t, c_uint8, c_uint16, c_void_p

import cryptoauthlib
from chip_foreign.i2c import Bus
from cryptoauthlib.iface import ATCAIfaceCfg
from cryptoauthlib.library import get_cryptoauthlib

SUCCESS, COMM_FAIL, UNIMPLEMENTED = 0, -16, -11
ATECC608 = 3
T_WHI_US = 1500
POLL_US = 100_000  # the library waits 2 ms of real time before it asks again; the chip lives in virtual time

LIB = get_cryptoauthlib()

INIT = CFUNCTYPE(c_int, c_void_p, c_void_p)
POST_INIT = CFUNCTYPE(c_int, c_void_p)
SEND = CFUNCTYPE(c_int, c_void_p, c_uint8, POINTER(c_uint8), c_int)
RECEIVE = CFUNCTYPE(c_int, c_void_p, c_uint8, POINTER(c_uint8), POINTER(c_uint16))
CONTROL = CFUNCTYPE(c_int, c_void_p, c_uint8, c_void_p, c_size_t)
RELEASE = CFUNCTYPE(c_int, c_void_p)


class _Functions(ctypes.Structure):
    _fields_ = [
        ("halinit", INIT),
        ("halpostinit", POST_INIT),
        ("halsend", SEND),
        ("halreceive", RECEIVE),
        ("halcontrol", CONTROL),
        ("halrelease", RELEASE),
    ]


class Hal:
    """The library knows one device at a time: `open` and `close` what it is."""

    def __init__(self) -> None:
        self._bus: Bus
        LIB.atgetifacecfg.restype = c_void_p
        LIB.atgetifacecfg.argtypes = [c_void_p]
        self._functions = _Functions(
            INIT(lambda iface, config: SUCCESS),
            POST_INIT(lambda iface: SUCCESS),
            SEND(self._send),
            RECEIVE(self._receive),
            CONTROL(lambda iface, option, param, size: UNIMPLEMENTED),
            RELEASE(lambda data: SUCCESS),
        )
        old, old_phy = c_void_p(), c_void_p()
        LIB.hal_iface_register_hal(
            0, ctypes.byref(self._functions), ctypes.byref(old), None, ctypes.byref(old_phy)
        )

    @staticmethod
    def _address(iface: int) -> int:
        """7-bit, from the library's own configuration: it puts 0 there for the wake pulse."""
        return int(ATCAIfaceCfg.from_address(LIB.atgetifacecfg(iface)).cfg.atcai2c.address) >> 1

    def _send(self, iface: int, word: int, data: "ctypes._Pointer[c_uint8]", size: int) -> int:
        address = self._address(iface)
        acknowledged = self._bus.write(address, bytes([word]) + bytes(data[:size] if size else b""))
        if address == 0:
            self._bus.wait(T_WHI_US)
        elif not acknowledged:
            self._bus.wait(POLL_US)
            return COMM_FAIL
        return SUCCESS

    def _receive(
        self, iface: int, word: int, data: "ctypes._Pointer[c_uint8]", size: "ctypes._Pointer[c_uint16]"
    ) -> int:
        answer = self._bus.read(self._address(iface), size[0])
        if answer is None:
            self._bus.wait(POLL_US)
            return COMM_FAIL
        ctypes.memmove(data, answer, len(answer))
        return SUCCESS

    def open(self, endpoint: str, address: int) -> None:
        """Let the library drive the chip at this 7-bit address of the bus behind the socket."""
        self._bus = Bus(endpoint)
        config = cryptoauthlib.cfg_ateccx08a_i2c_default()
        config.cfg.atcai2c.address = address << 1
        config.devtype = ATECC608
        config.wake_delay = 0  # of real time: `_send` lets the chip's pass
        status = cryptoauthlib.atcab_init(config)
        assert status == SUCCESS, status

    def close(self) -> None:
        cryptoauthlib.atcab_release()
        self._bus.close()


HAL = Hal()
