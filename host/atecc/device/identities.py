"""The two identities of a board, and the MQTT connection of the one that is active."""

from __future__ import annotations

from typing import Any

from atecc.device.answers import binary, decoded, fields, identity_of, listed, mqtt_of, text, tls_of
from atecc.device.caller import BEGIN_TIMEOUT, Caller
from atecc.device.replies import (
    Begun,
    ClaimStatus,
    IdentityStatus,
    Login,
    Message,
    MqttStatus,
    RenewalStatus,
    Requested,
    Staged,
    Stored,
    Tried,
    build,
)
from atecc.device.rpc import FIRMWARE_DIFFERS
from atecc.errors import ChannelError


class Identities(Caller):
    """Identity and MQTT. A change of identity is begun, staged, tried and committed."""

    # Of the identity that was begun last, here.
    _token: str | None = None

    def identity_status(self) -> IdentityStatus:
        data = self.call("Identity.Status")
        known = fields(fields(data, "Identity.Status").get("identities"), "Identity.Status")
        identities = {name: identity_of(one) for name, one in known.items()}
        kinds = {"claim": ClaimStatus, "renewal": RenewalStatus}
        more: dict[str, Any] = {
            name: build(kind, data[name], "Identity.Status") for name, kind in kinds.items() if data.get(name)
        }
        status = build(IdentityStatus, data, "Identity.Status", identities=identities, **more)
        if not {status.idle, status.active or status.idle} <= set(identities):
            raise ChannelError("The board names an identity of which it tells nothing.", FIRMWARE_DIFFERS)
        return status

    def begin(
        self,
        subject: list[list[tuple[str, str]]],
        san: list[str] | None = None,
        key: str = "new",
        slot: int | None = None,
        serial: str | None = None,
    ) -> Begun:
        """A key in the idle identity's slot, and a request for its certificate, signed by the chip.

        The steps that follow go on with it; another Device goes on with `token=…`, of the answer.
        """
        params: dict[str, Any] = {"subject": [[list(pair) for pair in rdn] for rdn in subject], "key": key}
        params |= {k: v for k, v in (("san", san), ("slot", slot), ("serial", serial)) if v is not None}
        data = self.call("Identity.Begin", params, BEGIN_TIMEOUT)
        pubkey, csr = (binary(data, name, "Identity.Begin") for name in ("pubkey", "csr"))
        begun = build(Begun, data, "Identity.Begin", pubkey=pubkey, csr=csr)
        self._token = begun.token
        return begun

    def request(
        self,
        slot: int,
        subject: list[list[tuple[str, str]]],
        san: list[str] | None = None,
        key_usage: list[str] | None = None,
    ) -> Requested:
        """A request for the key that is in the slot; nothing is made or stored."""
        params: dict[str, Any] = {"slot": slot, "subject": [[list(pair) for pair in rdn] for rdn in subject]}
        params |= {k: v for k, v in (("san", san), ("key_usage", key_usage)) if v}
        data = self.call("Identity.Request", params, BEGIN_TIMEOUT)
        pubkey, csr = (binary(data, name, "Identity.Request") for name in ("pubkey", "csr"))
        return build(Requested, data, "Identity.Request", pubkey=pubkey, csr=csr)

    def stage(
        self,
        stored: Stored,
        name: str,
        client_id: str,
        endpoint: str,
        port: int,
        token: str | None = None,
        login: Login | None = None,
    ) -> Staged:
        """Store certificates and broker with the key that `begin` made."""
        params = self._with_token(token) | {
            "certificate": text(stored.certificate),
            "chain": [text(der) for der in stored.chain],
            "ca": [text(der) for der in stored.ca],
            "name": name,
            "client_id": client_id,
            "endpoint": endpoint,
            "port": port,
        }
        if login is not None:
            params |= {"username": login.username, "password": login.password}
        return build(Staged, self.call("Identity.Stage", params, BEGIN_TIMEOUT), "Identity.Stage")

    def stored(self, identity: str) -> Stored:
        data = self.call("Identity.Get", {"identity": identity})
        certificate = binary(data, "certificate", "Identity.Get")
        chain, ca = (
            [decoded(one, "Identity.Get") for one in listed(data.get(name), "Identity.Get")]
            for name in ("chain", "ca")
        )
        return Stored(certificate, chain, ca)

    def try_staged(self, token: str | None = None) -> Tried:
        """A real MQTT connection with what is staged."""
        data = self.networked("Identity.Try", self._with_token(token))
        return build(Tried, data, "Identity.Try", tls=tls_of(data, "Identity.Try"))

    def commit(self, untried: bool = False, token: str | None = None) -> dict[str, Any]:
        params = self._with_token(token) | ({"untried": True} if untried else {})
        return fields(self.call("Identity.Commit", params), "Identity.Commit")

    def discard(self, token: str | None = None) -> str | None:
        """Forget what is pending, staged or tried; the active identity is not touched.

        What was begun elsewhere is discarded too, if the board allows it without its token.
        """
        data = self.call("Identity.Discard", self._with_token(token))
        name = fields(data, "Identity.Discard").get("identity")
        return None if name is None else str(name)

    def _with_token(self, token: str | None) -> dict[str, Any]:
        token = token or self._token
        return {} if token is None else {"token": token}

    def claim(
        self,
        template: str,
        certificates: list[bytes],
        key: bytes | int,
        ca: list[bytes],
        endpoint: str,
        port: int,
        until: int | None = None,
    ) -> None:
        """Have the board ask AWS for its own certificate, by itself, until it has one: with the first of these, and the
        rest as its chain. The key, or the slot where the chip has it."""
        first, *chain = map(text, certificates)
        params = {
            "template": template,
            "certificate": first,
            "chain": chain,
            "endpoint": endpoint,
            "port": port,
        }
        params |= {"slot": key} if isinstance(key, int) else {"key": text(key)}
        params |= {"ca": [text(der) for der in ca]} | ({} if until is None else {"until": until})
        self.call("Identity.Claim", params, BEGIN_TIMEOUT)

    def forget_claim(self) -> None:
        self.call("Identity.Claim")

    # MQTT

    def mqtt_status(self) -> MqttStatus:
        return mqtt_of(self.call("MQTT.Status"), "MQTT.Status")

    def mqtt_connect(self) -> MqttStatus:
        return mqtt_of(self.networked("MQTT.Connect", {}), "MQTT.Connect")

    def look(self, endpoint: str, port: int, ca: list[bytes]) -> None:
        """Whether the board would accept the broker's certificate, trusting `ca` (DER): a DeviceError says why not."""
        params = {"endpoint": endpoint, "port": port, "ca": [text(der) for der in ca]}
        self.networked("MQTT.Look", params)

    def mqtt_disconnect(self) -> MqttStatus:
        return mqtt_of(self.call("MQTT.Disconnect"), "MQTT.Disconnect")

    def publish(self, topic: str, message: str, qos: int = 1, retain: bool = False) -> None:
        params = {"topic": topic, "message": message, "qos": qos} | ({"retain": True} if retain else {})
        self.call("MQTT.Publish", params, self.link_timeout)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        self.call("MQTT.Subscribe", {"topic": topic, "qos": qos}, self.link_timeout)

    def unsubscribe(self, topic: str) -> None:
        self.call("MQTT.Unsubscribe", {"topic": topic}, self.link_timeout)

    def receive(self, topic: str | None = None, timeout: float | None = None) -> Message | None:
        """The next message, or None when none came in time."""
        params: dict[str, Any] = {"topic": topic} if topic is not None else {}
        data = self.networked("MQTT.Receive", params, timeout)
        return None if data is None else build(Message, data, "MQTT.Receive")
