"""A look at the broker before there is a key: from this computer and, where that leaves a doubt, from the board.

This computer sees why; the board has the last word. So a broker that this computer can't reach, or judges wrongly, is
neither praised nor refused unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from atecc.broker.flaws import Flaw
from atecc.broker.judge import Verdict, judge
from atecc.broker.probe import Sight, probe
from atecc.errors import ArgumentError, DeviceError, NetworkError
from atecc.provisioning.authority import Target
from atecc.steps import Step, Steps
from atecc.x509.anatomy import dissect_name, name_text
from atecc.x509.parts import same_name
from atecc.x509.requests import der
from atecc.x509.tlv import DerError

if TYPE_CHECKING:
    from cryptography import x509

ALPN_PORT = 443
NO_ALPN = "MicroPython's TLS can't send ALPN"
AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws")

Board = Callable[[str, int, list[bytes]], None]


def look_at_broker(
    target: Target,
    steps: Steps,
    board: Board,
    issuer: x509.Certificate | None = None,
    chain: Sequence[x509.Certificate] = (),
) -> None:
    """An error if the board will not accept this broker; `board` looks from there, and raises a DeviceError.

    `issuer` is going to sign the device's certificate, if that is known, and `chain` is sent along with it.
    """
    refuse_alpn_only(target.endpoint, target.port)
    ca = [der(one) for one in target.ca]
    with steps.step("broker", f"looking at {target.endpoint}:{target.port}") as step:
        sight = probe(target.endpoint, target.port)
        verdict = judge(sight, ca)
        if verdict.accepted:
            step.meaning = "the broker's certificate fits its name and the CA"
        else:
            _ask(target, ca, verdict, step, board)
    for warning in _remarks(sight, issuer, chain):
        steps.warn(warning)


def refuse_alpn_only(host: str, port: int) -> None:
    """AWS IoT on port 443 tells MQTT from HTTPS by ALPN."""
    if port == ALPN_PORT and host.lower().endswith(AWS_HOSTS):
        raise ArgumentError(
            f"AWS IoT takes MQTT on port {ALPN_PORT} only with ALPN, and {NO_ALPN}.",
            "Port 8883 works without it.",
        )


def _ask(target: Target, ca: list[bytes], verdict: Verdict, step: Step, board: Board) -> None:
    flaw = verdict.flaw
    doubt = verdict.unknown or (flaw.message.removesuffix(".") if flaw else "")
    try:
        board(target.endpoint, target.port, ca)
    except DeviceError as error:
        if error.kind == "method":  # older firmware: it will see when it connects
            if flaw and not flaw.of_some:
                raise _refusal(flaw) from error
            step.meaning, step.doubtful = f"{doubt}; the board will try for itself.", True
            return
        if flaw and error.kind not in ("network", "timeout"):
            raise _refusal(flaw) from error
        if verdict.unknown:
            error.notes.append(f"{doubt}: that was tried first.")
        raise
    if verdict.refused:
        step.meaning, step.doubtful = (
            f"{doubt}: so it seems from this computer, but the board accepts it.",
            True,
        )
    else:
        step.meaning = f"the board accepts the broker's certificate ({doubt[0].lower()}{doubt[1:]})"


def _refusal(flaw: Flaw) -> NetworkError:
    return NetworkError(flaw.message, flaw.hint)


def _remarks(sight: Sight, issuer: x509.Certificate | None, chain: Sequence[x509.Certificate]) -> list[str]:
    flight, remarks = sight.flight, _unwanted(sight, issuer, chain)
    if flight.complete and not flight.wants_certificate:
        remarks.append(
            f"{sight.host}:{sight.port} asks for no certificate of the device: it lets in whoever comes, or asks for a "
            "password."
        )
    elif flight.complete and not flight.takes_ecdsa:
        remarks.append(
            f"{sight.host}:{sight.port} says that it takes no certificates with EC keys, as the chip's is."
        )
    if sight.port == ALPN_PORT:
        remarks.append(f"On port {ALPN_PORT} some brokers want ALPN, and {NO_ALPN}.")
    return remarks


def _unwanted(sight: Sight, issuer: x509.Certificate | None, chain: Sequence[x509.Certificate]) -> list[str]:
    """A broker names those whose certificates it takes: the issuer of the device's, or of one that it sends along."""
    if issuer is None or not sight.flight.authorities:
        return []
    try:
        own = dissect_name(issuer.subject.public_bytes())
        above = [dissect_name(one.issuer.public_bytes()) for one in chain]
        names = [dissect_name(one) for one in sight.flight.authorities]
    except DerError:
        return []
    if any(same_name(mine, name) for name in names for mine in (own, *above)):
        return []
    wanted = " or ".join(map(name_text, names[:3])) + (" …" if len(names) > 3 else "")
    return [
        f"{sight.host}:{sight.port} asks for a certificate of {wanted}; the device's is of {name_text(own)}, and may "
        "not be taken."
    ]
