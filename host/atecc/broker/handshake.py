"""The handshake as far as it goes without a key: TLS or not, which version, suites and curves."""

from __future__ import annotations

import contextlib

from atecc.broker.flaws import Flaw
from atecc.broker.hello import ALERTS, SOME_BUILDS, SUITES, TLS12, VERSIONS, Flight
from atecc.broker.path import weak_key
from atecc.broker.probe import Sight, all_suites
from atecc.broker.readable import unreadable
from atecc.broker.usage import usage_flaws
from atecc.errors import CertificateError
from atecc.hosts import is_ip
from atecc.x509.library import anatomy

PLAIN_PORT = 1883
PROTOCOL_VERSION = 70  # the alert


def handshake_flaw(sight: Sight, place: str) -> Flaw | None:
    """Why the board would not come as far as the certificates, or might not."""
    flight = sight.flight
    if flight.foreign:
        return _no_tls(flight.foreign, place)
    if sight.beyond:
        return _not_for_boards(sight, sight.beyond, place)
    if flight.version and flight.version != TLS12:
        return _version(flight.version, place)
    return _answer(sight, place) if flight.complete else _broken_off(sight, place)


def _answer(sight: Sight, place: str) -> Flaw | None:
    flight = sight.flight
    if flight.suite not in SUITES or not flight.chain or flight.group not in SOME_BUILDS.groups:
        return Flaw("handshake", f"{place} answers TLS in a way that a board does not take.")
    if not sight.by_some:
        return None
    return Flaw(
        "handshake",
        f"{place} accepts only what not every board's TLS library can do (X25519, Brainpool curves, RSA-PSS).",
        "P-256 and signatures by ECDSA or RSA (PKCS #1) are what all can do.",
        of_some=True,
    )


def _no_tls(said: bytes, place: str) -> Flaw:
    if said.startswith(b"HTTP"):
        return Flaw(
            "handshake", f"{place} speaks HTTP, not TLS.", "Is it the broker's TLS port? Usual is 8883."
        )
    return Flaw(
        "handshake",
        f"What listens on {place} does not speak TLS.",
        "Is it the broker's TLS port? Usual is 8883.",
    )


def _not_for_boards(sight: Sight, beyond: Flight, place: str) -> Flaw:
    """It has refused all that a board offers: for its key, its version of TLS, its suites, or its curves."""
    if sight.flight.alert != PROTOCOL_VERSION and beyond.chain:
        with contextlib.suppress(CertificateError):
            leaf = anatomy(beyond.chain[0], "The broker's certificate")
            own = unreadable(leaf, "The broker's certificate") or weak_key(leaf, "the broker's certificate")
            wrong = [*([own] if own else []), *usage_flaws(leaf)]
            if wrong:
                return wrong[0]
    if beyond.version != TLS12:
        return _version(beyond.version, place)
    if beyond.suite not in SUITES:
        wanted = all_suites().get(beyond.suite, f"0x{beyond.suite:04x}")
        return Flaw(
            "handshake",
            f"{place} accepts none of the board's cipher suites; it would rather have {wanted}.",
            f"A board offers {' and '.join(SUITES.values())}: the broker has to allow one that fits its key.",
        )
    return Flaw(
        "handshake", f"{place} wants a key exchange that a board does not know (group {beyond.group})."
    )


def _version(version: int, place: str) -> Flaw:
    only = "only" if version > TLS12 else "at most"
    return Flaw(
        "handshake",
        f"{place} speaks {VERSIONS.get(version, 'an unknown TLS')} {only}: a board speaks TLS 1.2 and nothing else.",
        "Let the broker offer TLS 1.2 too (mosquitto: tls_version tlsv1.2).",
    )


def _broken_off(sight: Sight, place: str) -> Flaw:
    alert = sight.flight.alert
    if alert == 112 or (alert is not None and is_ip(sight.host) and alert in (47, 80)):
        return Flaw(
            "handshake",
            f"{place} does not know the name {sight.host} ({ALERTS.get(alert, alert)}).",
            "Use the name that the broker's certificate carries.",
        )
    if alert is not None:
        return Flaw(
            "handshake",
            f"{place} refuses the board's TLS 1.2 handshake ({ALERTS.get(alert, f'alert {alert}')}).",
            f"A board offers TLS 1.2 with {' and '.join(SUITES.values())}.",
        )
    if sight.flight.begun:
        return Flaw(
            "handshake",
            f"{place} ended the connection in the middle of the TLS handshake: it was restarted, or is out of order.",
            "The broker's log may tell why. Run the command again when it is up.",
        )
    if sight.port == PLAIN_PORT:
        hint = f"Port {PLAIN_PORT} is that of MQTT without TLS; with TLS it is usually 8883."
    else:
        hint = "Is it the broker's TLS port? Usual is 8883; 1883 is the one without TLS."
    return Flaw(
        "handshake",
        f"{place} closes the connection when TLS begins: it is no TLS port, or out of order.",
        hint,
    )
