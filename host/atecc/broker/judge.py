"""The verdict on a broker: what the board will say to it, and why."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from atecc.broker.flaws import Flaw, worst
from atecc.broker.handshake import handshake_flaw
from atecc.broker.hello import ECDHE_ECDSA
from atecc.broker.names import is_for, names_of
from atecc.broker.path import Path, weak_key
from atecc.broker.probe import Sight
from atecc.broker.readable import unknown_signature, unreadable
from atecc.broker.usage import usage_flaws
from atecc.errors import CertificateError
from atecc.x509.algorithms import EC
from atecc.x509.anatomy import Anatomy
from atecc.x509.library import anatomy

LARGEST_MESSAGE = 16384 - 4  # MBEDTLS_SSL_IN_CONTENT_LEN, less the message's head


@dataclass(frozen=True)
class Verdict:
    """`flaw`: the board will refuse it, or, if `flaw.of_some`, may. `unknown`: why this computer can't tell."""

    flaw: Flaw | None = None
    unknown: str = ""

    @property
    def accepted(self) -> bool:
        return self.flaw is None and not self.unknown

    @property
    def refused(self) -> bool:
        return self.flaw is not None and not self.flaw.of_some


def judge_ca(ca: list[bytes]) -> Flaw | None:
    """Whether the board can take these certificates (DER) as CAs at all; without a look at any server."""
    for one in ca:
        try:
            parts = anatomy(one, "The CA's certificate")
        except CertificateError as error:
            return Flaw("unreadable", error.message)
        flaw = unreadable(parts, f"The CA {parts.subject_text}")
        if flaw:
            return flaw
    return None


def judge(sight: Sight, ca: list[bytes], now: dt.datetime | None = None) -> Verdict:
    """What the board will make of this sight, trusting these CAs (DER)."""
    flaw = judge_ca(ca)
    if flaw and not flaw.of_some:
        return Verdict(flaw)
    place = f"{sight.host}:{sight.port}"
    if sight.unreachable:
        return Verdict(unknown=f"This computer can't reach {place} ({sight.unreachable})")
    if sight.silent:
        return Verdict(unknown=f"{place} accepts connections, but says nothing when TLS begins")
    handshake = handshake_flaw(sight, place)
    if handshake and not handshake.of_some:
        return Verdict(handshake)
    found = [one for one in (flaw, handshake) if one]
    found += _certificates(
        sight.flight.chain, ca, sight.host, sight.flight.suite, now or dt.datetime.now(dt.UTC)
    )
    return Verdict(worst(found)) if found else Verdict()


# The certificates


def _certificates(chain: list[bytes], ca: list[bytes], host: str, suite: int, now: dt.datetime) -> list[Flaw]:
    if sum(len(one) + 3 for one in chain) + 3 > LARGEST_MESSAGE:
        size = sum(map(len, chain))
        return [
            Flaw("unreadable", f"The broker's chain of certificates is too large for a board: {size} bytes.")
        ]
    flaws: list[Flaw] = []
    parsed: list[Anatomy] = []
    for place, one in enumerate(chain):
        whose = (
            "The broker's certificate"
            if place == 0
            else f"Certificate {place + 1} of those that the broker sends"
        )
        try:
            parts = anatomy(one, whose)
        except CertificateError as error:
            return [Flaw("unreadable", error.message)]
        flaw = unreadable(parts, whose)
        if flaw and place and unknown_signature(parts):
            continue  # left out, as the board does
        if flaw and not flaw.of_some:
            return [flaw]
        flaws += [flaw] if flaw else []
        parsed.append(parts)
    trusted = [anatomy(one, "The CA's certificate") for one in ca]
    return flaws + Path(parsed, trusted, now).flaws + _server(parsed[0], host, suite)


def _server(leaf: Anatomy, host: str, suite: int) -> list[Flaw]:
    """Name, key and purpose of the server's own certificate."""
    flaws = []
    if not is_for(leaf, host):
        flaws.append(
            Flaw(
                "name",
                f"The broker's certificate is for another name than {host}: it names {names_of(leaf)}.",
                "Use a name that the certificate carries; the board compares them letter by letter.",
            )
        )
    weak = weak_key(leaf, "the broker's certificate")
    flaws += [weak] if weak else []
    if (leaf.key_algorithm[0] == EC) != (suite == ECDHE_ECDSA):
        flaws.append(
            Flaw("key", "The broker's key is not of the kind that the cipher suite it chose asks for.")
        )
    return flaws + usage_flaws(leaf)
