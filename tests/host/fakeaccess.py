"""The board in memory with callers: who may do what, settings, files and Wi-Fi, as in firmware/rpc/README.md.

`caller` is "owner" (USB) or "operator"; the channel in front of it sets that.
"""

import base64
import copy
import hashlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from fakedevice import FakeDevice, Refusal, b64

USB_ONLY = ("Access.Trust", "Access.Bench", "Access.WebSocket")
BENCH = ("ATCA.SetConfig", "ATCA.LockZone", "ATCA.LockSlot", "ATCA.SetKey")
SETTINGS = {
    "device": {"id": ""},
    "wifi": {"sta": {"enable": False, "ssid": "", "pass": ""}},
    "rpc": {"wss": {"enable": True, "port": 443}},
}
HIDDEN = "********"


class NetworkedDevice(FakeDevice):
    """A board that knows who calls."""

    def __init__(self, **locks):
        super().__init__(**locks)
        self.caller = "owner"
        self.withdraws = False  # whether the operator who calls has been given that right
        self.trusted = {}
        self.bench = {"on": False, "left": None, "kept": False}
        self.ws = {"enabled": False, "port": 80, "listening": False, "username": None, "why": None}
        self.ha1 = None
        self.settings = copy.deepcopy(SETTINGS)
        self.saved = copy.deepcopy(SETTINGS)
        self.files = {}
        self.networks = [
            {"ssid": "home", "bssid": "00:01", "channel": 6, "rssi": -50, "auth": "WPA2"},
            {"ssid": "guests", "bssid": "00:02", "channel": 1, "rssi": -70, "auth": "open"},
        ]
        self.passwords = {"home": "a secret of home", "guests": None}
        self.joined = None
        self.reboots = 0

    def handle(self, method, params):
        if self.caller != "owner":
            if method in USB_ONLY:
                raise Refusal(403, "refused", f"{method} works over USB only")
            if method in BENCH and not self.bench["on"]:
                raise Refusal(403, "refused", f"{method} needs the bench permission")
        return super().handle(method, params)

    # Access

    def Access_Status(self):
        idle = self.active is None or not self.trusted
        why = "no identity is active, or no CA is trusted" if idle else None
        wss = {"enabled": True, "port": 443, "listening": not idle, "why": why}
        return {"bench": self.bench, "operators": list(self.trusted.values()), "wss": wss, "ws": self.ws}

    def Access_Trust(self, ca, withdraw=None):
        der = base64.b64decode(ca)
        certificate = x509.load_der_x509_certificate(der)
        digest = hashlib.sha256(der).hexdigest()
        before = self.trusted.get(digest, {}).get("withdraw", False)
        self.trusted[digest] = {
            "subject": certificate.subject.rfc4514_string(),
            "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
            "not_after": int(certificate.not_valid_after_utc.timestamp()),
            "withdraw": before if withdraw is None else withdraw,
        }
        return self.trusted[digest]

    def Access_Forget(self, sha256):
        if self.caller != "owner" and not self.withdraws:
            raise Refusal(403, "refused", "from afar an operator with the right may do this")
        if sha256 not in self.trusted:
            raise Refusal(400, "argument", "no CA with this fingerprint is trusted")
        del self.trusted[sha256]

    def Access_Bench(self, on, seconds=3600, keep=False):
        self.bench = {"on": on, "left": seconds if on and not keep else None, "kept": on and keep}
        return self.Access_Status()

    def Access_WebSocket(self, enable, port=80, username=None, ha1=None):
        self.ha1 = ha1
        self.ws = {
            "enabled": enable, "port": port, "listening": enable, "username": username, "why": None,
        }  # fmt: skip
        return self.Access_Status()

    # Config

    def Config_Get(self, key=None):
        found = copy.deepcopy(self.settings)
        if found["wifi"]["sta"]["pass"]:
            found["wifi"]["sta"]["pass"] = HIDDEN
        for part in key.split(".") if key else ():
            if not isinstance(found, dict) or part not in found:
                raise Refusal(400, "argument", f"there is no setting {key}")
            found = found[part]
        return found

    def Config_Set(self, config, save=False, reboot=False, try_once=False):
        self.settings = merged(self.settings, config)
        if save:
            self.saved = copy.deepcopy(self.settings)
        self.reboots += reboot and save
        return {"saved": save}

    def Config_Save(self, reboot=False, try_once=False):
        self.saved = copy.deepcopy(self.settings)
        self.reboots += reboot
        return {"saved": True}

    # FS

    def FS_ListExt(self, path="/"):
        return [{"name": name, "size": len(data)} for name, data in sorted(self.files.items())]

    def FS_Get(self, filename, offset=0, len=512):
        if filename not in self.files:
            raise Refusal(404, "file", f"there is no file {filename}")
        data = self.files[filename]
        piece = data[offset : offset + len]
        return {"data": b64(piece), "left": data[offset + len :].__len__()}

    def FS_Put(self, filename, data="", append=False, offset=None):
        before = self.files.get(filename, b"") if append else b""
        self.files[filename] = before + base64.b64decode(data)

    def FS_Remove(self, filename):
        if self.files.pop(filename, None) is None:
            raise Refusal(404, "file", f"there is no file {filename}")

    # Wifi, Sys

    def Wifi_Status(self):
        state = "connected" if self.joined else "off"
        ip = "192.0.2.7" if self.joined else None
        return {
            "enabled": bool(self.joined), "state": state, "ssid": self.joined, "ip": ip, "gateway": None,
            "dns": None, "rssi": -50 if self.joined else None, "last_error": None,
        }  # fmt: skip

    def Wifi_Scan(self):
        return self.networks

    def Wifi_Setup(self, ssid, save=True, timeout=20, **password):
        if password.get("pass") != self.passwords.get(ssid):
            raise Refusal(503, "network", f"{ssid} does not accept the password")
        self.joined = ssid
        return self.Wifi_Status()

    def Sys_Reboot(self, delay_ms=500):
        self.reboots += 1


def merged(old, new):
    """All of it or nothing, each of the type it has."""
    result = dict(old)
    for key, value in new.items():
        if key not in old or type(value) is not type(old[key]):
            raise Refusal(400, "argument", f"{key} is unknown, or of another type")
        result[key] = merged(old[key], value) if isinstance(value, dict) else value
    return result


def named(name):
    """A board whose identity has that name."""
    device = NetworkedDevice()
    device.identity(name)
    return device
