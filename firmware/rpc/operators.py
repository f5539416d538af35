"""Who is an operator: whoever has a certificate of a CA that the owner trusts, and the operators' mark.

A CA alone would not do: one that issues devices' certificates as well would make each device an operator of the others.
The mark stands in the operator's certificate, or in that of a CA that is there for operators alone: then what it has
issued for TLS clients and for no servers is an operator's. A device's certificate is for both.
"""

import binascii
from hashlib import sha256

from micropython import const

from atecc608 import ChipError
from identity.certificate import Certificate
from link import clock

from .errors import RpcError

_MINUTES = const(5)  # that an operator's clock and a device's may differ


def operator_of(der, cas):
    """The Certificate of a caller of whom TLS has verified all the rest; RpcError, if it is no operator's.

    cas: the trusted CAs (Certificate).
    """
    try:
        certificate = Certificate(der)
    except ValueError as e:
        raise RpcError("certificate", "not a certificate: %s" % e)
    if not (certificate.marked or (certificate.only_client and _is_of_operators(certificate, cas))):
        raise RpcError(
            "refused",
            "this certificate (%s) lacks the operators' mark: `atecc operator renew` makes one that has it"
            % certificate.subject,
        )
    return certificate


def is_operator(der, cas):
    """Whether `operator_of` finds one."""
    try:
        return operator_of(der, cas) is not None
    except RpcError:
        return False


def _is_of_operators(certificate, cas):
    """Whether its issuer, all CAs of that name, have the mark."""
    marks = [ca.marked for ca in cas if certificate.names(ca)]
    return bool(marks) and all(marks)


def refuse_issuer(ca, records, verify):
    """RpcError if `ca` (Certificate) has issued a certificate of the identities `records`; verify: the chip's."""
    for record in records:
        if "certificate" in record and record["state"] != "previous" and _has_issued(ca, record, verify):
            raise RpcError(
                "refused",
                "%s has issued this device's own certificate: operators need a CA of their own" % ca.subject,
            )


def _has_issued(ca, record, verify):
    try:
        return Certificate(binascii.a2b_base64(record["certificate"])).is_by(ca, verify)
    except ValueError:
        return True  # the names say so, and the chip can't tell


class Operators:
    """Verifies requests that are signed, and so need no channel that makes sure of who calls.

    chip: ATECC608; access: whom the owner trusts; counters: Counters; sure(): whether the device's clock is right, and
    not just no earlier than it shows.
    """

    def __init__(self, chip, access, counters, sure=bool):
        self._chip = chip
        self._access = access
        self._counters = counters
        self._sure = sure
        self._proven = None  # of the certificate that was verified last: its SHA-256, its CA's, and its key

    @property
    def why_none(self):
        """Why nobody's request could be verified; or None."""
        cas = self._access.operators
        if not cas:
            return "no operator's CA is trusted (Access.Trust)"
        if not any(ca.public_key for ca in cas):
            return "no trusted CA of operators has a P-256 key, and the chip verifies no other's signatures"
        return None

    def knows(self, signed):
        """Whether all is right that can be seen without the chip, and the certificate is the one verified last."""
        proven = self._proven
        return (
            proven is not None
            and proven[0] == sha256(signed.operator).digest()
            and signed.counter >= self._counters.next(proven[2])
        )

    def admit(self, signed, digest):
        """(Certificate of the operator who has signed this request (Signed), SHA-256 of its CA); its number is used up.

        RpcError says what is wrong with it. What costs least is looked at first, for whoever sends it may mean ill.
        """
        certificate, cas = self._certificate(signed)
        key = sha256(certificate.public_key).digest()[:8].hex()
        self._check_time(signed.time)
        self._counters.check(key, signed.counter)
        ca = self._issuer(certificate, cas, key)
        if not self._verifies(certificate.public_key, signed.signature, digest):
            raise RpcError(
                "refused", "the signature of this request is not by the operator who is named in it"
            )
        self._counters.use(key, signed.counter)
        return certificate, ca.sha256

    def _certificate(self, signed):
        """The operator's Certificate, and those of the CAs of the name that stands in it as its issuer's."""
        cas = self._access.operators
        certificate = operator_of(signed.operator, cas)
        named = [ca for ca in cas if certificate.names(ca)]
        if not named:
            raise RpcError("refused", "%s is no operator of a CA that is trusted here" % certificate.subject)
        if certificate.public_key is None:
            raise RpcError(
                "certificate", "the operator's key is no P-256 key, and the chip verifies no other"
            )
        self._check_dates(certificate)
        return certificate, named

    def _check_dates(self, certificate):
        now = clock.now()
        if now > certificate.not_after:
            raise RpcError("refused", "the certificate %s has expired" % certificate.subject)
        # A clock that nobody has set shows a time that has passed, and may be far behind.
        if self._sure() and now < certificate.not_before:
            raise RpcError("refused", "the certificate %s is not valid yet" % certificate.subject)

    def _check_time(self, time):
        now = clock.now()
        if self._sure() and abs(time - now) > _MINUTES * 60:
            raise RpcError(
                "clock",
                "this request was signed at %s, and it is %s here" % (clock.text(time), clock.text(now)),
            )

    def _issuer(self, certificate, cas, key):
        for ca in cas:
            proven = sha256(certificate.der).digest(), ca.sha256, key
            if self._proven == proven or self._is_by(certificate, ca):
                self._proven = proven
                self._check_dates(ca)
                return ca
        raise RpcError("refused", "%s is not by %s, whatever it says" % (certificate.subject, cas[0].subject))

    def _is_by(self, certificate, ca):
        try:
            return certificate.is_by(ca, self._verifies)
        except ValueError as e:
            raise RpcError("certificate", "the certificate %s: %s" % (certificate.subject, e))

    def _verifies(self, public_key, signature, digest):
        try:
            return self._chip.Verify(public_key, signature, digest)
        except ChipError as e:
            if e.command != "Verify":
                raise
            return False  # numbers that are none of this curve's
