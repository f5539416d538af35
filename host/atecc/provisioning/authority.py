"""Who issues a device's certificate, as provisioning sees it, and what both sides hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from atecc.errors import CertificateError
from atecc.provisioning.broker import probe
from atecc.steps import Steps
from atecc.x509.names import Rdns
from atecc.x509.requests import der, general_name

if TYPE_CHECKING:
    from cryptography import x509

MOST_CAS, MOST_CHAIN, LARGEST_CERTIFICATE = 8, 4, 4096


@dataclass(frozen=True)
class Target:
    """Where the device will connect to, and as whom."""

    name: str
    client_id: str
    endpoint: str
    port: int
    ca: list[x509.Certificate]
    thing: str | None = None


@dataclass(frozen=True)
class Issued:
    """A certificate for the device, and what it sends along with it."""

    certificate: x509.Certificate
    chain: list[x509.Certificate] = field(default_factory=list)


class Authority(Protocol):
    """Who issues the certificate."""

    try_attempts: int

    @property
    def issuer(self) -> x509.Certificate | None:
        """Whose signature it is going to bear, where that is known before."""

    def prepare(self, steps: Steps) -> Target:
        """Everything that can fail and needs no key yet."""

    def issue(self, request: x509.CertificateSigningRequest, steps: Steps) -> Issued:
        """The certificate, active on the other side."""

    def undo(self) -> list[str]:
        """Take back what `issue` did; sentences about what was done, or couldn't be."""


@dataclass(frozen=True)
class Wish:
    """What the user wants in the chip: `key` is "new", "existing" or "overwrite" (with its `serial`)."""

    subject: Rdns
    san: list[str] = field(default_factory=list)
    key: str = "new"
    slot: int | None = None
    serial: str | None = None

    def __post_init__(self) -> None:
        for name in self.san:
            general_name(name)


def check_sizes(ca: list[x509.Certificate], own: list[x509.Certificate]) -> None:
    if not 0 < len(ca) <= MOST_CAS:
        raise CertificateError(
            f"A board keeps 1 to {MOST_CAS} CA certificates, here are {len(ca)}.",
            "Give only the broker's own root CA.",
        )
    if len(own) > MOST_CHAIN + 1:
        raise CertificateError(
            f"The certificate comes with a chain of {len(own) - 1}: a board keeps {MOST_CHAIN}."
        )
    for one in [*ca, *own]:
        if len(der(one)) > LARGEST_CERTIFICATE:
            raise CertificateError(f"A certificate of {len(der(one))} bytes is too large for a board.")


def look_at_broker(target: Target, steps: Steps) -> None:
    """Part of an authority's preparation: the broker as this computer sees it."""
    with steps.step("broker", f"looking at {target.endpoint}:{target.port}") as step:
        warning = probe(target.endpoint, target.port, target.ca)
        step.meaning = warning or "the broker's certificate fits its name and the CA"
        step.doubtful = bool(warning)
