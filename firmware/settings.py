"""The device's configuration: typed keys with defaults (rpc/README.md, "Configuration keys"), kept on flash.

What is not set has its default, whatever an older firmware's default was. Bad keys and values are a ValueError.
"""

import _thread
import os

import lazily
from identity.record import Record

HIDDEN = "********"


class OwnersOnly(ValueError):
    """A key that only the owner may change, over USB; `kind` is the RPC's word for that."""

    kind = "refused"


# Tuples, not a dict: frozen, they stay out of the RAM. Of each key the name, what it takes (values.py), its bounds and
# its default.
_KEYS = (
    ("device.id", "name", (), ""),
    ("mqtt.enable", "flag", (), True),
    ("mqtt.server", "text", (260,), ""),
    ("mqtt.ssl_cert", "text", (64,), ""),
    ("mqtt.ssl_key", "text", (64,), ""),
    ("mqtt.ssl_ca_cert", "text", (64,), ""),
    ("mqtt.ssl_cipher_suites", "text", (512,), ""),
    ("aws.thing_name", "name", (), ""),
    ("aws.jobs", "flag", (), False),
    ("aws.renew", "whole", (0, 3650), 0),
    ("aws.template", "text", (36,), "atecc"),
    ("wifi.ap.enable", "off", (), False),
    ("wifi.sta.enable", "flag", (), False),
    # IEEE 802.11: an SSID has 32 bytes at most; WPA: 8 to 63 characters, or 64 hex digits.
    ("wifi.sta.ssid", "text", (32,), ""),
    ("wifi.sta.pass", "text", (64, 8), ""),
    ("sntp.server", "text", (253,), "pool.ntp.org"),
    ("rpc.wss.enable", "flag", (), True),
    ("rpc.wss.port", "whole", (1, 65535), 443),
    ("rpc.mqtt.enable", "flag", (), False),
    ("rpc.mqtt.unsigned", "flag", (), False),
)
_SECRETS = ("wifi.sta.pass",)
# Who may call is the owner's business.
_OWNERS = ("rpc.mqtt.enable", "rpc.mqtt.unsigned")


# The application's own keys begin like this; they are there once it has declared them, or somebody has set them.
_OWN = "app."
_own = {}  # their defaults


def _row(key):
    for row in _KEYS:
        if row[0] == key:
            return row
    if isinstance(key, str) and key.startswith(_OWN) and len(key) > len(_OWN):
        return key, "own", (_own.get(key),), _own.get(key)
    return None


def _default(key):
    return _row(key)[3]


def _check(key, value):
    """ValueError if `value` can't be the one of `key`."""
    _, kind, bounds, _ = _row(key)
    getattr(lazily.load("values"), kind)(key, value, *bounds)


def _flatten(tree, path, found):
    """The leaves of `tree` (nested) into `found`, by their dotted names. Goes no deeper than there are keys."""
    for name, value in tree.items():
        key = path + name
        if (key + ".").startswith(_OWN) and (isinstance(value, dict) or key + "." == _OWN):
            _flatten_own(key, value, found)
        elif _row(key):
            found[key] = value
        elif not any(row[0].startswith(key + ".") for row in _KEYS):
            raise ValueError("%s: no such key (Config.Get shows all of them)" % key)
        elif not isinstance(value, dict):
            raise ValueError("%s: an object" % key)
        else:
            _flatten(value, key + ".", found)


def _flatten_own(path, tree, found):
    """The application's keys, as deep as they are."""
    if not isinstance(tree, dict):
        raise ValueError("%s: an object" % path)
    for name, value in tree.items():
        if isinstance(value, dict):
            _flatten_own(path + "." + name, value, found)
        else:
            found[path + "." + name] = value


class Settings:
    """The configuration under `directory`. Making one is a start of the device: it uses up what `try_once` kept.

    names: what stands for an empty value of a key, where it is the device that knows. `changed()` is called after each
    change.
    """

    def __init__(self, directory, names=()):
        self._names = dict(names)
        self.changed = lambda: None
        try:
            os.mkdir(directory)
        except OSError:
            pass  # it is there already; if it can't be made, the first save says so
        self._record = Record(directory + "/values")
        self._lock = _thread.allocate_lock()
        stored = self._record.load()
        stored = stored if isinstance(stored, dict) else {}
        self._saved = _usable(stored.get("saved"))
        self._once = None
        self._changed = dict(self._saved)
        if "once" in stored:
            self._try(_usable(stored["once"]))

    def _try(self, values):
        """Use `values` this time; not if the flash can't be told so, for they might then be used for ever."""
        try:
            self._record.save({"saved": self._saved})
            self._changed = values
        except OSError:
            pass

    def declare(self, key, default):
        """An application's own key has this default, and by it a type."""
        lazily.load("values").own(key, default, None)
        _own[key] = default

    def get(self, key):
        """The value of `key`, a secret's as well."""
        value = self._changed.get(key, _default(key))
        return self._names.get(key, value) if value == "" else value

    def show(self, key=None):
        """What stands under `key` (a section, or a single value) or everything, nested; secrets are hidden."""
        if _row(key):
            return self._shown(key)
        start = key + "." if key else ""
        out = {}
        for name in sorted(set([row[0] for row in _KEYS]) | set(_own) | set(self._changed)):
            if name.startswith(start):
                parts = name[len(start) :].split(".")
                branch = out
                for part in parts[:-1]:
                    branch = branch.setdefault(part, {})
                branch[parts[-1]] = self._shown(name)
        if not out:
            raise ValueError("%s: no such key (Config.Get without one shows all of them)" % key)
        return out

    def _shown(self, key):
        value = self.get(key)
        return HIDDEN if key in _SECRETS and value else value

    def differing(self, tree):
        """The keys that `change` would give another value; ValueError if there is no such key."""
        new = {}
        _flatten(tree, "", new)
        return _differing(self._changed, new)

    def unsaved(self):
        """The keys that `save` would give another value after the next start."""
        keys = set(self._saved) | set(self._changed)
        return _differing(self._saved, {key: self._changed.get(key, _default(key)) for key in keys})

    def change(self, tree, save=False, try_once=False, owner=False):
        """Take over `tree` (nested, or with dotted names): all of it or, with a ValueError, nothing.

        With `save` (see there) it is kept as well; OSError if the flash does not take it, and nothing is changed.
        """
        new = {}
        _flatten(tree, "", new)
        for key in list(new):
            if key in _SECRETS and new[key] == HIDDEN:
                del new[key]
            else:
                _check(key, new[key])
                if not owner and key in _OWNERS and new[key] != self.get(key):
                    raise OwnersOnly("%s: only the owner may change this, over USB" % key)
        with self._lock:
            before = self._changed
            self._changed = _different(before, new)
            if save:
                try:
                    self._save(try_once, owner)
                except OSError:
                    self._changed = before
                    raise
        self.changed()

    def save(self, try_once=False, owner=False):
        """Keep what holds now; with `try_once` for the next start only. OSError if the flash does not take it.

        Of what only the owner may change nobody else keeps more than was kept already.
        """
        with self._lock:
            self._save(try_once, owner)

    def _save(self, try_once, owner):
        values = self._changed
        if not owner:
            values = _different(values, {key: self._saved.get(key, _default(key)) for key in _OWNERS})
        if try_once:
            self._write(self._saved, values)
        else:
            self._write(values, None)

    @staticmethod
    def check(values):
        """ValueError if one of `values` (dotted names) can't be."""
        for key, value in values.items():
            _check(key, value)

    def keep(self, values):
        """Change `values` (dotted names), and save them and nothing else, whatever else was changed or is to be tried.

        OSError if the flash does not take it; they hold until the next reset all the same.
        """
        self.check(values)
        with self._lock:
            self._changed = _different(self._changed, values)
            once = None if self._once is None else _different(self._once, values)
            self._write(_different(self._saved, values), once)
        self.changed()

    def _write(self, saved, once):
        self._record.save({"saved": saved} if once is None else {"saved": saved, "once": once})
        self._saved = saved
        self._once = once


def _differing(values, news):
    return [key for key, new in news.items() if new != values.get(key, _default(key))]


def _different(values, changes):
    """`values` with `changes`, without what has its default."""
    out = {}
    for source in (values, changes):
        out.update(source)
    return {key: value for key, value in out.items() if value != _default(key)}


def _usable(stored):
    """What this firmware understands of what it, or another one, has stored."""
    out = {}
    for key, value in stored.items() if isinstance(stored, dict) else ():
        try:
            _check(key, value)
            out[key] = value
        except (TypeError, ValueError):
            pass
    return out
