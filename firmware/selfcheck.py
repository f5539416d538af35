"""What this board can tell of its own fitness, quickly: no key operation, one waking of the chip, nothing changed.

At every start one line of it is printed, and `Sys.Check` asks for all of it. The deeper look, at wires, is wiring.py's.
"""

import os
import sys

from esp32 import HEAP_DATA, idf_heap_info

import lazily
from folder import flash
from atecc608.context import can_sign_outside
from link import clock

# What Mbed TLS takes for one handshake at its peak, and the largest piece of it: a record with its frame around, as the
# boards are built (boards/common/sdkconfig.common).
TLS_BYTES = 20 * 1024
TLS_PIECE = 6 * 1024
_PARTS = ("umqtt.simple", "microdot", "microdot.websocket")


def run(chip, store=None):
    """[{name, ok, say}] of `chip` (ATECC608), the identities in `store`, and the board, in the order in which one thing
    needs another."""
    found = []
    try:
        with chip:  # held, it stays awake from one look to the next
            for name, look in _LOOKS:
                found.append(_verdict(name, look, chip))
            if store:
                found.append(_verdict("identity", lambda chip: _identity(chip, store), chip))
    except Exception as e:  # only sending the chip back to sleep is left to fail
        found.append({"name": "bus", "ok": False, "say": str(e)})
    return found


def report(chip, store=None):
    """Print one line: that all is well, or what to look at. Never stops a start, nor waits for a silent chip."""
    try:
        print("atecc: " + line(chip.hurried(lambda: run(chip, store))))
    except Exception as e:
        print("atecc: the self-check itself failed (%s)" % type(e).__name__)


def line(found):
    bad = ["%s: %s" % (one["name"], one["say"]) for one in found if not one["ok"]]
    return "look at " + "; ".join(bad) if bad else "all is well"


def _verdict(name, look, chip):
    try:
        ok, say = look(chip)
    except Exception as e:
        ok, say = False, str(e) or type(e).__name__
    return {"name": name, "ok": ok, "say": say}


def _chip(chip):
    zone = chip.config()
    return True, "%s, serial %s, at 0x%02X" % (zone.part, zone.serial.hex(), chip.address)


def _identity(chip, store):
    """Whether the active identity's key can be in this chip, and whether the one that was configured became active."""
    failed = store.not_adopted and "what is configured in mqtt.* did not become one (%s)" % store.not_adopted
    if not store.active:
        return not failed, failed or "none yet"
    if chip.address is not None:
        store.check_chip()
    said = "%s, made for chip %s" % (store.name, chip.preferred)
    return True, said + "; " + failed if failed else said


def _bus(chip):
    if chip.damaged:
        return (
            False,
            "%d transfers were damaged since the start, and repeated: look at the wires" % chip.damaged,
        )
    return True, "no transfer was damaged since the start"


def _random(chip):
    """Both generators must not repeat themselves. That is all one can see of randomness from its numbers.

    ESP-IDF says its generator has true entropy while the radio is on; before that it has what the bootloader gathered
    at the start. Keys that matter are the chip's; TLS's own numbers are drawn while Wi-Fi, and so the radio, is on.
    """
    if os.urandom(16) == os.urandom(16):
        return False, "os.urandom gives the same bytes twice: no TLS connection of this board would be secret"
    said = "os.urandom draws from the ESP32's hardware" if sys.platform == "esp32" else "os.urandom varies"
    if sys.platform == "esp32":
        said += ", with full entropy while the radio is on"
    try:
        # One that was not found a moment ago is not looked for again.
        locked = chip.address is not None and chip.config().config_locked
    except Exception:
        locked = None
    if chip.address is None or locked is None:
        return True, said + "; the chip could not be asked for its own"
    if not locked:
        return True, said + "; the chip makes none before its config zone is locked"
    if chip.Random() == chip.Random():
        return False, "the chip gives the same random bytes twice: no key it makes would be secret"
    return True, said + ", and so does the chip's Random"


def _sign(_chip):
    if not can_sign_outside():
        return (
            False,
            "this MicroPython can't let the chip sign a TLS handshake (MICROPY_PY_SSL_ECDSA_SIGN_ALT)",
        )
    return (
        True,
        "this MicroPython lets the chip sign; that Mbed TLS asks it (ECDSA not deterministic), a handshake shows",
    )


def _clock(_chip):
    now = clock.now()
    if now < clock.RELEASED:
        return False, "not set (it shows %s): NTP or the host sets it" % clock.text(now)
    return True, clock.text(now)


def _memory(_chip):
    """TLS takes its memory from ESP-IDF's heap, not from MicroPython's."""
    regions = idf_heap_info(HEAP_DATA)
    free, largest = sum(one[1] for one in regions), max(one[2] for one in regions)
    said = "%d kB are free for TLS, %d kB in one piece" % (free // 1024, largest // 1024)
    if free < TLS_BYTES or largest < TLS_PIECE:
        return False, said + "; a handshake takes %d and %d" % (TLS_BYTES // 1024, TLS_PIECE // 1024)
    return True, said


def _files(_chip):
    size, free = flash()
    if not size:
        return False, "the flash holds something that is no file system: nothing can be kept on this board"
    return True, "%d of %d kB of the flash are free" % (free // 1024, size // 1024)


def _parts(_chip):
    missing = []
    for name in _PARTS:
        try:
            lazily.load(name)
        except ImportError:
            missing.append(name)
    if missing:
        return False, "%s is not on this board: `atecc install` brings it" % ", ".join(missing)
    return True, "umqtt and microdot are there"


_LOOKS = (
    ("chip", _chip),
    ("bus", _bus),
    ("random", _random),
    ("sign", _sign),
    ("clock", _clock),
    ("memory", _memory),
    ("files", _files),
    ("parts", _parts),
)
