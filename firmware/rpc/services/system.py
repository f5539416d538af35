"""Sys: the board and its clock."""

import gc
import os
import time

import machine

import board
from link import clock
from rpc.params import Method, integer
from version import VERSION

_NEVER = 4102444800  # 2100-01-01


def methods(device_id):
    """`device_id()` gives the device's name."""
    started = time.ticks_ms()

    def get_info():
        gc.collect()
        system = os.uname()
        return {
            "app": "atecc",
            "fw_version": VERSION,
            "arch": board.ARCH,
            "board": board.NAME,
            "id": device_id(),
            "mac": machine.unique_id().hex().upper(),
            "micropython": system.release,
            "time": clock.now(),
            "uptime": time.ticks_diff(time.ticks_ms(), started) // 1000,
            "ram_free": gc.mem_free(),
        }

    def set_time(time):
        previous = clock.now()
        clock.set_time(time)
        return {"time": clock.now(), "previous": previous}

    return {"Sys.GetInfo": Method(get_info), "Sys.SetTime": Method(set_time, time=integer(0, _NEVER))}
