"""TLS for any client, or server, of one's own, whose private key is a chip slot."""

import gc

import tls

from .errors import ChipError

# ECDHE for forward secrecy, ECDSA or RSA for the server's side; with these the client signs a SHA-256.
_CIPHERS = ["TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256", "TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256"]
_ECDSA_WITH_P256 = b"\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"


def can_sign_outside():
    """Whether this MicroPython lets somebody else sign: a build without MICROPY_PY_SSL_ECDSA_SIGN_ALT does not."""
    return hasattr(tls.SSLContext(tls.PROTOCOL_TLS_CLIENT), "ecdsa_sign_callback")


def key_reference(slot):
    """A SEC1 "private key" (DER, RFC 5915) whose scalar only names the slot: TLS wants to load one, then asks us."""
    return b"\x30\x31\x02\x01\x01\x04\x20" + b"the key is in the chip, slot %03d" % slot + _ECDSA_WITH_P256


def ecdsa_signature(raw):
    """ECDSA-Sig-Value (RFC 3279, 2.2.3) from r then s, two numbers of equal length."""
    half = len(raw) // 2
    pair = _integer(raw[:half]) + _integer(raw[half:])
    return bytes((0x30, len(pair))) + pair


def _integer(number):
    number = number.lstrip(b"\0") or b"\0"
    if number[0] & 0x80:
        number = b"\0" + number
    return bytes((0x02, len(number))) + number


def verifying(protocol, cas):
    """A tls.SSLContext that accepts who has a certificate of one of `cas` (DER), and no other."""
    context = tls.SSLContext(protocol)
    context.verify_mode = tls.CERT_REQUIRED
    context.set_ciphers(_CIPHERS)
    for ca in cas:
        context.load_verify_locations(ca)
    return context


class SSLContext:
    """To be used as an ssl.SSLContext is: its wrap_socket makes a socket secure, and the chip signs.

    chip: ATECC608; slot: that of the private key, for which `certificate` is; cas: whom to trust. Certificates are
    bytes, DER or PEM; there may be several in one, or a list: of `certificate` the first is the device's own, and those
    of the CAs between it and what the peer trusts are sent behind it. ValueError if the key in the slot is another one
    than the certificate's (unless `match` is false). `signed` tells whether the chip was asked.

    Made of tls.SSLContext, not ssl's: micropython-lib's wrapper ignores the callback, and the reference would sign.
    """

    def __init__(self, chip, slot, certificate, cas, protocol=tls.PROTOCOL_TLS_CLIENT, match=True):
        if not can_sign_outside():
            raise ValueError("this MicroPython can't let the chip sign (MICROPY_PY_SSL_ECDSA_SIGN_ALT)")
        self._chip = chip
        self._slot = slot
        self._error = None
        self.signed = False
        sent = _der(certificate)
        if match:
            self._check_key(sent[0])
        self._context = context = verifying(protocol, _der(cas))
        for one in sent:
            context.load_cert_chain(one, key_reference(slot))
        context.ecdsa_sign_callback = self._sign

    def _check_key(self, certificate):
        try:
            key = self._chip.PublicKey(self._slot)
        except ChipError as e:
            raise ValueError("slot %d has no key that the chip shows (%s)" % (self._slot, e))
        if key not in certificate:
            raise ValueError("the certificate is for another key than the one in slot %d" % self._slot)

    def check_chip(self):
        """Raises if the chip is not the one that has the key. Asked before anything is signed."""

    def _sign(self, _key, digest):
        try:
            self.check_chip()
            # RFC 6979, 2.3.2 / FIPS 186-4: of a longer digest ECDSA takes the leftmost bits, here 256.
            signature = ecdsa_signature(self._chip.Sign(self._slot, bytes(digest[:32])))
            self.signed = True
            return signature
        except BaseException as e:  # Ctrl-C as well
            self._error = e  # the TLS library would hide it
            raise

    def wrap_socket(self, sock, **options):
        """TLS over `sock`; options are those of tls.SSLContext, server_hostname above all. A chip's error arrives as
        itself, any other as OSError or ValueError."""
        self._error = None
        # Closing a TLS socket makes MicroPython forget whom this thread's handshake asks to sign, and so does throwing
        # one away that was closed long ago: the reference would sign. So it is thrown away before, not meanwhile.
        gc.collect()
        try:
            return self._context.wrap_socket(sock, **options)
        except (OSError, ValueError):
            if self._error:
                raise self._error
            raise


def _der(given):
    """The certificates in `given` as a list of DER."""
    if not isinstance(given, bytes):
        return [der for some in given for der in _der(some)]
    if given[:1] == b"\x30":
        return [given]
    from .pem import certificates

    return certificates(given)
