"""All that the device offers over RPC, made of its parts: loaded for as long as a request is under way."""

import lazily
from identity.store import NAMES
from rpc.dispatcher import Dispatcher


def dispatcher(device, waiting):
    """The Dispatcher of `device` (the module of that name)."""
    made = Dispatcher(device.device_id, device.bench, waiting)
    for name in _SERVICES:
        made.offer(name, lambda name=name: _service(device, name))
    return made


_SERVICES = ("Sys", "ATCA", "Identity", "MQTT", "Access", "Config", "FS", "Wifi", "App")


def _service(device, name):
    module, *parts = _parts(device)[name]
    return getattr(lazily.load("rpc.services." + module), name)(*parts)


def _of(program):
    """What the self-check says of one of the owner's programs."""
    trace = program.trace if program.state in ("failed", "left alone") else None
    last = ": " + trace.strip().split("\n")[-1] if trace else ""
    return {"name": "program", "ok": not trace, "say": "%s is %s%s" % (program.path, program.state, last)}


def _parts(device):
    """Of each service the module in this folder, and what it takes."""
    chip, store, bench, get = device.chip, device.store, device.bench, device.settings.get

    def check():
        return lazily.load("selfcheck").run(chip, store) + [_of(program) for program in device.programs]

    def adopted_files():
        return lazily.load("identity.adopt").files(get)

    def ways_in():
        return device.web.status() | {"mqtt": device.remote.status()}

    def refuse_own_ca(ca):
        lazily.load("rpc.operators").refuse_issuer(ca, (store.get(name) for name in NAMES), chip.Verify)

    return {
        "Sys": ("system", device.device_id, check, bench),
        "ATCA": ("atecc", chip, store, bench),
        "Identity": ("identity", device, bench),
        "MQTT": ("mqtt", store, device.link),
        "Access": ("access", device.access, ways_in, refuse_own_ca),
        "Config": ("config", device.settings, bench),
        "FS": ("files", device.files, adopted_files, bench),
        "App": ("app", device.programs, device.is_frozen()),
        "Wifi": ("wifi", device.station, device.settings),
    }
