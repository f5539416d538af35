"""Moving in from Mongoose OS: what `mos aws-iot-setup` has configured becomes an identity of this device.

Nothing of it was tried, and it takes effect at the next start, when nobody is there to be asked. So the owner's wish is
what the configuration says: these settings, and the files that they name, are not changed from afar unless the bench
permission is on (`guarded`, `files`).
"""

import lazily

from .terms import StoreError

_PORT = 8883
_KEY = "ATCA:"
_NAMES = ("aws.thing_name", "device.id")
_FILES = ("mqtt.ssl_cert", "mqtt.ssl_ca_cert")
_NAMED = ("mqtt.server", "mqtt.ssl_key", "mqtt.ssl_cert", "mqtt.ssl_ca_cert")
_CHAIN_MAX = 4
_CAS_MAX = 8


def guarded(setting):
    """The settings on which it depends what is adopted. Of the names these are two once there is something to adopt."""
    return _NAMED + _NAMES if any(setting(key) for key in _NAMED) else _NAMED


def files(setting):
    """The names of the files on which it depends what is adopted."""
    return [setting(key) for key in _FILES]


def adopt(store, setting, read):
    """At start: make the configured certificate the active identity, unless `store` has, or had, it.

    setting(key) gives a configured value, read(name) a file's bytes (or raises). Never raises: what was wrong, an
    exception, is kept as `store.not_adopted`, for nobody is there to be told.
    """
    values = {key: setting(key) for key in _NAMED}
    if not all(values.values()):
        return
    try:
        _adopt(store, values, setting, read)
    except Exception as e:
        store.not_adopted = e


def _adopt(store, values, setting, read):
    slot = _slot(values["mqtt.ssl_key"])
    certificate, chain = _own(values, read)
    if store.adopted(certificate):
        return
    host, port = _endpoint(values["mqtt.server"])
    cas = _file("mqtt.ssl_ca_cert", values, read)[:_CAS_MAX]
    thing, device = setting("aws.thing_name"), setting("device.id")
    if not (thing or device):
        raise StoreError("state", "aws.thing_name, device.id: one of them has to name this device")
    where = {"name": thing or device, "client_id": device or thing, "endpoint": host, "port": port}
    store.adopt(slot, certificate, cas, chain, **where)


def _own(values, read):
    """The device's certificate, and the ones that lead from it to its CA."""
    found = _file("mqtt.ssl_cert", values, read)
    return found[0], found[1 : _CHAIN_MAX + 1]


def _file(key, values, read):
    name = values[key]
    try:
        return lazily.load("atecc608.pem").certificates(read(name))
    except OSError as e:
        raise StoreError("certificate", "%s: the file %s can't be read (%s)" % (key, name, e))
    except ValueError as e:
        raise StoreError("certificate", "%s: %s: %s" % (key, name, e))


def _slot(text):
    number = text[len(_KEY) :]
    if not text.startswith(_KEY) or not number.isdigit() or int(number) > 15:
        raise StoreError("slot", "mqtt.ssl_key: ATCA: and a slot, 0 to 15; a key in a file is not used")
    return int(number)


def _endpoint(text):
    host, colon, port = text.partition(":")
    if not host or (colon and not (port.isdigit() and 1 <= int(port) <= 65535)):
        raise StoreError("state", "mqtt.server: host:port, or a host alone (port %d)" % _PORT)
    return host, int(port) if colon else _PORT
