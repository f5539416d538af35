"""TLS, as a client and as a server, with a private key that is a chip slot."""

import binascii
import gc
import select

import tls

from . import der
from .terms import check_chip

# ECDHE for forward secrecy, ECDSA or RSA for the server's side; with these the client signs a SHA-256.
_CIPHERS = ["TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256"]
_REFUSED = -0x2700  # MBEDTLS_ERR_X509_CERT_VERIFY_FAILED
_ECDSA_WITH_P256 = b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"


def can_sign_outside():
    """Whether this MicroPython lets somebody else sign: a build without MICROPY_PY_SSL_ECDSA_SIGN_ALT does not."""
    return hasattr(tls.SSLContext(tls.PROTOCOL_TLS_CLIENT), "ecdsa_sign_callback")


def key_reference(slot):
    """A SEC1 "private key" (DER, RFC 5915) whose scalar only names the slot: TLS wants to load one, then asks us."""
    return b"\x30\x31\x02\x01\x01\x04\x20" + b"the key is in the chip, slot %03d" % slot + _ECDSA_WITH_P256


def verifying(protocol, cas):
    """A tls.SSLContext that accepts who has a certificate of one of `cas` (DER), and no other."""
    context = tls.SSLContext(protocol)
    context.verify_mode = tls.CERT_REQUIRED
    context.set_ciphers(_CIPHERS)
    for ca in cas:
        context.load_verify_locations(ca)
    return context


class _Context:
    """A tls.SSLContext whose private key is the chip slot of `record` (a staged identity). `cas`: whom to trust (DER).

    tls, not ssl: micropython-lib's wrapper ignores the callback, and the reference would sign.
    """

    _serial = None  # of the chip that is still to be compared

    def __init__(self, protocol, chip, record, cas):
        self._chip = chip
        self._slot = record["slot"]
        self._serial = record["chip"]
        self._error = None
        self.signed = False
        self._context = context = verifying(protocol, cas)
        # The first is the device's own; the others, of the CAs between it and what the peer trusts, are sent behind it.
        for one in [record["certificate"]] + list(record.get("chain") or ()):
            context.load_cert_chain(binascii.a2b_base64(one), key_reference(self._slot))
        context.ecdsa_sign_callback = self._sign

    def check_chip(self):
        """StoreError if the identity's key is in another chip. Once it is known there is nothing more to ask.

        Nothing is signed before that; but a handshake leaves little stack, so it is better asked before.
        """
        if self._serial:
            check_chip(self._chip, self._serial)
            self._serial = None

    def _sign(self, _key, digest):
        try:
            self.check_chip()
            # RFC 6979, 2.3.2 / FIPS 186-4: of a longer digest ECDSA takes the leftmost bits, here 256.
            signature = der.ecdsa_signature(self._chip.Sign(self._slot, bytes(digest[:32])))
            self.signed = True
            return signature
        except BaseException as e:  # Ctrl-C as well
            self._error = e  # the TLS library would hide it
            raise


class ServerContext(_Context):
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


class ClientContext(_Context):
    """What umqtt takes for an SSLContext: the server is always verified, and the chip signs for the client.

    chip: ATECC608; record: a staged identity; timeout: seconds for any one read or write. `cipher` (name, version) is
    set by the handshake; `stage` tells how far a failed connection came: `tcp`, `tls` or `mqtt`.
    """

    def __init__(self, chip, record, timeout):
        super().__init__(
            tls.PROTOCOL_TLS_CLIENT, chip, record, [binascii.a2b_base64(ca) for ca in record["cas"]]
        )
        self._timeout = timeout
        self.stage = "tcp"
        self.cipher = None

    def wrap_socket(self, sock, server_hostname=None, **_):
        """The handshake. A chip's error and the store's arrive as themselves, any other as OSError or ValueError.

        On failure `sock` is still open, and still the caller's to close.
        """
        self.stage = "tls"
        self._error = None
        self.check_chip()
        sock.settimeout(self._timeout)
        # Closing a TLS socket makes MicroPython forget whom this thread's handshake asks to sign, and so does throwing
        # one away that was closed long ago: the reference would sign. So it is thrown away before, not meanwhile.
        gc.collect()
        try:
            secured = self._context.wrap_socket(sock, server_hostname=server_hostname)
        except (OSError, ValueError):
            if self._error:
                raise self._error
            raise
        self.cipher = secured.cipher()
        self.stage = "mqtt"
        return TLSSocket(secured, sock, self._timeout)


class TLSSocket:
    """A socket as umqtt uses it, whose blocking reads still end: umqtt's setblocking(True) would wait for ever.

    umqtt writes a packet in three to five pieces. They leave together, before anything is read and with flush(): each
    alone would be a TLS record, and but for the first wait until the other side acknowledges the one before (RFC 896),
    which takes it 40 ms and more (RFC 1122, 4.2.3.2).

    `heard` counts the reads that brought something: umqtt tells nobody about a PINGRESP. `head` is the first byte of
    the packet that is being read, whose flags umqtt keeps to itself as well. `ended` is set when the other side has
    closed. What umqtt reads at one go may be larger than the memory (MQTT allows 256 MB, AWS 128 KB): then it is read,
    thrown away, and `cut` is set.
    """

    READ_MAX = 16 * 1024
    HELD_MAX = 512

    def __init__(self, secured, plain, timeout):
        self._secured = secured
        self._plain = plain
        self._timeout = timeout
        self._poll = select.poll()
        self._poll.register(plain, select.POLLIN)
        self._held = b""
        self.heard = 0
        self.head = self._last = 0
        self.ended = False
        self.cut = False

    def write(self, data, size=None):
        piece = data if size is None else memoryview(data)[:size]
        if len(self._held) + len(piece) > self.HELD_MAX:
            self.flush()
            self._secured.write(piece)
        else:
            self._held += piece

    def flush(self):
        held = self._held
        self._held = b""
        if held:
            self._secured.write(held)

    def read(self, n):
        self.flush()
        if n > self.READ_MAX:
            return self._throw_away(n)
        data = self._secured.read(n)
        if data:
            self.heard += 1
            self._last = data[0]
        elif data is not None:
            self.ended = True
        return data

    def _throw_away(self, n):
        self.cut = True
        while n:
            data = self._secured.read(min(n, 1024))
            if not data:
                return data
            n -= len(data)
        return b""

    def setblocking(self, blocking):
        self.flush()
        if blocking:  # which umqtt does behind a packet's first byte
            self.head = self._last
        self._plain.settimeout(self._timeout if blocking else 0)

    def settimeout(self, timeout):
        self._plain.settimeout(self._timeout if timeout is None else timeout)

    def wait(self, ms):
        """Sleep until something arrives, `ms` at most; True if something did."""
        self.flush()
        return bool(self._poll.poll(ms))

    def close(self):
        try:
            self.flush()
        except OSError:
            pass  # the other side has gone first
        # This closes the plain socket as well. Closed a second time, its descriptor may be somebody else's by then.
        self._secured.close()
