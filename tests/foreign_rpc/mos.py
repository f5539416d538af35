"""A stand-in for Mongoose OS's client: what each of its commands calls, in which order, and what it does not accept."""

import base64
import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from foreign_rpc import digest, frames
from foreign_rpc.csr import certificate_request

CONFIG_SIZE, KEY_SIZE, POINT_SIZE, SIGNATURE_SIZE = 128, 32, 64, 64
LOCK_VALUE, LOCK_CONFIG, KEY_CONFIG = 86, 87, 96
LOCKED, UNLOCKED = 0x00, 0x55
KEY_TYPES = {4, 6, 7}
ECC, PRIVATE = 4, 1
FILE_PIECE = 512
MANDATORY_INFO = ("arch", "mac", "app")
MANDATORY_CONFIG = (
    "device.id",
    "mqtt.enable",
    "mqtt.server",
    "mqtt.ssl_cert",
    "mqtt.ssl_key",
    "mqtt.ssl_ca_cert",
    "mqtt.ssl_cipher_suites",
    "aws.thing_name",
)


class Channel(Protocol):
    """What carries frames."""

    def exchange(self, frame: dict[str, Any], timeout: float = ...) -> dict[str, Any]: ...
    def close(self) -> None: ...


class GivesUp(Exception):
    """The client ends its command, and says why."""


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unb64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def sized(result: Any, name: str, size: int) -> bytes:
    """The binary member `name`, which must have `size` bytes."""
    if not isinstance(result, dict) or not isinstance(result.get(name), str):
        raise GivesUp(f"no {name} in {result}")
    data = base64.b64decode(result[name], validate=True)
    if len(data) != size:
        raise GivesUp(f"{name} has {len(data)} bytes, not {size}")
    return data


class Mos:
    """One connection of the client, and its commands."""

    def __init__(self, channel: Channel, user: str = "", password: str = "") -> None:
        self.channel = channel
        self._user, self._password = user, password

    def __enter__(self) -> "Mos":
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()

    def call(self, method: str, params: Any = None, timeout: float = 20, **more: Any) -> Any:
        """Any method's result. Raises Refused for the device's error; a challenge is answered once."""
        asked = frames.request(method, params, src=getattr(self.channel, "src", "mos"), **more)
        try:
            return frames.check(self.channel.exchange(asked, timeout), asked)
        except frames.Refused as refused:
            if refused.code != 401 or not self._user:
                raise
            auth = digest.in_frame(json.loads(refused.message), self._user, self._password)
            asked |= {"auth": auth}
            return frames.check(self.channel.exchange(asked, timeout), asked)

    # --- the chip

    def atca_get_config(self) -> bytes:
        config = sized(self.call("ATCA.GetConfig"), "config", CONFIG_SIZE)
        if not {config[LOCK_VALUE], config[LOCK_CONFIG]} <= {LOCKED, UNLOCKED}:
            raise GivesUp(f"neither locked nor unlocked: {config[LOCK_VALUE : LOCK_CONFIG + 1].hex()}")
        if bad := {key_type(config, slot) for slot in range(16)} - KEY_TYPES:
            raise GivesUp(f"unknown key types {bad}")
        return config

    def atca_set_config(self, config: bytes) -> None:
        if self.atca_get_config()[LOCK_CONFIG] == LOCKED:
            raise GivesUp("the config zone is locked")
        self.call("ATCA.SetConfig", {"config": b64(config)})

    def atca_lock_zone(self, zone: int) -> None:
        """0 is the config zone, 1 the data zone."""
        if self.atca_get_config()[(LOCK_CONFIG, LOCK_VALUE)[zone]] == LOCKED:
            raise GivesUp(f"zone {zone} is locked already")
        self.call("ATCA.LockZone", {"zone": zone})

    def atca_gen_key(self, slot: int) -> bytes:
        """A new key in the slot: its public half, or for a slot of another kind the key itself."""
        if is_private(self.atca_get_config(), slot):
            return sized(self.call("ATCA.GenKey", {"slot": slot}), "pubkey", POINT_SIZE)
        key = secrets.token_bytes(KEY_SIZE)
        self._set_key(slot, key)
        return key

    def atca_set_key(self, slot: int, key: bytes, wkey: bytes | None = None) -> None:
        """A key of one's own, sealed with the write key where one is given."""
        config = self.atca_get_config()
        write_key_slot = config[20 + 2 * slot + 1] & 0x0F
        sealed = {"wkey": b64(wkey), "wkslot": write_key_slot or None} if wkey else {}
        self._set_key(slot, key, ecc=is_private(config, slot) or None, **sealed)

    def _set_key(self, slot: int, key: bytes, **more: Any) -> None:
        """32 bytes a call; what is zero or false is left out, except the slot."""
        for block in range(len(key) // KEY_SIZE):
            piece = b64(key[block * KEY_SIZE : (block + 1) * KEY_SIZE])
            params = {"slot": slot, "block": block or None, "key": piece, **more}
            self.call("ATCA.SetKey", {name: value for name, value in params.items() if value is not None})

    def atca_get_pub_key(self, slot: int) -> bytes:
        self.atca_get_config()
        return self._public_key(slot)

    def _public_key(self, slot: int) -> bytes:
        return sized(self.call("ATCA.GetPubKey", {"slot": slot}), "pubkey", POINT_SIZE)

    def atca_gen_csr(self, slot: int, common_name: str) -> x509.CertificateSigningRequest:
        """A new key and a request that the chip has signed, checked."""
        made = self.atca_gen_key(slot)
        points = [self._public_key(slot) for _ in range(2)]
        if points != [made, made]:
            raise GivesUp("the slot's public key isn't the one that GenKey told")
        request = x509.load_der_x509_csr(
            certificate_request(common_name, made, lambda told: self._sign(slot, told))
        )
        if not request.is_signature_valid:
            raise GivesUp("the signature isn't valid")
        return request

    def _sign(self, slot: int, told: bytes) -> bytes:
        params = {"digest": b64(told), "slot": slot}
        return sized(self.call("ATCA.Sign", params), "signature", SIGNATURE_SIZE)

    def atca_gen_cert(self, slot: int, filename: str, ca_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
        """A new key and a certificate for it, put on the device in DER under whatever name was given."""
        self.atca_gen_key(slot)
        certificate = issue(self._public_key(slot), ca_key)
        self.put(filename, certificate.public_bytes(Encoding.DER))
        return certificate

    # --- files

    def put(self, filename: str, content: bytes) -> None:
        """In pieces; an empty file is one empty piece."""
        for offset in range(0, len(content) or 1, FILE_PIECE):
            piece = b64(content[offset : offset + FILE_PIECE])
            params = {"filename": filename, "offset": offset, "append": offset > 0, "data": piece}
            self.call("FS.Put", params)

    def get(self, filename: str) -> bytes:
        return b"".join(self._pieces(filename))

    def _pieces(self, filename: str) -> Iterator[bytes]:
        offset, left = 0, 1
        while left:
            got = self.call("FS.Get", {"filename": filename, "len": FILE_PIECE, "offset": offset})
            data = base64.b64decode(got["data"], validate=True)
            left = got["left"]
            if left and not data:
                raise GivesUp(f"{left} bytes are left of {filename}, and none comes")
            offset += len(data)
            yield data

    def ls(self, path: str | None = None) -> list[str]:
        names = self.call("FS.List", {"path": path} if path else None)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise GivesUp(f"no list of names: {names}")
        return names

    def ls_l(self) -> dict[str, int]:
        return {entry["name"]: entry["size"] for entry in self.call("FS.ListExt")}

    def rm(self, filename: str) -> None:
        self.call("FS.Remove", {"filename": filename})

    # --- settings

    def config_get(self, key: str | None = None) -> Any:
        return self.call("Config.Get", {"key": key} if key else None)

    def config_set(self, settings: dict[str, Any], *, save: bool = True, reboot: bool = False) -> None:
        """`settings` by their dotted names. Saved in the same call, or where the device didn't, in another."""
        config = self.config_get()
        for key in settings:
            member(config, key)
        said = self.call("Config.Set", {"config": nested(settings), "save": save, "reboot": reboot})
        if save and not (isinstance(said, dict) and said.get("saved")):
            self.call("Config.Save", {"reboot": reboot, "try_once": False})

    def aws_iot_setup(self, iot: Any, slot: int, server: str, ca: bytes, policy: str) -> str:
        """Make the device a thing of AWS IoT; the name it gets. It has to be reset then."""
        info = self.call("Sys.GetInfo")
        if missing := [name for name in MANDATORY_INFO if not info.get(name)]:
            raise GivesUp(f"Sys.GetInfo has no {missing}")
        config = self.config_get()
        for key in MANDATORY_CONFIG:
            member(config, key)
        thing = config["device"]["id"]
        request = self.atca_gen_csr(slot, thing)
        issued = iot.create_certificate_from_csr(
            certificateSigningRequest=request.public_bytes(Encoding.PEM).decode(), setAsActive=True
        )
        iot.create_thing(thingName=thing)
        iot.attach_thing_principal(thingName=thing, principal=issued["certificateArn"])
        iot.create_policy(policyName="mos-default", policyDocument=policy)
        iot.attach_policy(policyName="mos-default", target=issued["certificateArn"])
        certificate_name = f"aws-{thing}.crt.pem"
        self.put(certificate_name, issued["certificatePem"].encode())
        self.put("ca.pem", ca)
        self.config_set(
            {
                "mqtt.enable": True,
                "mqtt.server": server,
                "mqtt.ssl_cert": certificate_name,
                "mqtt.ssl_key": f"ATCA:{slot}",
                "mqtt.ssl_ca_cert": "ca.pem",
                "aws.thing_name": thing,
            }
        )
        return thing


def key_type(config: bytes, slot: int) -> int:
    return config[KEY_CONFIG + 2 * slot] >> 2 & 0x07


def is_private(config: bytes, slot: int) -> bool:
    return key_type(config, slot) == ECC and bool(config[KEY_CONFIG + 2 * slot] & PRIVATE)


def member(config: Any, key: str) -> Any:
    """The setting with a dotted name; the client gives up where there is none, or null."""
    value = config
    for part in key.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        raise GivesUp(f"no {key} in the configuration")
    return value


def nested(settings: dict[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} as {"a": {"b": 1}}."""
    tree: dict[str, Any] = {}
    for key, value in settings.items():
        *path, last = key.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, {})
        branch[last] = value
    return tree


def issue(point: bytes, ca_key: ec.EllipticCurvePrivateKey, name: str = "mos-device") -> x509.Certificate:
    """A certificate for the public key `point`, valid from the year 2000 on: the device's clock may say that."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + point)
    start = datetime(2000, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(subject, subject, key, 1, start, start + timedelta(days=20_000))
    return builder.sign(ca_key, SHA256())
