"""Who has signed a request, verified by the chip: no channel need be believed."""

from hashlib import sha256

from micropython import const

from atecc608 import ChipError
from link import clock

from .errors import RpcError
from .operators import operator_of

_MINUTES = const(5)  # that an operator's clock and a device's may differ


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
