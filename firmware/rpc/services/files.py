"""FS: the files that the outside may put on the device, in pieces, as Mongoose OS's client does it."""

from errno import ENOENT

from folder import ENOSPC, NAME_MAX, SIZE_MAX
from rpc.errors import RpcError, refused_by_flash
from rpc.params import CALLER, Method, binary, empty_or, encode, flag, integer, text

# What fits into a frame as base64, with room to spare.
_PIECE_MAX = 4096
_NAME = text(NAME_MAX)
_OFFSET = integer(0, SIZE_MAX)


class FS:
    """The service for `folder` (Folder).

    guarded() gives the names of files that are changed from afar only while bench(), the bench permission, is on.
    """

    def __init__(self, folder, guarded=list, bench=bool):
        self._folder = folder
        self._guarded = guarded
        self._bench = bench

    def methods(self):
        path = (_only_root, "/")
        return {
            "FS.List": Method(self.list, path=path),
            "FS.ListExt": Method(self.list_ext, path=path),
            "FS.Get": Method(
                self.get, filename=_NAME, offset=(_OFFSET, 0), len=(integer(0, _PIECE_MAX), 512)
            ),
            "FS.Put": Method(
                self.put,
                filename=_NAME,
                data=(empty_or(binary(_PIECE_MAX)), b""),
                append=(flag, False),
                offset=(_OFFSET, None),
                caller=CALLER,
            ),
            "FS.Remove": Method(self.remove, filename=_NAME, caller=CALLER),
        }

    def list(self, path):
        return [name for name, _ in self._folder.list()]

    def list_ext(self, path):
        return [{"name": name, "size": size} for name, size in self._folder.list()]

    def get(self, filename, offset, len):
        data, left = _worded(filename, self._folder.read, offset, len)
        return {"data": encode(data), "left": left}

    def put(self, filename, data, append, offset, caller):
        self._check(filename, caller)
        # `mos` says offset 0 and no append for the first piece, which begins the file anew. A later piece names both,
        # and may come twice: then it is written over itself.
        place = -1 if offset is None else offset
        _worded(filename, self._folder.write, data, place if append or offset else None)

    def remove(self, filename, caller):
        self._check(filename, caller)
        _worded(filename, self._folder.remove)

    def _may_be_guarded(self, filename):
        """Whatever the file system is. FAT has a second name for a long one, with a tilde in it."""
        guarded = [_on_fat(name) for name in self._guarded() if name]
        return bool(guarded) and ("~" in filename or _on_fat(filename) in guarded)

    def _check(self, filename, caller):
        if not caller.owner and self._may_be_guarded(filename) and not self._bench():
            raise RpcError(
                "refused",
                "%s: the configuration names this file for the device's identity. From afar it is changed only with the"
                " bench permission, which the owner grants over USB" % filename,
            )


def _on_fat(filename):
    """What FAT makes of a name: to it, large and small letters are the same, and dots and spaces at the end nothing."""
    return filename.lower().rstrip(". ")


def _only_root(name, value):
    if value not in ("/", "", "."):
        raise RpcError("argument", "%s: there is only one directory, /" % name)
    return value


def _worded(filename, operation, *what):
    """Run it on the file; what is wrong, in words."""
    try:
        return operation(filename, *what)
    except ValueError as e:
        raise RpcError("argument", str(e))
    except OSError as e:
        if e.errno == ENOENT:
            raise RpcError("file", "no file %s on this device" % filename)
        if e.errno == ENOSPC:
            raise RpcError("memory", "the flash is full: remove files (FS.Remove)")
        raise refused_by_flash("the flash refuses this (%s)" % e)
