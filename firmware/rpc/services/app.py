"""App: the owner's program, which runs beside the device (application.py)."""

import os

import application
import uptime
from folder import NAME_MAX, SIZE_MAX, Folder
from rpc.errors import RpcError, refused_by_flash
from rpc.params import BENCH, Method, binary, empty_or, integer, text

_PIECE_MAX = 4096
_PART = ".part"
_NAME = text(NAME_MAX - len(_PART))


class App:
    """The service for `programs`, a list of Application; frozen: whether it is, and /main.py the owner's."""

    def __init__(self, programs, frozen):
        self._programs = programs
        self._frozen = frozen
        self._folder = Folder(application.FOLDER)

    def methods(self):
        return {
            "App.Status": Method(self.status),
            "App.Log": Method(self.log),
            "App.Start": Method(self.start, BENCH),
            "App.Stop": Method(self.stop, BENCH),
            "App.Put": Method(
                self.put,
                BENCH,
                filename=_NAME,
                data=(empty_or(binary(_PIECE_MAX)), b""),
                offset=(integer(0, SIZE_MAX), 0),
            ),
            "App.Keep": Method(self.keep, BENCH, filename=_NAME, crc=integer(0, 0xFFFFFFFF)),
            "App.Remove": Method(self.remove, BENCH, filename=_NAME),
        }

    def status(self):
        files = [{"name": name, "size": size, "crc": crc} for name, size, crc in application.files()]
        return {"programs": [_summary(program) for program in self._programs], "files": files}

    def log(self):
        return [
            {"path": program.path, "lines": program.lines, "trace": program.trace}
            for program in self._programs
        ]

    def start(self):
        """All that there are now: some may have come since the device has started."""
        known = [program.path for program in self._programs]
        for path in application.sources(self._frozen):
            if path not in known:
                self._programs.append(application.Application(path))
        if not self._programs:
            raise RpcError("state", "there is no program on this device: App.Put brings one")
        for program in self._programs:
            program.start()
        return self.status()

    def stop(self):
        for program in self._programs:
            program.stop()
        return self.status()

    def put(self, filename, data, offset):
        try:
            self._folder.write(filename + _PART, data, offset if offset else None)
        except ValueError as e:
            raise RpcError("argument", str(e))
        except OSError as e:
            raise refused_by_flash("the flash did not take it (%s)" % e)

    def keep(self, filename, crc):
        """What was put under this name takes the place of what was there, if it has this CRC-32."""
        path = "%s/%s" % (application.FOLDER, filename)
        try:
            if application.crc_of(path + _PART) != crc:
                raise RpcError("file", "%s arrived damaged: put it again" % filename)
            os.rename(path + _PART, path)
        except OSError:
            raise RpcError("file", "nothing was put under the name %s" % filename)

    def remove(self, filename):
        try:
            self._folder.remove(filename)
        except ValueError as e:
            raise RpcError("argument", str(e))
        except OSError:
            raise RpcError("file", "no file %s in the program's folder" % filename)


def _summary(program):
    since = None if program.started is None else (uptime.ms() - program.started) // 1000
    return {
        "path": program.path,
        "state": program.state,
        "since": since,
        "failures": program.failures,
        "trace": program.trace,
    }
