"""A board with its chip, as a Python object: one method per RPC method that the host uses."""

from __future__ import annotations

import base64
import binascii
from contextlib import AbstractContextManager
from time import sleep
from typing import Any

from atecc.bounded import LARGEST_FILE
from atecc.channels import Channel
from atecc.device.replies import (
    AccessStatus,
    Begun,
    BoardInfo,
    ChipInfo,
    ClaimStatus,
    Entry,
    IdentityInfo,
    IdentityStatus,
    KeyInfo,
    Login,
    Message,
    MqttStatus,
    Network,
    Part,
    Program,
    Requested,
    SelfCheck,
    Staged,
    Stored,
    Tls,
    Told,
    Tried,
    TrustedCa,
    Unfinished,
    WifiStatus,
    access_status,
    build,
    is_a,
)
from atecc.device.rpc import FIRMWARE_DIFFERS, TIMEOUT, Client
from atecc.errors import ChannelError

# A key, a request and its self-check on a chip with the slowest clock, built by a microcontroller.
BEGIN_TIMEOUT = 40.0
# The board gives up first, so that its reason arrives and not our impatience.
SLACK = 15.0
# firmware/link/link.py: how long the link waits for its broker.
LINK_WAIT = 30.0
NETWORK_TIMEOUT = 30.0

# It resets half a second after its answer: what is asked before that is answered by the device as it was.
RESETS_AFTER_S = 0.7

# Of a file, in one frame.
PIECE = 512

CONFIG, DATA = 0, 1


class Device:
    """Talks to a board; `network_timeout` is what the board allows for anything beyond its own walls."""

    def __init__(
        self, channel: Channel, network_timeout: float = NETWORK_TIMEOUT, remote: bool = False
    ) -> None:
        self._client = Client(channel, remote=remote)
        self.network_timeout = network_timeout
        # Of the identity that was begun last, here.
        self._token: str | None = None

    def __enter__(self) -> Device:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    @property
    def remote(self) -> bool:
        """Whether it is called over anything but the USB cable."""
        return self._client.remote

    def call(self, method: str, params: dict[str, Any] | None = None, timeout: float = TIMEOUT) -> Any:
        """Any method, by name."""
        return self._client.call(method, params, timeout)

    def ahead(self, *methods: str) -> AbstractContextManager[None]:
        """Ask these at one go, because the block is going to: for reads without parameters (see Client)."""
        return self._client.ahead(*methods)

    # The board

    def methods(self) -> list[str]:
        return [str(name) for name in _listed(self.call("RPC.List"), "RPC.List")]

    def info(self) -> BoardInfo:
        return build(BoardInfo, self.call("Sys.GetInfo"), "Sys.GetInfo")

    def check(self) -> list[SelfCheck]:
        """What the device finds of its own fitness."""
        return [build(SelfCheck, one, "Sys.Check") for one in _listed(self.call("Sys.Check"), "Sys.Check")]

    def set_time(self, time: int) -> int | None:
        """Set the board's clock; what it said before."""
        previous = _fields(self.call("Sys.SetTime", {"time": time}), "Sys.SetTime").get("previous")
        return previous if isinstance(previous, int) else None

    def reboot(self) -> None:
        """The board answers first, and resets then; when this returns it has done so."""
        self.call("Sys.Reboot")
        sleep(RESETS_AFTER_S)

    # Who may call it

    def access_status(self) -> AccessStatus:
        return access_status(self.call("Access.Status"), "Access.Status")

    def trust(self, ca: bytes, withdraw: bool | None = None) -> TrustedCa:
        """Callers with a certificate of this CA (DER) are operators from now on.

        `withdraw`: whether they may have others forgotten from afar; None leaves that as it is.
        """
        params = {"ca": _text(ca)} | ({} if withdraw is None else {"withdraw": withdraw})
        return build(TrustedCa, self.call("Access.Trust", params), "Access.Trust")

    def forget(self, sha256: str) -> None:
        self.call("Access.Forget", {"sha256": sha256})

    def bench(self, on: bool, seconds: int | None = None, keep: bool = False) -> AccessStatus:
        """The bench permission; without `seconds` and `keep` for as long as the board's default."""
        params: dict[str, Any] = {"on": on} | ({"keep": True} if keep else {})
        params |= {} if seconds is None else {"seconds": seconds}
        return access_status(self.call("Access.Bench", params), "Access.Bench")

    def web_socket(self, enable: bool, **settings: Any) -> AccessStatus:
        """Plain ws://; `settings` are `port`, `username` and `ha1`, each only if it is given."""
        params = {"enable": enable} | {k: v for k, v in settings.items() if v is not None}
        return access_status(self.call("Access.WebSocket", params), "Access.WebSocket")

    # Settings, files, Wi-Fi

    def settings(self, key: str | None = None) -> Any:
        """A value, or all of them as nested objects."""
        return self.call("Config.Get", {} if key is None else {"key": key})

    def change_settings(
        self, values: dict[str, Any], save: bool = False, reboot: bool = False, try_once: bool = False
    ) -> bool:
        """All of them or none; whether they are saved. `reboot`: as Device.reboot."""
        flags = {
            name: True for name, on in (("save", save), ("reboot", reboot), ("try_once", try_once)) if on
        }
        told = _fields(self.call("Config.Set", {"config": values} | flags), "Config.Set")
        if reboot:
            sleep(RESETS_AFTER_S)
        return bool(told.get("saved"))

    def save_settings(self, reboot: bool = False, try_once: bool = False) -> None:
        flags = {name: True for name, on in (("reboot", reboot), ("try_once", try_once)) if on}
        self.call("Config.Save", flags)
        if reboot:
            sleep(RESETS_AFTER_S)

    def files(self, path: str | None = None) -> list[Entry]:
        data = self.call("FS.ListExt", {} if path is None else {"path": path})
        return [build(Entry, one, "FS.ListExt") for one in _listed(data, "FS.ListExt")]

    def read_file(self, name: str) -> bytes:
        """All of it; a ChannelError if what is left of it does not become less, or is more than a board can hold."""
        content, left = self._piece(name, 0)
        size = len(content) + left
        if size > LARGEST_FILE:
            raise ChannelError(f"The board says that {name} has {size} bytes: no board holds as much.")
        while left:
            piece, left = self._piece(name, len(content))
            content += piece
            if not piece or len(content) + left != size:
                raise ChannelError(
                    f"{name} changes while it is read, or is given only in part.", "Try again."
                )
        return content

    def _piece(self, name: str, offset: int) -> tuple[bytes, int]:
        data = self.call("FS.Get", {"filename": name, "offset": offset, "len": PIECE})
        piece, left = _binary(data, "data", "FS.Get"), data.get("left") or 0
        if not is_a(left, int) or left < 0 or len(piece) > PIECE:
            raise ChannelError("The board's answer to FS.Get makes no sense.", FIRMWARE_DIFFERS)
        return piece, left

    def write_file(self, name: str, content: bytes) -> None:
        """In pieces; a file of that name is replaced."""
        for start in range(0, max(len(content), 1), PIECE):
            piece = _text(content[start : start + PIECE])
            self.call("FS.Put", {"filename": name, "data": piece} | ({"append": True} if start else {}))

    def remove_file(self, name: str) -> None:
        self.call("FS.Remove", {"filename": name})

    def programs(self, method: str = "App.Status") -> tuple[list[Program], list[Part]]:
        """The owner's programs and what they are made of; after App.Start or App.Stop, if that is the method."""
        data = self.call(method)
        parts = data if isinstance(data, dict) else {}
        return (
            [build(Program, one, method) for one in _listed(parts.get("programs"), method)],
            [build(Part, one, method) for one in _listed(parts.get("files"), method)],
        )

    def program_log(self) -> list[Told]:
        return [build(Told, one, "App.Log") for one in _listed(self.call("App.Log"), "App.Log")]

    def write_program(self, name: str, content: bytes) -> None:
        """A file of the program's folder: it takes the place of the old one when all of it has arrived."""
        for start in range(0, max(len(content), 1), PIECE):
            piece = _text(content[start : start + PIECE])
            self.call("App.Put", {"filename": name, "data": piece, "offset": start})
        self.call("App.Keep", {"filename": name, "crc": binascii.crc32(content)})

    def remove_program(self, name: str) -> None:
        self.call("App.Remove", {"filename": name})

    def wifi_status(self) -> WifiStatus:
        return build(WifiStatus, self.call("Wifi.Status"), "Wifi.Status")

    def wifi_scan(self) -> list[Network]:
        data = self.call("Wifi.Scan", None, self.network_timeout)
        return [build(Network, one, "Wifi.Scan") for one in _listed(data, "Wifi.Scan")]

    def wifi_setup(self, ssid: str, password: str | None = None, save: bool = True) -> WifiStatus:
        """Join a network; saved only once that has worked."""
        params: dict[str, Any] = {"ssid": ssid} | ({} if password is None else {"pass": password})
        params |= {} if save else {"save": False}
        return build(WifiStatus, self._networked("Wifi.Setup", params), "Wifi.Setup")

    # The chip

    def chip_info(self) -> ChipInfo:
        return build(ChipInfo, self.call("ATCA.GetInfo"), "ATCA.GetInfo")

    def get_config(self) -> bytes:
        config = _binary(self.call("ATCA.GetConfig"), "config", "ATCA.GetConfig")
        if len(config) != 128:
            raise ChannelError(
                f"The board sent a configuration of {len(config)} bytes, not 128.", FIRMWARE_DIFFERS
            )
        return config

    def set_config(self, config: bytes) -> None:
        self.call("ATCA.SetConfig", {"config": _text(config)})

    def lock_zone(self, zone: int, serial: str, crc: int | None) -> None:
        """Irreversible. The chip refuses unless what it holds has this CRC."""
        params: dict[str, Any] = {"zone": zone, "serial": serial}
        self.call("ATCA.LockZone", params if crc is None else params | {"crc": crc})

    def lock_slot(self, slot: int, serial: str) -> None:
        """Irreversible: what the slot holds stays."""
        self.call("ATCA.LockSlot", {"slot": slot, "serial": serial})

    def key_info(self, slot: int) -> KeyInfo:
        return build(KeyInfo, self.call("ATCA.KeyInfo", {"slot": slot}), "ATCA.KeyInfo")

    def public_key(self, slot: int) -> bytes:
        return _binary(self.call("ATCA.GetPubKey", {"slot": slot}), "pubkey", "ATCA.GetPubKey")

    def generate_key(self, slot: int, serial: str | None = None) -> bytes:
        """A new key; the one that is there is destroyed, which takes the chip's serial number."""
        params = {"slot": slot} if serial is None else {"slot": slot, "serial": serial}
        return _binary(self.call("ATCA.GenKey", params), "pubkey", "ATCA.GenKey")

    def import_key(
        self, slot: int, scalar: bytes, write_key: bytes | None = None, serial: str | None = None
    ) -> None:
        """A private key from outside, sealed on its way into the chip if there is a write key."""
        params: dict[str, Any] = {"slot": slot, "key": _text(scalar), "ecc": True}
        if write_key is not None:
            params["wkey"] = _text(write_key)
        self.call("ATCA.SetKey", params if serial is None else params | {"serial": serial})

    def read_slot(self, slot: int) -> bytes:
        return _binary(self.call("ATCA.ReadSlot", {"slot": slot}), "data", "ATCA.ReadSlot")

    # The identities

    def identity_status(self) -> IdentityStatus:
        data = self.call("Identity.Status")
        known = _fields(_fields(data, "Identity.Status").get("identities"), "Identity.Status")
        identities = {name: _identity(one) for name, one in known.items()}
        told = data.get("claim")
        claim = None if told is None else build(ClaimStatus, told, "Identity.Status")
        status = build(IdentityStatus, data, "Identity.Status", identities=identities, claim=claim)
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
        pubkey, csr = (_binary(data, name, "Identity.Begin") for name in ("pubkey", "csr"))
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
        pubkey, csr = (_binary(data, name, "Identity.Request") for name in ("pubkey", "csr"))
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
            "certificate": _text(stored.certificate),
            "chain": [_text(der) for der in stored.chain],
            "ca": [_text(der) for der in stored.ca],
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
        certificate = _binary(data, "certificate", "Identity.Get")
        chain, ca = (
            [_decoded(one, "Identity.Get") for one in _listed(data.get(name), "Identity.Get")]
            for name in ("chain", "ca")
        )
        return Stored(certificate, chain, ca)

    def try_staged(self, token: str | None = None) -> Tried:
        """A real MQTT connection with what is staged."""
        data = self._networked("Identity.Try", self._with_token(token))
        return build(Tried, data, "Identity.Try", tls=_tls(data, "Identity.Try"))

    def commit(self, untried: bool = False, token: str | None = None) -> dict[str, Any]:
        params = self._with_token(token) | ({"untried": True} if untried else {})
        return _fields(self.call("Identity.Commit", params), "Identity.Commit")

    def discard(self, token: str | None = None) -> str | None:
        """Forget what is pending, staged or tried; the active identity is not touched.

        What was begun elsewhere is discarded too, if the board allows it without its token.
        """
        data = self.call("Identity.Discard", self._with_token(token))
        name = _fields(data, "Identity.Discard").get("identity")
        return None if name is None else str(name)

    def _with_token(self, token: str | None) -> dict[str, Any]:
        token = token or self._token
        return {} if token is None else {"token": token}

    def claim(
        self,
        template: str,
        certificate: bytes,
        key: bytes,
        ca: list[bytes],
        endpoint: str,
        port: int,
        until: int | None = None,
    ) -> None:
        """Have the board ask AWS for its own certificate with this one, by itself, until it has one."""
        params = {
            "template": template,
            "certificate": _text(certificate),
            "key": _text(key),
            "ca": [_text(der) for der in ca],
            "endpoint": endpoint,
            "port": port,
        }
        self.call("Identity.Claim", params if until is None else params | {"until": until}, BEGIN_TIMEOUT)

    def forget_claim(self) -> None:
        self.call("Identity.Claim")

    # MQTT

    def mqtt_status(self) -> MqttStatus:
        return _mqtt(self.call("MQTT.Status"), "MQTT.Status")

    def mqtt_connect(self) -> MqttStatus:
        return _mqtt(self._networked("MQTT.Connect", {}), "MQTT.Connect")

    def look(self, endpoint: str, port: int, ca: list[bytes]) -> None:
        """Whether the board would accept the broker's certificate, trusting `ca` (DER): a DeviceError says why not."""
        params = {"endpoint": endpoint, "port": port, "ca": [_text(der) for der in ca]}
        self._networked("MQTT.Look", params)

    def mqtt_disconnect(self) -> MqttStatus:
        return _mqtt(self.call("MQTT.Disconnect"), "MQTT.Disconnect")

    def publish(self, topic: str, message: str, qos: int = 1, retain: bool = False) -> None:
        params = {"topic": topic, "message": message, "qos": qos} | ({"retain": True} if retain else {})
        self.call("MQTT.Publish", params, self._link_timeout)

    def subscribe(self, topic: str, qos: int = 1) -> None:
        self.call("MQTT.Subscribe", {"topic": topic, "qos": qos}, self._link_timeout)

    def unsubscribe(self, topic: str) -> None:
        self.call("MQTT.Unsubscribe", {"topic": topic}, self._link_timeout)

    def receive(self, topic: str | None = None, timeout: float | None = None) -> Message | None:
        """The next message, or None when none came in time."""
        params: dict[str, Any] = {"topic": topic} if topic is not None else {}
        data = self._networked("MQTT.Receive", params, timeout)
        return None if data is None else build(Message, data, "MQTT.Receive")

    @property
    def _link_timeout(self) -> float:
        """The link waits in its own time, and says then what it has waited for."""
        return max(self.network_timeout, LINK_WAIT) + SLACK

    def _networked(self, method: str, params: dict[str, Any], timeout: float | None = None) -> Any:
        seconds = self.network_timeout if timeout is None else timeout
        return self.call(method, params | {"timeout": seconds}, seconds + SLACK)


def _fields(data: Any, method: str) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise ChannelError(f"The board's answer to {method} is not an object.", FIRMWARE_DIFFERS)
    return data


def _listed(data: Any, method: str) -> list[Any]:
    """A list; None is one that is empty."""
    if data is not None and not isinstance(data, list):
        raise ChannelError(f"The board's answer to {method} is not a list.", FIRMWARE_DIFFERS)
    return data or []


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _binary(data: Any, name: str, method: str) -> bytes:
    return _decoded(data.get(name) if isinstance(data, dict) else None, method)


def _decoded(text: Any, method: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise ChannelError(
            f"The board's answer to {method} lacks a value, or it is not base64.", FIRMWARE_DIFFERS
        ) from error


def _tls(data: Any, method: str) -> Tls | None:
    tls = data.get("tls") if isinstance(data, dict) else None
    return build(Tls, tls, method) if tls else None


def _mqtt(data: Any, method: str) -> MqttStatus:
    return build(MqttStatus, data, method, tls=_tls(data, method))


def _identity(data: Any) -> IdentityInfo:
    begun = data.get("begun") if isinstance(data, dict) else None
    made = build(Unfinished, begun, "Identity.Status") if begun else None
    return build(IdentityInfo, data, "Identity.Status", begun=made)
