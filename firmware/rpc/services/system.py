"""Sys: the board and its clock."""

import gc
import os
import time

import machine

import board
import threads
import uptime
from folder import flash
from atecc608.context import can_sign_outside
from link import clock
from rpc.params import CALLER, Method, integer
from version import VERSION

_NEVER = 4102444800  # 2100-01-01
# Mongoose OS's client takes a connection that is gone sooner for a failure.
_REBOOT_MS = 500
_TICK_MS = 10


def reboot(delay_ms=_REBOOT_MS):
    """Reset the board in a while, when the reply has left, through whatever channel. Returns at once."""
    try:
        threads.start(threads.LOOP, _reset_after, delay_ms)
    except MemoryError:
        _reset_after(delay_ms)  # without a reply, but with what helps against too little memory


def _reset_after(ms):
    # In small pieces: each lets the other threads run, where time itself may be simulated too.
    for _ in range(0, ms, _TICK_MS):
        time.sleep_ms(_TICK_MS)
    clock.remember(1)
    machine.reset()


class Sys:
    """The service; `device_id()` gives the device's name, `check()` what the device finds of itself (selfcheck.run),
    `bench()` tells whether the bench permission is on."""

    def __init__(self, device_id, check=list, bench=bool):
        self._device_id = device_id
        self._check = check
        self._bench = bench

    def methods(self):
        return {
            "Sys.GetInfo": Method(self.get_info),
            "Sys.Check": Method(self._check),
            "Sys.SetTime": Method(self.set_time, time=integer(0, _NEVER), caller=CALLER),
            "Sys.Reboot": Method(reboot, delay_ms=(integer(0, 60000), _REBOOT_MS)),
        }

    def get_info(self):
        gc.collect()
        fs_size, fs_free = flash()
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
            "uptime": uptime.ms() // 1000,
            "ram_free": gc.mem_free(),
            "fs_size": fs_size,
            "fs_free": fs_free,
        }

    def set_time(self, time, caller):
        previous = clock.now()
        if caller.owner or self._bench():
            clock.set_time(time)
        else:
            clock.set_from_afar(time)
        return {"time": clock.now(), "previous": previous}
