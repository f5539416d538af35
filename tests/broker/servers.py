"""Servers as a board may meet them: TLS by OpenSSL, and others that speak it badly or not at all."""

import contextlib
import socket
import ssl
import threading

from derpki import key_pem, pem

HOST = "127.0.0.1"


class Server:
    """Serves every connection with `serve(socket)`, in threads, until it is closed."""

    def __init__(self, serve):
        self._serve = serve
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)

    def _accept(self):
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            plain.settimeout(10)
            with plain, contextlib.suppress(OSError, ValueError):
                self._serve(plain)


def tls(folder, chain, key, ciphers="DEFAULT:@SECLEVEL=0", group=None, versions=(None, None), client_ca=None):
    """A TLS server with this chain (DER, its own certificate first)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    file = folder / f"{threading.get_ident()}-{id(chain)}.pem"
    file.write_text(key_pem(key) + "".join(map(pem, chain)))
    context.load_cert_chain(file)
    if group:
        context.set_ecdh_curve(group)
    lowest, highest = versions
    context.minimum_version = lowest or ssl.TLSVersion.TLSv1_2
    if highest:
        context.maximum_version = highest
    if client_ca:
        context.load_verify_locations(cadata=pem(client_ca))
        context.verify_mode = ssl.CERT_REQUIRED

    def serve(plain, after=lambda secure: secure.recv(1)):
        with context.wrap_socket(plain, server_side=True) as secure:
            after(secure)

    return serve


def closing(plain):
    """Like a plain MQTT port: a ClientHello is no MQTT, and it hangs up."""
    plain.recv(1000)


def saying(data):
    def serve(plain):
        plain.recv(1000)
        plain.sendall(data)
        plain.recv(1000)

    return serve


# A ServerHello for TLS 1.2 with ECDHE-ECDSA-AES128-GCM-SHA256.
SERVER_HELLO = b"\x16\x03\x03\0\x2a\x02\0\0\x26\x03\x03" + b"r" * 32 + b"\0\xc0\x2b\0"


def dying(data, reset=False):
    """Says the beginning of its part, and is gone."""

    def serve(plain):
        plain.recv(1000)
        plain.sendall(data)
        if reset:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    return serve


def resetting(plain):
    plain.recv(1000)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
