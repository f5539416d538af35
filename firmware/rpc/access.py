"""Who may reach this device over the network, and what else the owner has permitted at the USB cable."""

import binascii
from hashlib import sha256

import uptime
from identity.record import Record
from identity.terms import read_certificate
from link import clock

from .caller import OPEN, Caller
from .errors import RpcError

_OPERATORS_MAX = 4
_FRESH = {
    "operators": [],
    "withdrawers": [],  # the SHA-256 of those CAs whose operators may have others forgotten
    "ws": {"enable": False, "port": 80, "username": None, "ha1": None},
    "bench": False,
}


class Access:
    """What `path` (of a Record) keeps: CAs of operators, plain WebSocket, a bench permission that outlives a reset.

    `changed()` is called after each change of what the servers need to know.
    """

    def __init__(self, path):
        self._record = Record(path)
        self._kept = _FRESH | (self._record.load() or {})
        self._until = None  # when a bench permission ends (uptime.ms), and the doubts of when it was given
        self._trusted = self._fingerprints()
        self.changed = lambda: None

    def _save(self, **news):
        kept = self._kept | news
        self._record.save(kept)
        self._kept = kept
        self._trusted = self._fingerprints()
        self.changed()

    def _fingerprints(self):
        return [sha256(binascii.a2b_base64(ca)).digest().hex() for ca in self._kept["operators"]]

    # Who was let in, and whether that still holds: trust is withdrawn, it expires, and a connection may outlive it.

    def operator(self, ca, certificate):
        """The Caller with `certificate` of `ca` (DER both), of whom TLS has made sure."""
        caller = Caller("wss", by=sha256(ca).digest().hex())
        certificate, ca = read_certificate(certificate), read_certificate(ca)
        caller.subject, caller.serial = certificate.subject, certificate.serial
        caller.ends = min(certificate.not_after, ca.not_after)
        return caller

    def plain_caller(self):
        """The Caller who has the password, or needs none."""
        return Caller("ws", by=self.plain["ha1"] or OPEN)

    def holds(self, caller):
        """Whether `caller` would be let in now by the trust that has let it in. To be asked before each request."""
        if caller.ends is not None:
            return caller.by in self._trusted and clock.now() <= caller.ends
        return self.plain["enable"] and (
            self.is_open if caller.by == OPEN else caller.by == self.plain["ha1"]
        )

    @property
    def is_open(self):
        """Whether callers without a password are served on plain WebSocket."""
        return self.plain["enable"] and not self.plain["ha1"] and self.bench

    # The bench permission.

    @property
    def bench(self):
        """Whether the owner's bench permission is on."""
        return self._kept["bench"] or self.left > 0

    @property
    def bench_kept(self):
        return self._kept["bench"]

    @property
    def left(self):
        """Seconds that a permission with a time has left. Once it is over it stays so."""
        until = self._until
        if until is None:
            return 0
        left = until[0] - uptime.ms()
        if left <= 0 or uptime.doubts() != until[1]:
            self._until = None
            return 0
        return (left + 999) // 1000

    def permit(self, on, seconds, keep):
        """Grant the bench permission for `seconds` or, with `keep`, until it is taken back; or take it back."""
        self._until = (uptime.ms() + seconds * 1000, uptime.doubts()) if on and not keep else None
        if self._kept["bench"] != (on and keep):
            self._save(bench=on and keep)
        else:
            self.changed()

    # Operators.

    @property
    def trusts_any(self):
        """Whether there is a trusted CA at all."""
        return bool(self._kept["operators"])

    @property
    def operators(self):
        """The trusted CAs: a list of Certificate."""
        return [read_certificate(binascii.a2b_base64(ca)) for ca in self._kept["operators"]]

    def trust(self, der, refuse=lambda ca: None, withdraw=None):
        """Callers with a certificate of the CA `der` are operators from now on; its Certificate.

        refuse(ca) raises if it must not be trusted. withdraw: whether they may have other operators forgotten, from
        afar; None leaves that as it is.
        """
        try:
            ca = read_certificate(der)
        except ValueError as e:
            raise RpcError("certificate", "not a certificate: %s" % e)
        refuse(ca)
        text = binascii.b2a_base64(der, newline=False).decode()
        others = [other for other in self._kept["operators"] if other != text]
        if len(others) == _OPERATORS_MAX:
            raise RpcError(
                "state", "%d operators' CAs are trusted already: forget one (Access.Forget)" % _OPERATORS_MAX
            )
        self._save(
            operators=others + [text],
            withdrawers=self._withdrawers(ca.sha256, keep=withdraw is None, add=withdraw),
        )
        clock.vouch(ca.not_before)
        return ca

    def forget(self, sha256):
        """Trust the CA with this fingerprint no longer."""
        stay = [ca for ca in self.operators if ca.sha256 != sha256]
        if len(stay) == len(self._kept["operators"]):
            raise RpcError("argument", "sha256: no CA with this fingerprint is trusted")
        self._save(
            operators=[binascii.b2a_base64(ca.der, newline=False).decode() for ca in stay],
            withdrawers=self._withdrawers(sha256),
        )

    def _withdrawers(self, sha256, keep=False, add=False):
        here = self._kept["withdrawers"]
        if keep:
            return here
        return [other for other in here if other != sha256] + ([sha256] if add else [])

    def may_withdraw(self, ca):
        """Whether operators of the CA with this fingerprint (None for whoever has none) may have others forgotten."""
        return ca in self._kept["withdrawers"]

    def withdraw(self, caller, sha256):
        """`forget`, for a Caller from afar: an operator to whom the owner has given the right, of others only."""
        if not self.may_withdraw(caller.by):
            raise RpcError(
                "refused",
                "over USB the owner may do this, and from afar an operator to whom the owner has given the right",
            )
        if sha256 == caller.by:
            raise RpcError("refused", "an operator is withdrawn by another one, or by the owner over USB")
        self.forget(sha256)

    # Plain WebSocket.

    @property
    def plain(self):
        """{enable, port, username, ha1}; ha1 (hex) stands for the password and must not leave the device."""
        return self._kept["ws"]

    def set_plain(self, enable, port, username, ha1):
        if (username is None) != (ha1 is None):
            raise RpcError("argument", "username and ha1 go together")
        self._save(ws={"enable": enable, "port": port, "username": username, "ha1": ha1})
