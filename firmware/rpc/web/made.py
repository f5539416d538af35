"""The server, made of the device's parts: loaded, with all that it imports, when there is something to listen on."""

import binascii

import board
from identity.terms import read_certificate

from .server import Server
from .tls import DeviceTLS

try:
    from network import hostname
except ImportError:  # a board without a network
    hostname = None


def server(device, doors):
    """The Server of `device` (the module of that name)."""

    def is_own(name):
        """Whether `name` (in small letters) is this device's: its own, one in its certificate, or its name on Wi-Fi."""
        bare = name[: -len(".local")] if name.endswith(".local") else name
        if bare == device.device_id().lower() or (hostname and bare == hostname().lower()):
            return True
        record = device.store.current()
        return bool(record) and read_certificate(binascii.a2b_base64(record["certificate"])).is_for(name)

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
