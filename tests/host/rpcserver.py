"""A device on the network: a real WebSocket server in a thread, with or without TLS, and a board behind it.

`misbehave` holds one entry a frame: a function (connection, frame, honest reply) → what is sent instead, or None.
It shares no code with the host package; digest authentication is written down here a second time, from the contract.
"""

import hashlib
import json
import socket
import ssl
import threading

from simcloud.pki import Validity, name, pem, private_pem
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

# Nothing but the key of a device's certificate counts: name and dates may be anything.
LONG_AGO = Validity.days(-400, -30)


class RpcServer:
    """Start with `with`; `url` is where it is. `frames` are the requests that arrived, `connections` how many came."""

    def __init__(self, device, scheme="ws", context=None, user=None, password=None):
        self.device = device
        self.scheme = scheme
        self.context = context
        self.ha1 = password and sha256(f"{user}:RPC:{password}")
        self.user = user
        self.frames = []
        self.misbehave = []
        self.connections = 0
        self.open = []
        self.nonces = {}  # → whether it was used
        self.challenge = {}

    def __enter__(self):
        self.device.caller = "operator"
        self._server = serve(self._serve, "127.0.0.1", 0, ssl=self.context, compression=None)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.hang_up()
        self._server.shutdown()
        self._thread.join(5)

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def hang_up(self):
        """Close whoever is connected, as a device does with an idle caller; returns once they are gone."""
        for connection in self.open:
            connection.close()
        self.open.clear()

    def _serve(self, connection):
        self.connections += 1
        self.open.append(connection)
        try:
            for frame in connection:
                self.frames.append(frame)
                reply = self._reply(frame)
                if self.misbehave:
                    reply = self.misbehave.pop(0)(connection, frame, reply)
                if reply is not None:
                    connection.send(reply)
        except ConnectionClosed:
            pass

    def _reply(self, frame):
        request = json.loads(frame)
        if self.ha1 and not self._authentic(request.get("auth")):
            return self._unauthenticated(request)
        return self.device.request(frame.encode(), 1).decode()

    def _unauthenticated(self, request):
        nonce = 1000 + len(self.nonces)
        self.nonces[nonce] = False
        challenge = {"auth_type": "digest", "nonce": nonce, "nc": 1, "realm": "RPC", "algorithm": "SHA-256"}
        message = json.dumps(challenge | self.challenge)
        return json.dumps(
            {"id": request["id"], "src": "fake", "error": {"code": 401, "kind": "auth", "message": message}}
        )

    def _authentic(self, auth):
        if not auth or self.nonces.get(auth["nonce"], True):
            return False
        self.nonces[auth["nonce"]] = True
        assert isinstance(auth["cnonce"], str), "what Mongoose OS's client sends"
        ha2 = sha256("dummy_method:dummy_uri")
        expected = sha256(f"{self.ha1}:{auth['nonce']}:1:{auth['cnonce']}:auth:{ha2}")
        return auth["response"] == expected and auth["username"] == self.user and auth["realm"] == "RPC"


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def device_context(directory, issuer, key, client_ca_pem, validity=LONG_AGO, highest=ssl.TLSVersion.TLSv1_2):
    """A device's side of wss://: its key with a certificate that names no address, callers of one CA."""
    certificate = issuer.sign(key.public_key(), name(common_name="sensor-1"), validity)
    path = directory / "device.both.pem"
    path.write_bytes(pem(certificate) + private_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = highest
    context.load_cert_chain(path)
    context.load_verify_locations(cadata=client_ca_pem)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


class Listener:
    """Something that is no device: does `react(socket)` with each connection."""

    def __init__(self, react):
        self._react = react

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            try:
                with connection:
                    self._react(connection)
            except OSError:
                pass
