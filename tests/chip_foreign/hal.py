"""Microchip's cryptoauthlib, made to talk to a chip behind an I2C socket: a HAL of six functions, registered in it.

The library does its own packets, polling, retries and host-side arithmetic; the HAL carries bytes only.
"""

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_int, c_size_t, c_uint8, c_uint16, c_void_p
from dataclasses import dataclass

import cryptoauthlib
from chip_foreign.i2c import Bus
from cryptoauthlib.iface import ATCAIfaceCfg
from cryptoauthlib.library import get_cryptoauthlib

SUCCESS, COMM_FAIL, UNIMPLEMENTED = 0, -16, -11
ATECC608 = 3
T_WHI_US = 1500
WAKE_HZ, FAST_HZ = 100_000, 400_000
RESET, COMMAND = 0x00, 0x03  # word addresses


@dataclass(frozen=True)
class Pauses:
    """Virtual microseconds that pass where the library waits in real time, of which the chip knows nothing."""

    after_command: int
    after_nack: int


AS_IN_REAL_TIME = Pauses(1_000, 2_000)  # ATCA_POLLING_INIT_TIME_MSEC, ATCA_POLLING_FREQUENCY_TIME_MSEC
HURRIED = Pauses(0, 100_000)  # few polls, for tests to which the time is nothing


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
        self._pauses = HURRIED
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
        content = bytes([word]) + bytes(data[:size] if size else b"")
        if address == 0:
            self._pulse(content)
        elif not self._bus.write(address, content):
            if word == RESET:  # before an answer is read
                self._bus.wait(self._pauses.after_nack)
            return COMM_FAIL
        elif word == COMMAND:
            self._bus.wait(self._pauses.after_command)
        return SUCCESS

    def _pulse(self, content: bytes) -> None:
        """Slowly, so that SDA is low for long enough."""
        self._bus.speed(WAKE_HZ)
        self._bus.write(0, content)
        self._bus.speed(FAST_HZ)
        self._bus.wait(T_WHI_US)

    def _receive(
        self, iface: int, word: int, data: "ctypes._Pointer[c_uint8]", size: "ctypes._Pointer[c_uint16]"
    ) -> int:
        answer = self._bus.read(self._address(iface), size[0])
        if answer is None:
            self._bus.wait(self._pauses.after_nack)
            return COMM_FAIL
        ctypes.memmove(data, answer, len(answer))
        return SUCCESS

    def open(self, endpoint: str, address: int, pauses: Pauses = HURRIED) -> None:
        """Let the library drive the chip at this 7-bit address of the bus behind the socket."""
        self._bus = Bus(endpoint)
        self._bus.speed(FAST_HZ)
        self._pauses = pauses
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
