"""TLS to a device, both sides with a certificate. The device is known by its key, not by a name or a date.

Its certificate is not named after its address, and may have expired: that is when one wants to replace it. So
its key is compared with those learned over USB, before anything is sent; nothing is accepted on first use. In
TLS the peer proves that it has the key that it shows, whatever the certificate around it is worth.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import socket
import ssl
from typing import TYPE_CHECKING

from atecc.errors import ArgumentError, AteccError, CertificateError, ChannelError, ChannelTimeout
from atecc.operators.operator import Operator
from atecc.x509 import library
from atecc.x509.requests import spki

if TYPE_CHECKING:
    from atecc.channels.address import Address
    from atecc.channels.channel import Access

logger = logging.getLogger(__name__)

# The device's chip signs each handshake, a few at a time; who comes later waits.
HANDSHAKE_TIMEOUT = 30.0
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")

NOT_ACCEPTED = (
    "Is the CA trusted there? `atecc operator trust` over USB hands it over, `atecc operator list` shows whom "
    "the device trusts. A device whose clock is wrong finds every certificate invalid, and so does one that is short "
    "of memory: over USB, `atecc doctor` shows both."
)
BUSY = "It serves few callers over TLS at a time (its board.py says how many), and limits how often one may fail."


class KeyCheck:
    """Which keys a device may have here: decided before connecting, so that a typing error is said first.

    Those that are known of all devices; with `device` only those of it, with `device_key` only this one. With both it
    has to be one of the device's; or the only one, where neither the device nor the key is known.
    """

    def __init__(self, operator: Operator, device: str | None, device_key: str | None) -> None:
        self._known = operator.devices
        self._device = device
        self._only = parse_fingerprint(device_key) if device_key else None
        self._of_device = self._known.keys_of(device) if device is not None else []
        if device is not None:
            self._check_known(device)

    def _check_known(self, device: str) -> None:
        keys = self._of_device
        if not keys and self._only is None:
            raise CertificateError(
                f"No key of a device {device} is known here.",
                f"Known: {', '.join(self._known.names()) or 'none'}. `atecc operator trust` over USB learns it.",
            )
        if keys and self._only is not None and self._only not in keys:
            raise CertificateError(
                f"The key that --device-key names is none that is known of {device}: nobody was talked to.",
                "`atecc operator trust` over USB learns a device's keys; without --device, the key alone decides.",
            )

    def is_wanted(self, fingerprint: str) -> bool:
        """Whether this is a key (SHA-256) of the device that is wanted."""
        names = self._known.names_of(fingerprint)
        if self._only is not None and fingerprint != self._only:
            return False
        if self._device is not None:
            return self._device in names or not (self._of_device or names)
        return bool(names) or fingerprint == self._only

    def check(self, certificate: bytes | None, place: str, address: str = "") -> None:
        """Nothing if this is the device that is wanted, else a CertificateError."""
        if not certificate:
            raise CertificateError(f"What listens on {place} shows no certificate: it was not talked to.")
        fingerprint = fingerprint_of(certificate)
        names = self._known.names_of(fingerprint)
        if not self.is_wanted(fingerprint):
            raise self._why_not(fingerprint, names, place)
        logger.info("%s is %s (key %s)", place, " or ".join(names) or "the named key", fingerprint)
        for name in names:
            with contextlib.suppress(AteccError):  # nothing of this connection depends on it
                self._known.reached(name, address)

    def _why_not(self, fingerprint: str, names: list[str], place: str) -> CertificateError:
        if names and self._device is not None and self._device not in names:
            return CertificateError(
                f"{place} is {' or '.join(names)}, not {self._device}: it was not talked to.",
                "Has the address changed? `atecc wifi status` over USB shows a device's own.",
            )
        if self._only is not None:
            return CertificateError(
                f"The device at {place} has another key than --device-key names: it was not talked to. Its SHA-256 is "
                f"{fingerprint}.",
                f"It is known here as {' or '.join(names)}." if names else "It is not known here.",
            )
        return CertificateError(
            f"The device at {place} has a key that is not known here: it was not talked to. Its SHA-256 is "
            f"{fingerprint}.",
            "If it is your device: `atecc operator trust --port /dev/…` learns its key over USB. If you know the "
            f"key from elsewhere: --device-key {fingerprint}",
        )


def parse_fingerprint(text: str) -> str:
    plain = text.lower().replace(":", "").removeprefix("sha256").strip()
    if not _FINGERPRINT.fullmatch(plain):
        raise ArgumentError("--device-key is the SHA-256 of a public key: 64 hex digits.")
    return plain


def fingerprint_of(certificate: bytes) -> str:
    """SHA-256 of a certificate's SubjectPublicKeyInfo, whatever else the certificate says."""
    key = library.certificate_key(certificate, "The device's certificate")
    return hashlib.sha256(spki(key)).hexdigest()


class PinnedTls:
    """The operator's side of the handshake, made ready before anything is connected."""

    def __init__(self, access: Access) -> None:
        operator = Operator(access.operator)
        operator.check()
        self._check = KeyCheck(operator, access.device, access.device_key)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE  # not by a CA: KeyCheck looks at the key itself
        try:
            self._context.load_cert_chain(operator.certificate_file, operator.key_file)
        except OSError as error:
            raise CertificateError(
                f"OpenSSL can't read {operator.certificate_file} or {operator.key_file}: they have to be plain PEM.",
                "`atecc operator renew` writes the certificate anew.",
            ) from error

    def wrap(self, plain: socket.socket, address: Address) -> ssl.SSLSocket:
        plain.settimeout(HANDSHAKE_TIMEOUT)
        with contextlib.ExitStack() as undo:
            undo.callback(plain.close)
            try:
                secure = self._context.wrap_socket(plain, server_hostname=address.host)
            except OSError as error:
                raise _why_no_handshake(error, address.place) from error
            undo.pop_all()
            undo.callback(secure.close)
            self._check.check(secure.getpeercert(binary_form=True), address.place, str(address))
            undo.pop_all()
        return secure


def not_accepted(place: str, why: str) -> CertificateError:
    return CertificateError(
        f"The device at {place} does not accept this operator's certificate: {why}.", NOT_ACCEPTED
    )


def _why_no_handshake(error: OSError, place: str) -> Exception:
    if isinstance(error, TimeoutError):
        return ChannelTimeout(
            f"The device at {place} did not finish the TLS handshake within {HANDSHAKE_TIMEOUT:.0f} s.",
            f"{BUSY} Try again.",
        )
    reason = str(getattr(error, "reason", None) or "")
    if "WRONG_VERSION" in reason or reason in ("HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return ChannelError(f"What listens on {place} does not speak TLS.", "Is that the port of wss://?")
    if "ALERT" in reason:
        said = reason.partition("ALERT_")[2].replace("_", " ").lower()
        if "HANDSHAKE_FAILURE" in reason or "PROTOCOL_VERSION" in reason:
            return ChannelError(
                f"The device at {place} and this computer don't agree on how to do TLS ({said}).",
                "A device whose certificate is for clients only (its extended key usage says so) can't serve with it: "
                "`atecc provision` over USB gives it one that can.",
            )
        return not_accepted(place, said)
    return ChannelError(
        f"The device at {place} broke the TLS handshake off without a reason.", f"{NOT_ACCEPTED} {BUSY}"
    )
