"""What the board answers, with names and types (the tables of firmware/rpc/README.md)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from atecc import visible
from atecc.device.rpc import FIRMWARE_DIFFERS
from atecc.errors import ChannelError

Reply = TypeVar("Reply")


@dataclass(frozen=True)
class BoardInfo:
    app: str
    fw_version: str
    arch: str
    board: str
    id: str
    mac: str
    micropython: str
    time: int
    uptime: float
    ram_free: int
    tls_sign: bool
    fs_size: int | None = None
    fs_free: int | None = None


@dataclass(frozen=True)
class SelfCheck:
    """One thing that the device has looked at."""

    name: str
    ok: bool
    say: str


@dataclass(frozen=True)
class ChipInfo:
    address: int
    part: str
    revision: str
    serial: str
    config_locked: bool
    data_locked: bool


@dataclass(frozen=True)
class KeyInfo:
    """`kept`: why provisioning makes no new key there for us, a sentence."""

    slot: int
    private: bool
    valid: bool
    can_generate: bool
    can_sign: bool
    in_use: str | None = None
    kept: str | None = None
    limited_use: bool = False


@dataclass(frozen=True)
class Unfinished:
    """Who began an identity (an operator's subject, or the channel), how many seconds ago, and the token, if known."""

    by: str
    ago: int | None = None
    token: str | None = None


@dataclass(frozen=True)
class IdentityInfo:
    """One of the two identities; from `name` on, only what has been staged."""

    state: str
    slot: int | None = None
    name: str | None = None
    client_id: str | None = None
    endpoint: str | None = None
    port: int | None = None
    subject: str | None = None
    issuer: str | None = None
    not_before: int | None = None
    not_after: int | None = None
    serial: str | None = None
    sha256: str | None = None
    chip: str | None = None
    begun: Unfinished | None = None


@dataclass(frozen=True)
class ClaimStatus:
    """What became of the claim that the board was given; `last_error` as in a reply."""

    under_way: bool
    attempts: int
    last_error: Any = None


@dataclass(frozen=True)
class RenewalStatus:
    """What renews the certificate without a host: by itself so many days before it ends (0: not), by jobs of AWS's.

    `untold`: AWS does not know yet of the last one; `last_error`: why the last without a job has failed, as in a reply.
    """

    days: int
    jobs: bool
    untold: bool = False
    last_error: Any = None

    @property
    def how(self) -> str:
        """For people."""
        ways = [f"by the device itself, {self.days} days before it ends"] if self.days else []
        ways += ["by jobs of AWS IoT"] if self.jobs else []
        told = (
            "AWS has not answered yet to the last one, without which it keeps the certificate before active"
        )
        return "; ".join([" and ".join(ways)] * bool(ways) + [told] * self.untold)


@dataclass(frozen=True)
class IdentityStatus:
    """`other_chip`: a sentence, if the active identity belongs to another chip than the one on the board.
    `not_adopted`: an error, if what is configured (by `mos aws-iot-setup`) did not become an identity.
    """

    active: str | None
    idle: str
    identities: dict[str, IdentityInfo]
    other_chip: str | None = None
    not_adopted: Any = None
    claim: ClaimStatus | None = None
    renewal: RenewalStatus | None = None

    @property
    def why_not_adopted(self) -> str:
        """That error for people, or nothing."""
        told = self.not_adopted
        return visible.line(
            str(told["message"] if isinstance(told, dict) and "message" in told else told or "")
        )


@dataclass(frozen=True)
class Begun:
    """A key and the request for its certificate; `token` stands for what was begun."""

    identity: str
    slot: int
    generated: bool
    pubkey: bytes
    csr: bytes
    token: str | None = None


@dataclass(frozen=True)
class Requested:
    """A request for the certificate of a key that is there."""

    slot: int
    pubkey: bytes
    csr: bytes


@dataclass(frozen=True)
class Staged:
    identity: str
    sha256: str


@dataclass(frozen=True)
class Tls:
    """`signed`: whether the chip was asked for a signature; None from a firmware that does not say."""

    version: str
    cipher: str
    signed: bool | None = None


@dataclass(frozen=True)
class Login:
    """For brokers that want them beside the certificate; the device keeps them with the identity."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Tried:
    endpoint: str
    port: int
    client_id: str
    tls: Tls
    ms: int


@dataclass(frozen=True)
class Stored:
    """An identity's certificates as the board keeps them, in DER."""

    certificate: bytes
    chain: list[bytes] = field(default_factory=list)
    ca: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class MqttStatus:
    state: str
    identity: str | None = None
    endpoint: str | None = None
    port: int | None = None
    client_id: str | None = None
    since: int | None = None
    tls: Tls | None = None
    attempts: int | None = None
    last_error: Any = None
    subscriptions: list[str] = field(default_factory=list)
    dropped: list[dict[str, str]] = field(default_factory=list)
    lost: int = 0


@dataclass(frozen=True)
class Message:
    topic: str
    message: str


@dataclass(frozen=True)
class Bench:
    """The permission for what is irreversible, given to everybody who may call; `left` in seconds."""

    on: bool
    left: float | None = None
    kept: bool = False


@dataclass(frozen=True)
class TrustedCa:
    """Whoever has a certificate of it is an operator; with `withdraw` one who may have others forgotten from afar."""

    subject: str
    sha256: str
    not_after: int
    withdraw: bool = False


@dataclass(frozen=True)
class Listener:
    """wss:// or ws://; `why` tells why it does not listen, though it should."""

    enabled: bool
    port: int
    listening: bool
    username: str | None = None
    why: str | None = None


@dataclass(frozen=True)
class MqttRequests:
    """Requests over MQTT: `unsigned` if the broker is believed as well; `why` tells why none is served."""

    enabled: bool
    unsigned: bool
    listening: bool
    why: str | None = None


@dataclass(frozen=True)
class AccessStatus:
    """`mqtt` is None where the firmware is older than that it can be switched off."""

    bench: Bench
    operators: list[TrustedCa]
    wss: Listener
    ws: Listener
    mqtt: MqttRequests | None = None


@dataclass(frozen=True)
class WifiStatus:
    enabled: bool
    state: str
    ssid: str | None = None
    ip: str | None = None
    gateway: str | None = None
    dns: str | None = None
    rssi: int | None = None
    last_error: Any = None


@dataclass(frozen=True)
class Network:
    """What a scan found; `auth` in the board's words."""

    ssid: str
    bssid: str
    channel: int
    rssi: int
    auth: Any


@dataclass(frozen=True)
class Program:
    """The owner's, beside the device: `state` in the board's words, `trace` of its last exception."""

    path: str
    state: str
    since: int | None = None
    failures: int = 0
    trace: str | None = None


@dataclass(frozen=True)
class Part:
    """A file of the owner's program."""

    name: str
    size: int
    crc: int


@dataclass(frozen=True)
class Told:
    """What a program has told, line by line, and its last exception."""

    path: str
    lines: list[Any]
    trace: str | None = None


@dataclass(frozen=True)
class Entry:
    """A file."""

    name: str
    size: int


def access_status(data: Any, method: str) -> AccessStatus:
    parts = data if isinstance(data, dict) else {}
    operators = parts.get("operators") or []
    if not isinstance(operators, list):
        raise ChannelError(f"The board's answer to {method} makes no sense: operators.", FIRMWARE_DIFFERS)
    return build(
        AccessStatus,
        data,
        method,
        bench=build(Bench, parts.get("bench"), method),
        operators=[build(TrustedCa, one, method) for one in operators],
        wss=build(Listener, parts.get("wss"), method),
        ws=build(Listener, parts.get("ws"), method),
        mqtt=build(MqttRequests, parts["mqtt"], method) if "mqtt" in parts else None,
    )


def build(cls: type[Reply], data: Any, method: str, **replaced: Any) -> Reply:
    """A reply from its JSON: unknown fields are ignored; missing ones, and such of another type, are reported."""
    if not isinstance(data, dict):
        raise ChannelError(f"The board's answer to {method} is not an object.", FIRMWARE_DIFFERS)
    values = data | replaced
    wanted = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    missing = [
        name
        for name, f in wanted.items()
        if name not in values
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ChannelError(f"The board's answer to {method} lacks {', '.join(missing)}.", FIRMWARE_DIFFERS)
    kinds = get_type_hints(cls)
    odd = [name for name in wanted if name in values and not is_a(values[name], kinds[name])]
    if odd:
        raise ChannelError(
            f"The board's answer to {method} makes no sense: {', '.join(odd)}.", FIRMWARE_DIFFERS
        )
    return cls(**{name: values[name] for name in wanted if name in values})


def is_a(value: Any, kind: Any) -> bool:
    """Whether a value is of a type as the fields above have it."""
    if kind is Any:
        return True
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return any(is_a(value, one) for one in inner)
    if origin in (list, tuple):
        return isinstance(value, origin) and all(is_a(one, inner[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(is_a(one, inner[1]) for one in value.values())
    if kind in (int, float):  # a flag is neither
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    return isinstance(value, kind)
