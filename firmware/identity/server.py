"""TLS as a server: what context.py is for a client. Loaded when somebody may call over the network."""

import tls

from .context import Context

_REFUSED = -0x2700  # MBEDTLS_ERR_X509_CERT_VERIFY_FAILED


class ServerContext(Context):
    """TLS for callers: the device shows its certificate, and wants one of a CA among `cas` (DER) that `admits(der)`.

    One handshake at a time. meet(ca, certificate) gives what is to be known of a caller by these two (DER).
    """

    def __init__(self, chip, record, cas, admits, meet):
        super().__init__(tls.PROTOCOL_TLS_SERVER, chip, record, cas)
        self._admits = admits
        self._meet = meet
        self._chain = []
        self._context.verify_callback = self._verify

    def _verify(self, certificate, depth):
        """Called for each certificate of the caller's chain, its CA's first; 0, or what ends the handshake.

        It must not raise: that would jump out of Mbed TLS in the middle.
        """
        try:
            if not self._chain or depth == 0:
                self._chain.append(bytes(certificate))
            return 0 if depth or self._admits(self._chain[-1]) else _REFUSED
        except Exception:
            return _REFUSED

    def wrap_socket(self, sock):
        """(TLS over the non-blocking `sock`, who()): the handshake takes place with the first read, and who() meets the
        caller after it."""
        self._chain = chain = []
        secured = self._context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        secured.setblocking(False)

        def who():
            met = self._meet(chain[0], chain[-1])
            chain.clear()
            return met

        return secured, who
