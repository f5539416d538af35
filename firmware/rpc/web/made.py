"""The server, made of the device's parts: loaded, with all that it imports, when there is something to listen on."""

import binascii
import sys

import board
import lazily
from identity.terms import read_certificate

from . import tasks

try:
    from network import hostname
except ImportError:  # a board without a network
    hostname = None


def _with_an_asyncio_of_its_own():
    """The modules of the server: what they know by the name of asyncio is theirs alone, for it is no friend of threads,
    and in another one the application may have its own."""
    with lazily.lock:
        return _imported()


def _imported():
    others = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "asyncio"}
    for name in others:
        del sys.modules[name]
    sys.modules["_asyncio"] = tasks
    try:
        import asyncio

        for late in (
            "wait_for",
            "ThreadSafeFlag",
            "StreamReader",
        ):  # which it would look for when they are asked for
            getattr(asyncio, late)
        from .server import Server
        from .tls import DeviceTLS

        return Server, DeviceTLS
    finally:
        del sys.modules["_asyncio"]
        for name in [name for name in sys.modules if name.partition(".")[0] == "asyncio"]:
            del sys.modules[name]
        sys.modules.update(others)


def server(device, doors):
    """The Server of `device` (the module of that name)."""

    def is_own(name):
        """Whether `name` (in small letters) is this device's: its own, one in its certificate, or its name on Wi-Fi."""
        bare = name[: -len(".local")] if name.endswith(".local") else name
        if bare == device.device_id().lower() or (hostname and bare == hostname().lower()):
            return True
        record = device.store.current()
        return bool(record) and read_certificate(binascii.a2b_base64(record["certificate"])).is_for(name)

    Server, DeviceTLS = _with_an_asyncio_of_its_own()
    tls = DeviceTLS(device.chip, device.store, device.access)
    return Server(
        device.dispatcher,
        device.access,
        device.workers(),
        tls,
        doors,
        is_own,
        board.LISTEN,
        board.CONNECTIONS,
    )
