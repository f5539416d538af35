"""A JSON value on flash that is either the old one or the new one, whenever the power fails."""

import json
import os
from binascii import crc32


class Record:
    """The value behind `path`, kept in two files by turns.

    A file holds the CRC-32 of the rest, a sequence number and the value. The newer valid file counts and the other one
    is written next, so a write that is cut short damages only what had been superseded. FAT has no atomic rename.
    """

    def __init__(self, path):
        self._path = path

    def _read(self, side):
        """(sequence, value) of a side; (0, None) if it is missing or damaged."""
        try:
            with open(self._path + side) as f:
                crc, text = f.read().split(" ", 1)
            if int(crc, 16) == crc32(text.encode()):
                sequence, _, value = text.partition(" ")
                return int(sequence), json.loads(value)
        except (OSError, ValueError):
            pass
        return 0, None

    def _newest(self):
        sides = [(self._read(side), side) for side in (".0", ".1")]
        return max(sides, key=lambda s: s[0][0])

    def load(self):
        """The value, or None if nothing was ever saved."""
        return self._newest()[0][1]

    def save(self, value):
        """Replace the value; OSError if the flash did not take it, the old value then still stands."""
        (sequence, _), newest = self._newest()
        side = ".0" if newest == ".1" else ".1"
        text = "%d %s" % (sequence + 1, json.dumps(value))
        with open(self._path + side, "w") as f:
            f.write("%08x %s" % (crc32(text.encode()), text))
        if hasattr(os, "sync"):
            os.sync()
        if self._read(side) != (sequence + 1, value):
            raise OSError("%s: the flash does not hold what was written to it" % (self._path + side))
