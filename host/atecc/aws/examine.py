"""Why is it not connected? What AWS IoT knows of a device: one verdict each, the first that is wrong explained.

At AWS every refusal is a closed connection without a word; its registry has the reasons.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from atecc.aws import certificates, registry
from atecc.aws.certificates import ACTIVE, Certificate
from atecc.aws.cloud import Cloud
from atecc.bounded import utc
from atecc.broker.address import MQTT_TLS_PORT
from atecc.broker.judge import judge
from atecc.broker.probe import probe
from atecc.device import Device
from atecc.device.replies import IdentityStatus
from atecc.doctor import Verdict
from atecc.errors import AteccError, AwsError, DeviceError, RefusedError
from atecc.provisioning.look import ALPN_PORT, NO_ALPN

OK, FAILED, UNCHECKED = "ok", "failed", "not checked"

# AWS's own words for the end of a connection (developer guide, "Lifecycle events"): what it means, and what mends it.
REASONS = {
    "AUTH_ERROR": (
        "AWS did not let it in, or cut it off: its certificate or its policy did not allow what it wanted",
        "The lines above show which; the policy's are `connect` and `topics`.",
    ),
    "CLIENT_INITIATED_DISCONNECT": ("the device itself hung up", "`atecc mqtt connect` connects it again."),
    "CLIENT_ERROR": (
        "the device did what MQTT or AWS's limits don't allow, a message that is too large for one",
        "`atecc console` shows what it does.",
    ),
    "CONNECTION_LOST": (
        "the network between was cut",
        "Is the device powered, and on its network? It tries again by itself.",
    ),
    "DUPLICATE_CLIENTID": (
        "somebody else connected with the same client ID, and AWS keeps the newer connection",
        "Two devices with one name take turns like that: `atecc aws certificates --thing NAME` lists who may.",
    ),
    "FORBIDDEN_ACCESS": (
        "AWS does not let it connect from where it is",
        "See the account's endpoint and network settings.",
    ),
    "MQTT_KEEP_ALIVE_TIMEOUT": (
        "nothing was heard of it for one and a half keep-alive times",
        "Is the device powered, and on its network? It tries again by itself.",
    ),
    "SERVER_ERROR": ("AWS had trouble of its own", "It tries again by itself."),
    "SERVER_INITIATED_DISCONNECT": ("AWS hung up, for reasons of its own", "It tries again by itself."),
    "API_INITIATED_DISCONNECT": (
        "somebody cut it off through AWS's API",
        "CloudTrail shows who called DeleteConnection.",
    ),
    "THROTTLED": ("it asked for too much too fast", "Send less often; Service Quotas shows the limits."),
    "WEBSOCKET_TTL_EXPIRATION": (
        "its WebSocket was open for as long as AWS allows",
        "It tries again by itself.",
    ),
    "CUSTOMAUTH_TTL_EXPIRATION": ("its custom authorization has ended", "It tries again by itself."),
}


@dataclass(frozen=True)
class Examined:
    """What is known of a device: from its board, or its thing's name alone.

    `certificate` is the ID of the one that it uses, `ca` what it trusts; `topics` are filters that it subscribes to.
    """

    thing: str
    client_id: str
    certificate: str = ""
    endpoint: str = ""
    port: int = MQTT_TLS_PORT
    ca: list[bytes] = field(default_factory=list)
    topics: list[str] = field(default_factory=list)


def examined(device: Device, status: IdentityStatus) -> Examined:
    """From a board; a RefusedError if it has no identity."""
    active = status.identities.get(status.active or "")
    if status.active is None or active is None or not active.name:
        raise RefusedError(
            "The board has no identity yet.", "`atecc provision aws --thing NAME` gives it one."
        )
    name, topics = active.name, []
    with contextlib.suppress(DeviceError):
        topics += device.mqtt_status().subscriptions
        requests = device.access_status().mqtt
        if requests is not None and requests.enabled:
            topics += [f"{name}/rpc", f"things/{name}/rpc"]
    return Examined(
        thing=name,
        client_id=active.client_id or name,
        certificate=active.sha256 or "",
        endpoint=active.endpoint or "",
        port=active.port or MQTT_TLS_PORT,
        ca=device.stored(status.active).ca,
        topics=list(dict.fromkeys(topics)),
    )


class Wrong(AwsError):
    """Something that keeps the device from connecting."""

    kind = "aws-device"


class Unknown(Exception):
    """Why this can't be told."""


class Examination:
    """Of one device; each look says what is well, or raises."""

    def __init__(self, cloud: Cloud, device: Examined) -> None:
        self._cloud = cloud
        self._device = device
        self._certificate: Certificate | None = None
        self._renew = f"`atecc provision aws --thing {device.thing} --renew`"

    def verdicts(self) -> Iterator[Verdict]:
        """What needs something that is wrong is not looked at."""
        looks: list[tuple[str, Callable[[], str], tuple[str, ...]]] = [
            ("AWS", self._access, ()),
            ("thing", self._thing, ("AWS",)),
            ("certificate", self._known, ("thing",)),
            ("active", self._active, ("certificate",)),
            ("dates", self._dates, ("certificate",)),
            ("attached", self._attached, ("certificate",)),
            ("policy", self._policy, ("certificate",)),
            ("connect", self._connect, ("policy",)),
            ("topics", self._topics, ("policy",)),
            ("endpoint", self._endpoint, ("AWS",)),
            ("broker", self._broker, ("endpoint",)),
            ("last seen", self._last_seen, ("thing",)),
        ]
        broken: set[str] = set()
        for name, look, needs in looks:
            cause = next((one for one in needs if one in broken), None)
            verdict = Verdict(name, UNCHECKED, f"because of: {cause}") if cause else _look(name, look)
            if cause or verdict.state == FAILED:
                broken.add(name)
            yield verdict

    def _access(self) -> str:
        self._address = self._cloud.endpoint()
        return f"{self._cloud.region} answers, and takes these credentials"

    def _thing(self) -> str:
        self._found = registry.look(self._cloud, self._device.thing)
        if not self._found.arn:
            raise Wrong(
                f"There is no thing {self._device.thing} in this account and region.",
                f"`atecc provision aws --thing {self._device.thing}` makes it; or is it another --region or --profile?",
            )
        chip = f", last provisioned with chip {self._found.chip}" if self._found.chip else ""
        return f"{self._device.thing} is there{chip}"

    def _known(self) -> str:
        there = certificates.of_thing(self._cloud, self._device.thing)
        wanted = self._device.certificate
        if wanted:
            own = next((one for one in there if one.id == wanted), None)
            self._certificate = own or certificates.describe(self._cloud, wanted)
        else:
            self._certificate = next(
                (one for one in there if one.status == ACTIVE), there[0] if there else None
            )
        if self._certificate is None:
            what = (
                f"does not know the device's certificate {wanted[:8]}…"
                if wanted
                else "has no certificate of it"
            )
            raise Wrong(f"AWS {what}: not in this account and region.", f"{self._renew} gives it one.")
        return f"{self._certificate.short} is known"

    @property
    def _own(self) -> Certificate:
        if self._certificate is None:
            raise Unknown("there is no certificate")
        return self._certificate

    def _active(self) -> str:
        own = self._own
        if own.status != ACTIVE:
            raise Wrong(
                f"The certificate {own.short} is {own.status}, since {utc(int(own.modified))}: AWS lets nobody in with "
                "it.",
                f"{self._renew}, or if it was a mistake:\n"
                f"  aws iot update-certificate --certificate-id {own.id} --new-status ACTIVE",
            )
        return "it is ACTIVE"

    def _dates(self) -> str:
        own, now = self._own, time.time()
        if now < own.not_before:
            raise Wrong(
                f"The certificate counts from {utc(int(own.not_before))} on.",
                "Is this computer's clock right?",
            )
        if now > own.not_after:
            raise Wrong(f"The certificate has ended, {utc(int(own.not_after))}.", self._renew)
        return f"valid until {utc(int(own.not_after))}"

    def _attached(self) -> str:
        own, thing = self._own, self._device.thing
        things = certificates.things_of(self._cloud, own.arn)
        attach = f"aws iot attach-thing-principal --thing-name {thing} --principal {own.arn}"
        if thing not in things:
            whose = f" but to {' and '.join(things)}" if things else ""
            raise Wrong(
                f"The certificate {own.short} is not attached to {thing}{whose}: a policy that asks for the thing's "
                "name lets nobody in.",
                f"{self._renew}, or:\n  {attach}",
            )
        others = [one for one in things if one != thing]
        if others:
            raise Wrong(
                f"The certificate is attached to {' and '.join(others)} as well: whoever has it is all of them.",
                "\n".join(
                    f"aws iot detach-thing-principal --thing-name {one} --principal {own.arn}"
                    for one in others
                ),
            )
        return f"to {thing}, and to nothing else"

    def _policy(self) -> str:
        listed = self._cloud.pages("list_attached_policies", "policies", target=self._own.arn)
        names = [one["policyName"] for one in listed]
        groups = self._cloud.pages("list_thing_groups_for_thing", "thingGroups", thingName=self._device.thing)
        inherited = [one["groupName"] for one in groups]
        if not names and not inherited:
            raise Wrong(
                f"No policy is attached to the certificate {self._own.short}: without one nothing is allowed.",
                f"{self._renew}, or:\n"
                f"  aws iot attach-policy --policy-name atecc-device --target {self._own.arn}",
            )
        return " and ".join(names) or f"none of its own; groups: {', '.join(inherited)}"

    def _connect(self) -> str:
        refused = self._refused("CONNECT", [f"client/{self._device.client_id}"])
        if refused:
            raise Wrong(
                f"The policy does not let it connect with the client ID {self._device.client_id}.",
                f"A device's client ID is its thing's name, unless its policy says otherwise: {self._renew} "
                "without --client-id.",
            )
        return f"allowed as {self._device.client_id}"

    def _topics(self) -> str:
        if not self._device.topics:
            raise Unknown("it subscribes to nothing, as far as is known here")
        filters = [f"topicfilter/{topic}" for topic in self._device.topics]
        topics = [f"topic/{topic}" for topic in self._device.topics if not {"+", "#"} & set(topic)]
        refused = self._refused("SUBSCRIBE", filters) + self._refused("RECEIVE", topics)
        if refused:
            named = " and ".join(sorted({one.partition("/")[2] for one in refused}))
            raise Wrong(
                f"The policy does not let it listen to {named}: AWS cuts it off when it tries.",
                "Add iot:Subscribe and iot:Receive for that to its policy, or have the device leave it alone.",
            )
        return f"allowed: {', '.join(self._device.topics)}"

    def _refused(self, action: str, resources: list[str]) -> list[str]:
        if not resources:
            return []
        prefix = self._found.arn.split(":thing/", maxsplit=1)[0]
        infos = [{"actionType": action, "resources": [f"{prefix}:{one}"]} for one in resources]
        got = self._cloud.ask(
            "test_authorization", principal=self._own.arn, authInfos=infos, clientId=self._device.client_id
        )
        decisions = [one.get("authDecision") for one in got["authResults"]]
        return [one for one, said in zip(resources, decisions, strict=True) if said != "ALLOWED"]

    def _endpoint(self) -> str:
        device = self._device
        if not device.endpoint:
            raise Unknown("only the board knows where it connects to")
        if device.endpoint != self._address:
            raise Wrong(
                f"The device connects to {device.endpoint}; this account's devices belong to {self._address}.",
                f"{self._renew} without --endpoint, or the --region and --profile of that endpoint.",
            )
        if device.port == ALPN_PORT:
            raise Wrong(
                f"The device connects to port {ALPN_PORT}, where AWS takes MQTT only with ALPN: {NO_ALPN}.",
                f"{self._renew}: it uses port {MQTT_TLS_PORT}.",
            )
        return f"{device.endpoint}:{device.port}, as AWS says"

    def _broker(self) -> str:
        device = self._device
        if not device.ca:
            raise Unknown("only the board knows which CA it trusts")
        verdict = judge(probe(device.endpoint, device.port), device.ca)
        if verdict.unknown:
            raise Unknown(verdict.unknown)
        if verdict.flaw is not None:
            raise Wrong(verdict.flaw.message, verdict.flaw.hint or self._renew)
        return "its certificate leads to what the device trusts"

    def _last_seen(self) -> str:
        try:
            got = self._cloud.ask("get_thing_connectivity_data", thingName=self._device.thing)
        except AwsError as error:
            if error.kind == "aws-no-index":
                raise Unknown(
                    "AWS keeps that only with fleet indexing: `aws iot update-indexing-configuration "
                    "--thing-indexing-configuration thingIndexingMode=REGISTRY,thingConnectivityIndexingMode=STATUS`"
                ) from error
            raise
        if got.get("connected"):
            return f"connected, as {got.get('clientId', self._device.client_id)}"
        return self._went(got)

    def _went(self, got: dict[str, object]) -> str:
        reason = str(got.get("disconnectReason") or "UNKNOWN")
        when = certificates.seconds_of(got.get("timestamp"))
        if reason not in REASONS:
            raise Unknown("AWS says neither that it is connected nor why not (it forgets after an hour)")
        meaning, hint = REASONS[reason]
        raise Wrong(
            f"Not connected since {utc(int(when))}: {meaning} ({reason}).",
            hint.replace("NAME", self._device.thing),
        )


def _look(name: str, look: Callable[[], str]) -> Verdict:
    try:
        return Verdict(name, OK, look())
    except Unknown as reason:
        return Verdict(name, UNCHECKED, f"because {reason}")
    except AteccError as error:
        return Verdict(name, FAILED, error.message, error)
