"""A board in memory, for the host's tests: the contract of firmware/rpc/README.md with real keys behind it.

It shares no code with the host package. Faults are put in through `faults` (a method's name → an error
object, or an exception of the channel) and `tamper` (a method's name → a function that changes its result).
"""

import base64
import json
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SERIAL = "0123a1b2c3d4e5f6ee"
BLANK = bytes.fromhex(
    "0123a1b200006002c3d4e5f6ee015500"
    "C000000083208720 8F20C48F8F8F8F8F 9F8FAF8F00000000 0000000000000000"
    "0000AF8FFFFFFFFF 00000000FFFFFFFF 0000000000000000 0000000000000000"
    "0000000000005555 FFFF000000000000 3300330033001C00 1C001C001C001C00"
    "3C003C003C003C00 3C003C003C001C00".replace(" ", "")
)
OIDS = {"CN": "2.5.4.3", "C": "2.5.4.6", "L": "2.5.4.7", "O": "2.5.4.10", "OU": "2.5.4.11"}


def b64(data):
    return base64.b64encode(data).decode()


def chip_crc(data):
    crc = 0
    for byte in data:
        for n in range(8):
            top, crc = crc >> 15, crc << 1 & 0xFFFF
            if byte >> n & 1 != top:
                crc ^= 0x8005
    return crc


class Refusal(Exception):
    def __init__(self, code, kind, message, **more):
        super().__init__(message)
        self.error = {"code": code, "kind": kind, "message": message, **more}


class FakeDevice:
    """A channel and the board behind it."""

    def __init__(self, config_locked=True, data_locked=True):
        self.config = bytearray(BLANK)
        self.config[86] = 0x00 if data_locked else 0x55
        self.config[87] = 0x00 if config_locked else 0x55
        self.keys = {}
        self.secrets = {}  # of the slots that writes are sealed with
        self.data = {}  # what data slots hold
        self.known = {}
        self.kept = {}  # why a key is not replaced for this caller, by its slot
        self.other_chip = None
        self.not_adopted = None
        self.claim = None  # what Identity.Claim was given
        self.claim_error = None
        self.begun = 0
        self.active = None
        self.records = {"a": {"state": "empty", "slot": None}, "b": {"state": "empty", "slot": None}}
        self.clock = 946684800
        self.mqtt = "off"
        self.subscriptions = []
        self.inbox = []
        self.calls = []
        self.faults = {}
        self.tamper = {}
        self.closed = False

    # The channel

    def request(self, frame, timeout):
        request = json.loads(frame)
        method = request["method"]
        self.calls.append(method)
        fault = self.faults.get(method)
        fault = fault.pop(0) if isinstance(fault, list) and fault else fault
        if isinstance(fault, BaseException):
            raise fault
        reply = {"id": request["id"], "src": "fake", "dst": request["src"]}
        if isinstance(fault, dict):
            return json.dumps(reply | {"error": fault}).encode()
        try:
            result = self.handle(method, request.get("params", {}))
        except Refusal as refusal:
            return json.dumps(reply | {"error": refusal.error}).encode()
        return json.dumps(reply | {"result": self.tamper.get(method, lambda r: r)(result)}).encode()

    def close(self):
        self.closed = True

    def handle(self, method, params):
        handler = getattr(self, method.replace(".", "_"), None)
        if handler is None:
            raise Refusal(404, "method", f"No handler for {method}")
        return handler(**params)

    # Sys, RPC

    def RPC_List(self):
        return sorted(n.replace("_", ".", 1) for n in dir(self) if "_" in n and n[0].isupper())

    def Sys_GetInfo(self):
        return {
            "app": "atecc", "fw_version": "0.1.0", "arch": "unix", "board": "FAKE", "id": "atecc-fake",
            "mac": "00AA", "micropython": "1.26.1", "time": self.clock, "uptime": 12, "ram_free": 100000,
            "tls_sign": True, "fs_size": 2097152, "fs_free": 2000000,
        }  # fmt: skip

    def Sys_SetTime(self, time):
        previous, self.clock = self.clock, time
        return {"time": time, "previous": previous}

    # ATCA

    def limit_use(self, slot, used):
        """Uses of this slot are counted, and so many are over."""
        self.config[20 + 2 * slot] |= 0x20
        late = used - 16
        words = (0xFFFF >> used % 32, 0xFFFF >> late % 32, used // 32, late // 32)
        self.config[52:60] = b"".join(word.to_bytes(2, "big") for word in words)

    @property
    def locked(self):
        return self.config[87] != 0x55, self.config[86] != 0x55

    @property
    def serial(self):
        return (self.config[0:4] + self.config[8:13]).hex()

    def rules(self, slot):
        low, high = self.config[20 + 2 * slot], self.config[21 + 2 * slot]
        private = self.config[96 + 2 * slot] & 0x1D == 0x11 and bool(low & 0x80)
        free = not self.config[96 + 2 * slot] & 0x80 and not self.config[97 + 2 * slot] & 0x10
        return private, private and bool(high & 0x20), private and free and bool(low & 1)

    def ATCA_GetInfo(self):
        config, data = self.locked
        return {
            "address": 0x60, "part": "ATECC608A", "revision": "00006002", "serial": self.serial,
            "config_locked": config, "data_locked": data,
        }  # fmt: skip

    def ATCA_GetConfig(self):
        return {"config": b64(self.config)}

    def ATCA_SetConfig(self, config):
        if self.locked[0]:
            raise Refusal(409, "locked", "the config zone is locked")
        new = base64.b64decode(config)
        self.config[16:84], self.config[88:128] = new[16:84], new[88:128]

    def ATCA_LockZone(self, zone, serial=None, crc=None):
        if serial != SERIAL or (zone == 0 and crc is None):
            raise Refusal(403, "refused", "serial or crc is missing or wrong")
        if zone == 0 and crc != chip_crc(self.config):
            raise Refusal(500, "chip", "Lock: EXECUTION_ERROR", command="Lock", status=0x0F)
        if self.locked[zone]:
            raise Refusal(409, "locked", "the zone is locked already")
        self.config[87 - zone] = 0

    def ATCA_LockSlot(self, slot, serial=None):
        if serial != self.serial:
            raise Refusal(403, "refused", "give the serial number of this chip")
        self.config[88 + slot // 8] &= ~(1 << slot % 8)

    def ATCA_GetPubKey(self, slot):
        if slot not in self.keys:
            raise Refusal(409, "slot", "no key")
        return {"pubkey": b64(self.point(slot))}

    def ATCA_GenKey(self, slot, serial=None):
        if not self.rules(slot)[1]:
            raise Refusal(409, "slot", f"slot {slot} can't generate a key")
        self.check_replaceable(slot, serial)
        self.keys[slot] = ec.generate_private_key(ec.SECP256R1())
        return {"pubkey": b64(self.point(slot))}

    def ATCA_SetKey(self, slot, key, ecc=False, wkey=None, serial=None):
        assert ecc, "data slots are not written here"
        if not self.config[21 + 2 * slot] & 0x40:
            raise Refusal(409, "slot", f"slot {slot} takes no key from outside")
        if wkey is None and self.locked[1]:
            raise Refusal(409, "slot", "the data zone is locked")
        self.check_replaceable(slot, serial)
        if wkey is not None and base64.b64decode(wkey) != self.secrets[self.config[21 + 2 * slot] & 0xF]:
            raise Refusal(500, "chip", "PrivWrite: execution error", command="PrivWrite", status=0x0F)
        scalar = base64.b64decode(key)
        assert len(scalar) == 32
        self.keys[slot] = ec.derive_private_key(int.from_bytes(scalar, "big"), ec.SECP256R1())

    def check_replaceable(self, slot, serial):
        use = self.use_of(slot)
        if use == "active":
            raise Refusal(409, "key-in-use", "the key is the active identity's")
        if use is not None and serial != self.serial:
            raise Refusal(403, "refused", "give the serial number")

    def ATCA_ReadSlot(self, slot):
        if not self.locked[1]:
            raise Refusal(409, "unlocked", "the data zone is not locked")
        if slot not in self.data:
            raise Refusal(409, "slot", f"slot {slot} can't be read")
        return {"data": b64(self.data[slot])}

    def ATCA_KeyInfo(self, slot):
        private, generate, sign = self.rules(slot)
        return {
            "slot": slot, "private": private, "valid": slot in self.keys, "can_generate": generate,
            "can_sign": sign, "in_use": self.use_of(slot), "kept": self.kept.get(slot),
            "limited_use": bool(self.config[20 + 2 * slot] & 0x20),
        }  # fmt: skip

    def use_of(self, slot):
        if self.active and self.records[self.active]["slot"] == slot:
            return "active"
        if slot not in self.keys:
            return None
        if slot in self.kept:
            return "previous"
        return "idle" if self.known.get(slot) else "unknown"

    def point(self, slot):
        return self.keys[slot].public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]

    # Identity

    @property
    def idle(self):
        return "b" if self.active == "a" else "a"

    def free_slot(self):
        return 1 if self.active and self.records[self.active]["slot"] == 0 else 0

    def Identity_Status(self):
        shown = ("state", "slot", "name", "client_id", "endpoint", "port", "subject", "issuer", "not_before",
                 "not_after", "serial", "sha256")  # fmt: skip
        identities = {n: {k: r[k] for k in shown if k in r} for n, r in self.records.items()}
        idle = self.records[self.idle]
        identities[self.idle]["slot"] = self.free_slot()
        if idle["state"] in ("pending", "staged", "tried"):
            identities[self.idle]["begun"] = {"by": "usb", "ago": 7, "token": idle.get("token")}
        return {
            "active": self.active,
            "idle": self.idle,
            "identities": identities,
            "other_chip": self.other_chip,
            "not_adopted": self.not_adopted,
            "claim": self.claim and {"under_way": True, "attempts": 1, "last_error": self.claim_error},
        }

    def Identity_Begin(self, subject, san=(), key_usage=(), key="new", slot=None, serial=None):
        if not self.locked[0]:
            raise Refusal(409, "unlocked", "the config zone is not locked")
        slot = self.free_slot() if slot is None else slot
        make = key != "existing" and self.rules(slot)[1]
        if make:
            self.check_use(slot, key, serial)
            self.keys[slot] = ec.generate_private_key(ec.SECP256R1())
            self.known[slot] = True
        elif slot not in self.keys:
            raise Refusal(409, "slot", f"slot {slot} holds no key")
        self.begun += 1
        self.records[self.idle] = {"state": "pending", "slot": slot, "token": f"token {self.begun}"}
        pubkey = self.point(slot)
        csr = self.request_for(slot, subject, san)
        return {
            "identity": self.idle,
            "slot": slot,
            "generated": make,
            "pubkey": b64(pubkey),
            "csr": b64(csr),
            "token": self.records[self.idle]["token"],
        }

    def check_token(self, token):
        if token != self.records[self.idle].get("token"):
            raise Refusal(409, "state", "this token is not the one that Begin gave")

    def check_use(self, slot, key, serial):
        use = self.use_of(slot)
        if use == "active" or (use == "unknown" and key != "overwrite"):
            raise Refusal(409, "key-in-use", "the key belongs to somebody")
        if use == "unknown" and serial != self.serial:
            raise Refusal(403, "refused", "give the serial number")

    def Identity_Request(self, slot, subject, san=(), key_usage=()):
        if slot not in self.keys or not self.rules(slot)[2]:
            raise Refusal(409, "slot", f"slot {slot} holds no key that may sign")
        return {
            "slot": slot,
            "pubkey": b64(self.point(slot)),
            "csr": b64(self.request_for(slot, subject, san, key_usage)),
        }

    def request_for(self, slot, subject, san, key_usage=()):
        name = x509.Name(
            [
                x509.RelativeDistinguishedName(
                    [x509.NameAttribute(x509.ObjectIdentifier(OIDS.get(t, t)), v) for t, v in rdn]
                )
                for rdn in subject
            ]
        )
        builder = x509.CertificateSigningRequestBuilder().subject_name(name)
        if san:
            names = [x509.DNSName(text.removeprefix("DNS:")) for text in san]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        if key_usage:
            assert list(key_usage) == ["digitalSignature"], "no other is needed here"
            usage = x509.KeyUsage(True, *[False] * 8)
            builder = builder.add_extension(usage, critical=True)
        return builder.sign(self.keys[slot], hashes.SHA256()).public_bytes(Encoding.DER)

    def Identity_Stage(self, token, certificate, ca, name, client_id, endpoint, port, chain=(), **login):
        record = self.records[self.idle]
        if record["state"] == "empty":
            raise Refusal(409, "state", "nothing is pending")
        self.check_token(token)
        parsed = x509.load_der_x509_certificate(base64.b64decode(certificate))
        point = parsed.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]
        if point != self.point(record["slot"]):
            raise Refusal(422, "certificate", "the certificate is for another key")
        digest = parsed.fingerprint(hashes.SHA256()).hex()
        record |= {
            "state": "staged", "certificate": certificate, "ca": ca, "chain": list(chain), "name": name,
            "client_id": client_id, "endpoint": endpoint, "port": port, "sha256": digest, "serial": "01",
            "subject": parsed.subject.rfc4514_string(), "issuer": parsed.issuer.rfc4514_string(),
            "not_before": int(parsed.not_valid_before_utc.timestamp()),
            "not_after": int(parsed.not_valid_after_utc.timestamp()),
        }  # fmt: skip
        return {"identity": self.idle, "sha256": digest}

    def Identity_Try(self, token, timeout=30):
        record = self.records[self.idle]
        if record["state"] not in ("staged", "tried"):
            raise Refusal(409, "state", "nothing is staged")
        self.check_token(token)
        if not record["not_before"] <= self.clock <= record["not_after"]:
            raise Refusal(503, "tls", "the certificate is not valid at the board's time")
        record["state"] = "tried"
        tls = {"version": "TLSv1.2", "cipher": "ECDHE-ECDSA-AES128-GCM-SHA256"}
        return {k: record[k] for k in ("endpoint", "port", "client_id")} | {"tls": tls, "ms": 42}

    def Identity_Commit(self, token=None, untried=False):
        name, previous = self.idle, self.active
        if self.records[name]["state"] != "tried":
            raise Refusal(409, "state", "nothing was tried")
        self.check_token(token)
        self.records[name]["state"] = "active"
        if previous:
            self.records[previous]["state"] = "previous"
        self.active = name
        return {"active": name, "previous": previous}

    def Identity_Discard(self, token=None):
        name = self.idle
        if self.records[name]["state"] in ("empty", "previous"):
            raise Refusal(409, "state", "nothing to discard")
        if token is not None:
            self.check_token(token)
        self.records[name] = {"state": "empty", "slot": self.records[name]["slot"]}
        return {"identity": name}

    def Identity_Claim(self, template=None, **claim):
        self.claim = claim | {"until": claim.get("until")} if template else None
        if template and not self.claim_error:
            self.identity("claimed")

    def Identity_Get(self, identity):
        return {k: self.records[identity][k] for k in ("certificate", "chain", "ca")}

    # MQTT

    def MQTT_Status(self):
        record = self.records[self.active] if self.active else {}
        up = self.mqtt == "connected"
        return {
            "state": self.mqtt, "identity": self.active, "endpoint": record.get("endpoint"),
            "port": record.get("port"), "client_id": record.get("client_id"),
            "since": self.clock if up else None,
            "tls": {"version": "TLSv1.2", "cipher": "ECDHE-ECDSA-AES128-GCM-SHA256"} if up else None,
            "attempts": 1, "last_error": None, "subscriptions": self.subscriptions,
        }  # fmt: skip

    def MQTT_Connect(self, timeout=30):
        if not self.active:
            raise Refusal(409, "state", "no identity is active")
        self.mqtt = "connected"
        return self.MQTT_Status()

    def MQTT_Disconnect(self):
        self.mqtt = "off"
        return self.MQTT_Status()

    def MQTT_Publish(self, topic, message, qos=1, retain=False, timeout=30):
        if self.mqtt != "connected":
            raise Refusal(409, "state", "MQTT is not connected")
        if topic in self.subscriptions:
            self.inbox.append({"topic": topic, "message": message})
        return {"topic": topic, "qos": qos}

    def MQTT_Subscribe(self, topic, qos=1, timeout=30):
        self.subscriptions.append(topic)
        return {"topic": topic, "qos": qos}

    def MQTT_Receive(self, timeout=10, topic=None):
        for n, message in enumerate(self.inbox):
            if topic in (None, message["topic"]):
                return self.inbox.pop(n)
        return None

    # For tests

    def identity(self, name="old", days=365):
        """As if provisioned earlier: identity a is active, its key in slot 0."""
        now = int(time.time())
        self.keys[0] = ec.generate_private_key(ec.SECP256R1())
        self.known[0] = True
        self.active = "a"
        self.records["a"] = {
            "state": "active", "slot": 0, "name": name, "client_id": name, "endpoint": "old.example",
            "port": 8883, "subject": f"CN={name}", "issuer": "CN=CA",
            "not_before": now, "not_after": now + days * 86400,
            "serial": "01", "sha256": "00" * 32, "certificate": "", "chain": [], "ca": [],
        }  # fmt: skip
