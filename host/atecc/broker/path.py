"""From a server's certificate to a CA that the board trusts: Mbed TLS 3.6's way (x509_crt.c), step by step.

Key identifiers are not looked at; a CA is found by its name and proven by its signature. An intermediate CA may be what
the board trusts, a server's own certificate only if it names itself as its issuer. CAs' dates count too.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from atecc.broker.flaws import Flaw
from atecc.broker.readable import curve_name, rsa_bits
from atecc.x509.algorithms import (
    BRAINPOOL,
    CURVES,
    RSA,
    SIGNATURES,
    STRONG_HASHES,
)
from atecc.x509.anatomy import Anatomy
from atecc.x509.library import verifies
from atecc.x509.parts import CERT_SIGN, basic_constraints, has_usage, same_name
from atecc.x509.requests import when

MOST_INTERMEDIATES = 8  # MBEDTLS_X509_MAX_INTERMEDIATE_CA
LEAST_RSA_BITS = 2048


@dataclass(frozen=True)
class Step:
    """One certificate of the path, and how a sentence names it."""

    certificate: Anatomy
    whose: str


class Path:
    """The path that the board would find from `chain` (the server's own certificate first) to one of `trusted`."""

    def __init__(self, chain: list[Anatomy], trusted: list[Anatomy], now: dt.datetime) -> None:
        self._trusted = trusted
        self._now = now
        self.flaws: list[Flaw] = []
        self._walk(chain)

    def _walk(self, chain: list[Anatomy]) -> None:
        step = Step(chain[0], "the broker's certificate")
        rest, length, self_issued, top = chain[1:], 1, 0, False
        while True:
            self._dates(step)
            if top:
                return
            self._signature_algorithm(step)
            if length == 1 and self._trusted_itself(step.certificate):
                return
            found = self._parent(step.certificate, rest, length - 1, self_issued)
            if found is None:
                self.flaws.append(_no_parent(step, self._trusted))
                return
            parent, top, good = found
            if length > 1 and same_name(step.certificate.issuer, step.certificate.subject):
                self_issued += 1
            if not top and length > MOST_INTERMEDIATES:
                self.flaws.append(
                    Flaw("untrusted", "The broker's chain of certificates is too long for a board.")
                )
                return
            whose = f"the CA {parent.subject_text}"
            if not good:
                self.flaws.append(_wrong_signature(step, parent))
            self._strength(Step(parent, whose))
            if not top:
                rest = rest[rest.index(parent) + 1 :]
            step, length = Step(parent, whose), length + 1

    def _trusted_itself(self, leaf: Anatomy) -> bool:
        return same_name(leaf.issuer, leaf.subject) and any(leaf.der == one.der for one in self._trusted)

    def _parent(
        self, child: Anatomy, rest: list[Anatomy], between: int, self_issued: int
    ) -> tuple[Anatomy, bool, bool] | None:
        """The parent, whether it is a trusted one, and whether its signature is right."""
        for candidates, top in ((self._trusted, True), (rest, False)):
            fallback = None
            for parent in candidates:
                if not _may_issue(child, parent, top, between - self_issued):
                    continue
                good = verifies(child, parent)
                if top and not good:
                    continue
                if parent.not_before <= self._now <= parent.not_after:
                    return parent, top, good
                fallback = fallback or (parent, top, good)
            if fallback:
                return fallback
        return None

    def _dates(self, step: Step) -> None:
        one, whose = step.certificate, step.whose[0].upper() + step.whose[1:]
        if self._now > one.not_after:
            self.flaws.append(Flaw("expired", f"{whose} has expired: it ended on {when(one.not_after)}."))
        elif self._now < one.not_before:
            self.flaws.append(
                Flaw(
                    "future",
                    f"{whose} is not valid before {when(one.not_before)}.",
                    f"This computer's clock says {when(self._now)}: is that right?",
                )
            )

    def _signature_algorithm(self, step: Step) -> None:
        signer_and_hash = SIGNATURES.get(step.certificate.inner_algorithm[0])
        if signer_and_hash and signer_and_hash[1] not in STRONG_HASHES:
            whose = step.whose[0].upper() + step.whose[1:]
            self.flaws.append(
                Flaw(
                    "hash",
                    f"{whose} is signed over {signer_and_hash[1]}, which a board does not accept.",
                    "It takes SHA-256, SHA-384 and SHA-512.",
                )
            )

    def _strength(self, step: Step) -> None:
        flaw = weak_key(step.certificate, step.whose)
        if flaw:
            self.flaws.append(flaw)


def weak_key(one: Anatomy, whose: str) -> Flaw | None:
    """A key below mbedtls_x509_crt_profile_default."""
    whose = whose[0].upper() + whose[1:]
    if one.key_algorithm[0] == RSA:
        bits = rsa_bits(one)
        if bits >= LEAST_RSA_BITS:
            return None
        return Flaw("key", f"{whose} has an RSA key of {bits} bits: a board takes {LEAST_RSA_BITS} and more.")
    if curve_name(one) in CURVES.values() or curve_name(one) in BRAINPOOL.values():
        return None
    return Flaw("key", f"{whose} has a key on {curve_name(one)}: a board takes P-256, P-384 and P-521.")


def _may_issue(child: Anatomy, parent: Anatomy, top: bool, between: int) -> bool:
    if not same_name(child.issuer, parent.subject):
        return False
    is_ca, most = basic_constraints(parent)
    if not (top and parent.version < 3) and not (is_ca and has_usage(parent, CERT_SIGN)):
        return False
    return most is None or between <= most


def _wrong_signature(step: Step, parent: Anatomy) -> Flaw:
    whose = step.whose[0].upper() + step.whose[1:]
    return Flaw(
        "untrusted",
        f"{whose} names {parent.subject_text} as its issuer, but the certificate of that name which the broker "
        "sends did not sign it.",
    )


def _no_parent(step: Step, trusted: list[Anatomy]) -> Flaw:
    """Why nobody here can have issued it: not its issuer at all, or an issuer who may not, or did not."""
    child, whose = step.certificate, step.whose[0].upper() + step.whose[1:]
    named = [one for one in trusted if same_name(child.issuer, one.subject)]
    names = " and ".join(one.subject_text for one in trusted[:3]) or "none"
    if not named:
        if any(one.der == child.der for one in trusted):
            why = "it is given as the CA itself, but it is no CA: a board trusts a CA, or a self-signed certificate"
        else:
            why = f"its issuer is {child.issuer_text}, the CA given is {names}"
        return Flaw(
            "untrusted", f"{whose} does not come from the CA that the board would trust: {why}.", _SERVER_CA
        )
    one = named[0]
    if verifies(child, one):
        return Flaw(
            "untrusted",
            f"The CA {one.subject_text} has signed it, but {_why_not_a_ca(one)}: a board trusts no such CA.",
        )
    return Flaw(
        "untrusted",
        f"{whose} names {one.subject_text} as its issuer, and is not signed by the key of the CA of that name that was "
        "given.",
        f"It may be an older or a newer one. {_SERVER_CA}",
    )


def _why_not_a_ca(one: Anatomy) -> str:
    is_ca, most = basic_constraints(one)
    if one.version >= 3 and not is_ca:
        return "its certificate says that it is no CA (no CA:TRUE)"
    if not has_usage(one, CERT_SIGN):
        return "its key usage does not allow signing certificates (no keyCertSign)"
    return f"it allows only {most} CAs below itself (pathlen)"


_SERVER_CA = "Give the CA that signed the broker's certificate: --server-ca FILE."
