"""Who issues a device's certificate, as provisioning sees it, and what both sides hand to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from atecc.broker.judge import judge_ca
from atecc.device.replies import BoardInfo, ChipInfo, IdentityInfo, IdentityStatus, Login, Stored
from atecc.device.rpc import LARGEST_FRAME
from atecc.errors import CertificateError
from atecc.steps import Steps
from atecc.x509.names import Rdns, from_x509
from atecc.x509.requests import der, general_name

if TYPE_CHECKING:
    from cryptography import x509

MOST_CAS, MOST_CHAIN, LARGEST_CERTIFICATE = 8, 4, 4096
# Names, and what else stands in the request, take at most this much of it.
LARGEST_STAGE = LARGEST_FRAME - 1536


@dataclass(frozen=True)
class Target:
    """Where the device will connect to, and as whom; `requests`: operators are to call it there too."""

    name: str
    client_id: str
    endpoint: str
    port: int
    ca: list[x509.Certificate]
    thing: str | None = None
    login: Login | None = None
    requests: bool = False

    def is_of(self, held: IdentityInfo) -> bool:
        """Whether an identity of a board goes there, as that."""
        there = held.name, held.client_id, held.endpoint, held.port
        return there == (self.name, self.client_id, self.endpoint, self.port)


@dataclass(frozen=True)
class Issued:
    """A certificate for the device, and what it sends along with it."""

    certificate: x509.Certificate
    chain: list[x509.Certificate] = field(default_factory=list)


Look = Callable[[Target], None]


@dataclass(frozen=True)
class Seen:
    """A board as it is before anything is done; `identities` is None while its chip can have none.

    `kept` reads the active identity's certificates.
    """

    board: BoardInfo
    chip: ChipInfo
    identities: IdentityStatus | None
    kept: Callable[[], Stored]

    @property
    def active(self) -> IdentityInfo | None:
        """The identity that this very chip has, and connects with."""
        status = self.identities
        if status is None or status.active is None or status.other_chip:
            return None
        return status.identities[status.active]


@dataclass(frozen=True)
class Unchanged:
    """There was nothing to do: why, in a sentence, and the same for programs."""

    why: str
    facts: dict[str, Any]
    steps: Steps


class Authority:
    """Who issues the certificate. What it is going to send along (`chain`) is known before it issues.

    `issuer`: whose signature it is going to bear, where that is known before. The methods are called in this order;
    `undo` instead of what is left of them, when one fails, or the board.
    """

    try_attempts = 1
    issuer: x509.Certificate | None = None
    chain: list[x509.Certificate] = []  # noqa: RUF012

    def already(self, seen: Seen, steps: Steps) -> Unchanged | None:
        """What there is to say if this board has what it is to get; nothing is changed to find out."""
        return None

    def prepare(self, steps: Steps, look: Look) -> Target:
        """Everything that can fail and needs no key yet; `look` looks at the broker, unless the user wants none."""
        raise NotImplementedError

    def issue(self, request: x509.CertificateSigningRequest, steps: Steps) -> Issued:
        """The certificate; it need not count yet."""
        raise NotImplementedError

    def activate(self, steps: Steps) -> None:
        """It counts from now on: it is on the board, and about to be tried."""

    def switching(self) -> None:
        """From now on the board may have switched to it, whatever comes back."""

    def finish(self, steps: Steps) -> None:
        """The board is connected with it."""

    def undo(self) -> list[str]:
        """Take back what was done; sentences about what was, or couldn't be."""
        return []

    def close(self) -> None:
        """Let go of what is held, whatever came of it."""

    def left(self) -> list[str]:
        """What takes away the rest, if `undo` was interrupted: sentences."""
        return []

    def plan(self, steps: Steps, look: Look) -> list[tuple[str, dict[str, Any]]]:
        """In a rehearsal, instead of all that: the calls that would change something elsewhere, in their order."""
        return []

    def facts(self) -> dict[str, Any]:
        """What programs may want to know of the certificate beside itself."""
        return {}


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


def check_fits(
    target: Target, chain: list[x509.Certificate], certificate: x509.Certificate | None = None
) -> None:
    """Whether a board can keep this, and read the CAs; the certificate itself is there only later, and is small."""
    if not 0 < len(target.ca) <= MOST_CAS:
        raise CertificateError(
            f"A board keeps 1 to {MOST_CAS} CA certificates, here are {len(target.ca)}.",
            "Give only the broker's own root CA.",
        )
    if len(chain) > MOST_CHAIN:
        raise CertificateError(
            f"The certificate comes with a chain of {len(chain)}: a board keeps {MOST_CHAIN}."
        )
    own = [*([certificate] if certificate else []), *chain]
    for one in [*target.ca, *own]:
        if len(der(one)) > LARGEST_CERTIFICATE:
            raise CertificateError(
                f"The certificate of {from_x509(one.subject)} has {len(der(one))} bytes: a board takes at most "
                f"{LARGEST_CERTIFICATE}."
            )
    size = sum((len(der(one)) + 2) // 3 * 4 + 3 for one in [*target.ca, *own])
    if size > LARGEST_STAGE:
        raise CertificateError(
            f"The CAs and the certificate with its chain are too large for a board, all together: {size} bytes in "
            f"base64, where {LARGEST_STAGE} fit.",
            "Give only the broker's own root CA: --server-ca FILE.",
        )
    flaw = judge_ca([der(one) for one in target.ca])
    if flaw and not flaw.of_some:
        raise CertificateError(flaw.message, flaw.hint)


def stored(target: Target, issued: Issued) -> Stored:
    """What the board is told, and gives back."""
    return Stored(der(issued.certificate), [der(c) for c in issued.chain], [der(c) for c in target.ca])
