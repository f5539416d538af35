"""Config: the device's configuration, as Mongoose OS's client reads and writes it."""

import lazily
from rpc.errors import RpcError, refused_by_flash
from rpc.params import CALLER, Method, flag, text


_FROM_AFAR = "From afar that takes the bench permission, which the owner grants over USB"
_ADOPTED = (
    "it says what becomes the device's identity at the next start, untried. %s; Identity.Begin needs none"
)
_WHY_GUARDED = {"sntp.server": "who tells this device the time decides which certificates are valid. %s"}


class Config:
    """The service for `settings` (Settings); bench() tells whether the bench permission is on."""

    def __init__(self, settings, bench=bool):
        self._settings = settings
        self._bench = bench

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
        self._check(_worded(self._settings.differing, config), caller)
        _worded(self._settings.change, config, save, try_once, caller.owner)
        if reboot and save:  # what is not saved would be gone (and `mos config-set --no-save` asks for both)
            lazily.load("rpc.services.system").reboot()
        return {"saved": save}

    def save(self, reboot, try_once, caller):
        self._check(self._settings.unsaved(), caller)
        _worded(self._settings.save, try_once, caller.owner)
        if reboot:
            lazily.load("rpc.services.system").reboot()
        return {"saved": True}

    def _check(self, keys, caller):
        """RpcError if one of `keys`, which are about to change, is not for `caller` to change."""
        if caller.owner or self._bench():
            return
        adopted = lazily.load("identity.adopt").guarded(self._settings.get)
        for key in keys:
            why = _ADOPTED if key in adopted else _WHY_GUARDED.get(key)
            if why:
                raise RpcError("refused", "%s: %s" % (key, why % _FROM_AFAR))


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
