"""A JSON value on flash that is either the old one or the new one, whenever the power fails."""

import io
import json
import os
from binascii import crc32
from json import dump

import _thread

from micropython import const

_CRC = const(9)  # hex, and a space
_PART = const(128)


class Record:
    """The value behind `path`, kept in two files by turns.

    A file holds the CRC-32 of the rest, a sequence number and the value. The newer valid file counts and the other one
    is written next, so a write that is cut short damages only what had been superseded. FAT has no atomic rename.
    The value goes to the file and comes from it piece by piece: as a text it would take its size over and over.
    """

    def __init__(self, path):
        self._path = path
        self._lock = _thread.allocate_lock()

    def _look(self, side):
        """(sequence, where the value begins) of a side; (0, 0) if it is missing or damaged."""
        try:
            with open(self._path + side, "rb") as f:
                crc = int(f.read(_CRC - 1), 16)
                if crc == _crc_of_rest(f):
                    f.seek(_CRC)
                    number = f.read(12).split(b" ", 1)[0]
                    return int(number), _CRC + len(number) + 1
        except (OSError, ValueError):
            pass
        return 0, 0

    def _newest(self):
        """((sequence, where the value begins), side)."""
        return max((self._look(".0"), ".0"), (self._look(".1"), ".1"))

    def load(self):
        """The value, or None if nothing was ever saved."""
        with self._lock:
            (sequence, start), side = self._newest()
            if not sequence:
                return None
            with open(self._path + side, "rb") as f:
                f.seek(start)
                return json.load(f)

    def save(self, value):
        """Replace the value; OSError if the flash did not take it, the old value then still stands."""
        with self._lock:
            self._replace(value)

    def _replace(self, value):
        (sequence, _), newest = self._newest()
        side = ".0" if newest == ".1" else ".1"
        sequence += 1
        with open(self._path + side, "wb") as f:
            f.write(b"no CRC.. %d " % sequence)  # it does not count yet
            json.dump(value, f)
        with open(self._path + side, "r+b") as f:
            f.seek(_CRC + len(b"%d " % sequence))
            if _holds(f, value):
                crc = _crc_of_rest(f)
                f.seek(0)
                f.write(b"%08x" % crc)
        if hasattr(os, "sync"):
            os.sync()
        if self._look(side)[0] != sequence:
            raise OSError("%s: the flash does not hold what was written to it" % (self._path + side))


def _holds(f, value):
    same = _Same(f)
    dump(value, same)
    return same.so_far and not f.read(1)


class _Same(io.IOBase):
    """Compares what is written to it with what comes from `f`: a value read again would take its size once more."""

    def __init__(self, f):
        self._f = f
        self.so_far = True

    def write(self, data):
        self.so_far = self.so_far and self._f.read(len(data)) == bytes(data)
        return len(data)


def _crc_of_rest(f):
    f.seek(_CRC)
    part = bytearray(_PART)
    crc = 0
    while size := f.readinto(part):
        crc = crc32(memoryview(part)[:size], crc)
    return crc
