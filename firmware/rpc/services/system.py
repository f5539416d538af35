"""Sys: the board and its clock."""

import gc
import os
import time

import machine

import board
from identity.context import can_sign_outside
from link import clock
from rpc.params import Method, integer
from version import VERSION

_NEVER = 4102444800  # 2100-01-01


class Sys:
    """The service; `device_id()` gives the device's name."""

    def __init__(self, device_id):
        self._device_id = device_id
        self._started = time.ticks_ms()

    def methods(self):
        return {
            "Sys.GetInfo": Method(self.get_info),
            "Sys.SetTime": Method(self.set_time, time=integer(0, _NEVER)),
        }

    def get_info(self):
        gc.collect()
        return {
            "app": "atecc",
            "fw_version": VERSION,
            "arch": board.ARCH,
            "board": board.NAME,
            "id": self._device_id(),
            "mac": machine.unique_id().hex().upper(),
            "micropython": os.uname().release,
            "tls_sign": can_sign_outside(),
            "time": clock.now(),
            "uptime": time.ticks_diff(time.ticks_ms(), self._started) // 1000,
            "ram_free": gc.mem_free(),
        }

    @staticmethod
    def set_time(time):
        previous = clock.now()
        clock.set_time(time)
        return {"time": clock.now(), "previous": previous}
