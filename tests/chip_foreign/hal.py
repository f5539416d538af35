"""Microchip's cryptoauthlib, made to talk to a simulated chip: a HAL of six functions, registered in its library.

The library does its own packets, polling, retries and host-side arithmetic; the HAL carries bytes only.
"""

import ctypes
from ctypes import CFUNCTYPE, POINTER, c_int, c_size_t, c_uint8, c_uint16, c_void_p

import cryptoauthlib
from cryptoauthlib import library
from cryptoauthlib.iface import ATCAIfaceCfg
from simchip import Ack, Chip

SUCCESS, COMM_FAIL, UNIMPLEMENTED = 0, -16, -11
T_WHI_US = 1500
POLL_US = 25_000  # the library waits 2 ms of real time; the chip is in virtual time

INIT = CFUNCTYPE(c_int, c_void_p, c_void_p)
POST_INIT = CFUNCTYPE(c_int, c_void_p)
SEND = CFUNCTYPE(c_int, c_void_p, c_uint8, POINTER(c_uint8), c_int)
RECEIVE = CFUNCTYPE(c_int, c_void_p, c_uint8, POINTER(c_uint8), POINTER(c_uint16))
CONTROL = CFUNCTYPE(c_int, c_void_p, c_uint8, c_void_p, c_size_t)
RELEASE = CFUNCTYPE(c_int, c_void_p)


class Hal(ctypes.Structure):
    _fields_ = [
        ("halinit", INIT),
        ("halpostinit", POST_INIT),
        ("halsend", SEND),
        ("halreceive", RECEIVE),
        ("halcontrol", CONTROL),
        ("halrelease", RELEASE),
    ]


class Bridge:
    """One chip under one library; `chip` may be changed for another at any time."""

    def __init__(self) -> None:
        self.chip = Chip()
        library.load_cryptoauthlib()
        self.lib = library.get_cryptoauthlib()
        self.lib.atgetifacecfg.restype = c_void_p
        self.lib.atgetifacecfg.argtypes = [c_void_p]
        self._hal = Hal(
            INIT(lambda iface, config: SUCCESS),
            POST_INIT(lambda iface: SUCCESS),
            SEND(self._send),
            RECEIVE(self._receive),
            CONTROL(lambda iface, option, param, size: UNIMPLEMENTED),
            RELEASE(lambda data: SUCCESS),
        )
        old, old_phy = c_void_p(), c_void_p()
        self.lib.hal_iface_register_hal(
            0, ctypes.byref(self._hal), ctypes.byref(old), None, ctypes.byref(old_phy)
        )

    def _address(self, iface: int) -> int:
        """7-bit, from the library's own configuration: it puts 0 there for the wake pulse."""
        return ATCAIfaceCfg.from_address(self.lib.atgetifacecfg(iface)).cfg.atcai2c.address >> 1

    def _send(self, iface: int, word: int, data: "ctypes._Pointer[c_uint8]", size: int) -> int:
        address = self._address(iface)
        ack = self.chip.write(address, bytes([word]) + bytes(data[:size] if size else b""))
        if address == 0:
            self.chip.advance(T_WHI_US)
        elif ack is not Ack.ALL:
            self.chip.advance(POLL_US)
            return COMM_FAIL
        return SUCCESS

    def _receive(
        self, iface: int, word: int, data: "ctypes._Pointer[c_uint8]", size: "ctypes._Pointer[c_uint16]"
    ) -> int:
        answer = self.chip.read(self._address(iface), size[0])
        if answer is None:
            self.chip.advance(POLL_US)
            return COMM_FAIL
        ctypes.memmove(data, answer, len(answer))
        return SUCCESS

    def open(self, chip: Chip) -> None:
        self.chip = chip
        config = cryptoauthlib.cfg_ateccx08a_i2c_default()
        config.cfg.atcai2c.address = chip.address << 1
        config.devtype = 3
        status = cryptoauthlib.atcab_init(config)
        assert status == SUCCESS, status
