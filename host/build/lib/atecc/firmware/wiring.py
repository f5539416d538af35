"""A look at the wires between board and chip, for whoever holds the cable: `atecc doctor` calls this at the prompt.

The pins are borrowed while the chip is held, and given back. What is told on an ESP32 by its internal resistors of some
45 kilohms has been seen on the simulated board only.
"""

import time

import machine

import board

# Longer than any line that works at all takes to follow a resistor of 45 kilohms.
_SETTLE_MS = 2


def pins():
    """What board.py says of them."""
    names = ("NAME", "ARCH", "I2C", "SCL", "SDA", "I2C_HZ", "ATECC_ADDRESS")
    return {name: getattr(board, name) for name in names}


def levels(chip):
    """{"SCL": [pulled down, pulled up], "SDA": […]}: the idle levels against the board's own weak resistors.

    1, 1: pulled up outside, as it must be. 0, 1: nothing pulls it up. 0, 0: something holds it low.
    """
    with chip:
        try:
            return {name: _levels(getattr(board, name)) for name in ("SCL", "SDA")}
        finally:
            chip.reopen()


def _levels(number):
    return [_level(number, pull) for pull in (machine.Pin.PULL_DOWN, machine.Pin.PULL_UP)]


def _level(number, pull):
    pin = machine.Pin(number, machine.Pin.IN, pull)
    time.sleep_ms(_SETTLE_MS)
    return pin.value()


def scan(chip):
    """The addresses (7-bit) that acknowledge after a wake pulse."""
    return chip.answering()
