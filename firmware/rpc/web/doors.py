"""What may be listened on, and why not. The server itself is loaded when there is something."""

import binascii

import _thread

from identity.terms import read_certificate

_TOO_LITTLE = "too little memory for a server, now"


class Doors:
    """The doors of the device to the network: access (Access) and store (Store) know what is open.

    port() gives the port for wss://, or None where it is switched off; make(doors) the Server.
    """

    def __init__(self, access, store, port, make):
        self._access = access
        self._store = store
        self.port = port
        self._make = make
        self._making = _thread.allocate_lock()
        self._server = None

    def why_not_plain(self):
        plain = self._access.plain
        if not plain["enable"]:
            return "switched off (Access.WebSocket)"
        if not plain["ha1"] and not self._access.bench:
            return "no password is set, and the bench permission is off"
        return None

    def why_not_secure(self):
        if self.port() is None:
            return "switched off (rpc.wss.enable)"
        if not self._store.active:
            return "this device has no active identity, and so no certificate to show"
        if not self._access.trusts_any:
            return "no operator's CA is trusted (Access.Trust)"
        if not read_certificate(binascii.a2b_base64(self._store.current()["certificate"])).may_serve:
            return "the device's certificate is for TLS clients only: its extended key usage lacks serverAuth"
        return None

    def _why_not(self):
        """{wss, ws}: why not; None where there is something to listen on."""
        return {"wss": self.why_not_secure(), "ws": self.why_not_plain()}

    @property
    def server(self):
        """The Server, or None as long as there was never anything to listen on; MemoryError if there is no room."""
        with self._making:
            if self._server is None and None in self._why_not().values():
                self._server = self._make(self)
            return self._server

    def start(self):
        """Serve from now on, if there is something to listen on."""
        try:
            if self.server:
                self.server.start()
        except MemoryError:
            pass  # status tells

    def refresh(self):
        """Server.refresh."""
        try:
            if self.server:
                self.server.refresh()
        except MemoryError:
            pass

    def status(self):
        """For Access.Status: {wss, ws}."""
        if self._server:
            out = self._server.status()
        else:
            out = {
                name: {"listening": False, "why": why or _TOO_LITTLE} for name, why in self._why_not().items()
            }
        out["wss"] = {"enabled": self.port() is not None, "port": self.port()} | out["wss"]
        return out
