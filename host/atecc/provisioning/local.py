"""One's own CA as the issuer for provisioning."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from atecc.errors import CertificateError
from atecc.provisioning.authority import Authority, Issued, Look, Seen, Target, Unchanged, Wish, stored
from atecc.provisioning.order import Connection, Renewal, left_alone
from atecc.steps import Steps
from atecc.x509 import library
from atecc.x509.authority import LocalCA
from atecc.x509.keyfile import AskPassword
from atecc.x509.names import from_x509, rdns_of
from atecc.x509.requests import general_name, names_in, when

if TYPE_CHECKING:
    from cryptography import x509

    from atecc.device import Device


@dataclass(frozen=True)
class LocalOrder:
    """A certificate for `days` days from the CA in two files; `broker` is host and port.

    Without a `name` the device is called as the subject's last CN says, or by the board's id.
    """

    wish: Wish
    connection: Connection
    broker: tuple[str, int]
    ca_cert: Path
    ca_key: Path
    ask_password: AskPassword
    days: int
    name: str | None = None
    renewal: Renewal = field(default_factory=Renewal)

    def settle(self, device: Device) -> tuple[Wish, LocalAuthority]:
        _check_own(self.wish, self.broker[0])
        own = LocalCA.load(self.ca_cert, self.ca_key, self.ask_password)
        target = self.connection.target(self._name(device), self.broker, [own.root])
        checked = self.connection.check_broker
        return self.wish, LocalAuthority(own, self.days, target, checked, self.wish, self.renewal)

    def _name(self, device: Device) -> str:
        common = [value for rdn in self.wish.subject for kind, value in rdn if kind == "CN"]
        return self.name or (common[-1] if common else device.info().id)


def _check_own(wish: Wish, broker: str) -> None:
    """A device's certificate is a server's as well, for wss://: its names must be its own, and not the broker's."""
    common = [value for rdn in wish.subject for kind, value in rdn if kind == "CN"]
    for name in [*(text.partition(":")[2] for text in wish.san), *common]:
        if "*" in name:
            raise CertificateError(f"{name} is no device's own name: it would be the name of others as well.")
        if name.strip("[].").lower() == broker.strip(".").lower():
            raise CertificateError(
                f"{name} is the broker's name: with such a certificate this device could pass for the broker.",
                "Give the device a name of its own.",
            )


class LocalAuthority(Authority):
    """Signs with a LocalCA; nothing outside this computer is changed.

    `wish`: what it is going to be asked for, if that is known, is tried before there is a key, and compared with what
    the board has.
    """

    # AWS IoT cuts off the first connection with a certificate that it registers just in time.
    try_attempts = 2

    def __init__(
        self,
        ca: LocalCA,
        days: int,
        target: Target,
        check_broker: bool = True,
        wish: Wish | None = None,
        renewal: Renewal | None = None,
    ) -> None:
        self._ca = ca
        self._days = days
        self._target = target
        self._check_broker = check_broker
        self._wish = wish
        self._renewal = renewal or Renewal()
        self.chain = ca.chain
        self.issuer = ca.certificate

    def already(self, seen: Seen, steps: Steps) -> Unchanged | None:
        held, wish = seen.active, self._wish
        if held is None or wish is None or not self._target.is_of(held) or wish.slot not in (None, held.slot):
            return None
        kept = seen.kept()
        certificate = library.certificate(kept.certificate, "The board's certificate")
        until = certificate.not_valid_after_utc.timestamp()
        whole = kept == stored(self._target, Issued(certificate, self.chain))
        if not whole or not self._made(certificate, wish) or self._renewal.due(until):
            return None
        if self._target.login is not None:
            steps.warn("The broker's password can't be compared: --renew stores the one that was given.")
        return Unchanged(left_alone(self._target.name, "its certificate is from this CA", until), {}, steps)

    def _made(self, certificate: x509.Certificate, wish: Wish) -> bool:
        """Whether this CA has made it, for what is wished."""
        names = {general_name(name) for name in wish.san}
        return (
            rdns_of(certificate.subject) == wish.subject
            and set(names_in(certificate)) == names
            and self._ca.has_issued(certificate)
        )

    def prepare(self, steps: Steps, look: Look) -> Target:
        for warning in self._ca.warnings:
            steps.warn(warning)
        with steps.step("ca", "checking the CA") as step:
            self._ca.refuse_operators()
            _, _, shortened = self._ca.validity(self._days)
            if self._wish is not None:
                self._ca.rehearse(self._wish.subject, self._wish.san, self._days)
            step.meaning = f"CA {from_x509(self._ca.certificate.subject)}: its key fits, it is valid"
        if shortened:
            steps.warn(shortened)
        if self._check_broker:
            look(self._target)
        return self._target

    def issue(self, request: x509.CertificateSigningRequest, steps: Steps) -> Issued:
        with steps.step("certificate", "signing the certificate") as step:
            # The request has been compared with what was asked for; its names are the user's.
            certificate = self._ca.issue(request, self._days, names=names_in(request))
            step.meaning = (
                f"certificate issued by the CA, valid until {when(certificate.not_valid_after_utc)}"
            )
        return Issued(certificate, self._ca.chain)
