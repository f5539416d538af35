"""Config: the device's configuration, as Mongoose OS's client reads and writes it."""

from rpc.errors import RpcError, refused_by_flash
from rpc.params import CALLER, Method, flag, text
from rpc.services.system import reboot as reboot_later


class Config:
    """The service for `settings` (Settings)."""

    def __init__(self, settings):
        self._settings = settings

    def methods(self):
        no = (flag, False)
        return {
            "Config.Get": Method(self.get, key=(text(64), None)),
            "Config.Set": Method(self.set, config=_object, save=no, reboot=no, try_once=no, caller=CALLER),
            "Config.Save": Method(self.save, reboot=no, try_once=no, caller=CALLER),
        }

    def get(self, key):
        return _worded(self._settings.show, key)

    def set(self, config, save, reboot, try_once, caller):
        if try_once and not save:
            raise RpcError("argument", "try_once: only together with save, there is nothing to try otherwise")
        _worded(self._settings.change, config, save, try_once, caller.owner)
        if reboot:
            reboot_later()
        return {"saved": save}

    def save(self, reboot, try_once, caller):
        _worded(self._settings.save, try_once, caller.owner)
        if reboot:
            reboot_later()
        return {"saved": True}


def _object(name, value):
    if not isinstance(value, dict):
        raise RpcError("argument", "%s: an object" % name)
    return value


def _worded(operation, *what):
    """Run it; a bad key or value is the caller's fault, and a full flash is said so."""
    try:
        return operation(*what)
    except ValueError as e:
        raise RpcError(getattr(e, "kind", "argument"), str(e))
    except OSError as e:
        raise refused_by_flash(
            "nothing was changed: the flash did not take it (%s); if it is full, FS.Remove files" % e
        )
