"""The files that the outside may put on the device: one folder, flat, and nothing of the flash beside it."""

import _thread
import os
from errno import EEXIST, ENOENT

ENOSPC = 28  # MicroPython's errno has no name for it
NAME_MAX = 64
SIZE_MAX = 64 * 1024
# Stays free, so that identities and settings can always be written.
_RESERVE = 32 * 1024
_FILE = 0x8000


def flash():
    """Size of the flash's file system and what is free of it, in bytes; (0, 0) where there is none.

    That is so where the flash began with something that is neither blank nor a file system: MicroPython leaves it
    alone, and says so for ever ("appears to be corrupted"), until Ctrl-C.
    """
    block, _, blocks, free = os.statvfs("/")[:4]
    return block * blocks, block * free


class Folder:
    """The files in `root`, which is made when the first one is written.

    ValueError: a name or a size that can't be; OSError: what the file system says, ENOENT and ENOSPC above all.
    """

    def __init__(self, root):
        self._root = root
        self._lock = _thread.allocate_lock()

    def _path(self, name):
        """The path of the file `name`: whatever the name is, it is one in this folder."""
        if not 1 <= len(name) <= NAME_MAX or any(not " " <= c <= "~" or c in "/\\" for c in name):
            raise ValueError("filename: 1 to %d printable ASCII characters, but no / and no \\" % NAME_MAX)
        if not name.strip(". "):
            raise ValueError("filename: %s is none" % name)
        return "%s/%s" % (self._root, name)

    def _size(self, path):
        """The file's size; OSError(ENOENT) if there is none, or if it is no file."""
        status = os.stat(path)
        if not status[0] & _FILE:
            raise OSError(ENOENT)
        return status[6]

    def list(self):
        """Names and sizes, sorted by name."""
        try:
            entries = list(os.ilistdir(self._root))
        except OSError as e:
            if e.errno != ENOENT:
                raise
            return []
        names = sorted(entry[0] for entry in entries if entry[1] & _FILE)
        return [(name, self._size("%s/%s" % (self._root, name))) for name in names]

    def read(self, name, offset=0, size=SIZE_MAX):
        """At most `size` bytes from `offset` on, and how many come after them."""
        path = self._path(name)
        with self._lock:
            whole = self._size(path)
            if offset > whole:
                raise ValueError("offset: %s has only %d bytes" % (name, whole))
            with open(path, "rb") as f:
                f.seek(offset)
                data = f.read(size)
        return data, whole - offset - len(data)

    def write(self, name, data, offset=None):
        """Begin the file anew with `data`; or write `data` at `offset` into what is there, at its end if -1."""
        path = self._path(name)
        with self._lock:
            self._make_room(len(data))
            if offset is None:
                mode, offset = "wb", 0
            else:
                mode, offset = self._place(path, name, offset)
            if offset + len(data) > SIZE_MAX:
                raise ValueError("a file has at most %d bytes" % SIZE_MAX)
            with open(path, mode) as f:
                f.seek(offset)
                f.write(data)
            if hasattr(os, "sync"):
                os.sync()

    def _place(self, path, name, offset):
        """How to open the file for `offset`, and where that is."""
        try:
            size = self._size(path)
        except OSError as e:
            if e.errno != ENOENT or offset > 0:
                raise
            return "wb", 0
        if offset > size:
            raise ValueError("offset: %s has only %d bytes" % (name, size))
        return "r+b", size if offset < 0 else offset

    def _make_room(self, size):
        """OSError(ENOSPC) if the flash would get too full."""
        try:
            os.mkdir(self._root)
        except OSError as e:
            if e.errno != EEXIST:
                raise
        block, _, _, free = os.statvfs(self._root)[:4]
        if block * free - size < _RESERVE:
            raise OSError(ENOSPC)

    def remove(self, name):
        path = self._path(name)
        with self._lock:
            self._size(path)
            os.remove(path)
