"""Wi-Fi as on an ESP32 (MicroPython's ports/esp32/network_wlan.c), in an air that is made outside: see README.md.

It is no kinder than the real one: joining takes its time, and a radio left to itself tries for ever and never says what
is wrong; a disconnect is reported late; a scan while joining finds nothing, without a word; names may be any bytes.
"""

import _air
import _thread
import json
import time

import machine

STA_IF = 0
AP_IF = 1

STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_BEACON_TIMEOUT = 200
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_ASSOC_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204
_LEFT = 8  # WIFI_REASON_ASSOC_LEAVE

AUTH_OPEN = 0
AUTH_WPA2_PSK = 3

_FOREVER = -1
_LATE_MS = 20


def _load():
    """The networks and timings, as they are now."""
    text = _air.text()
    return json.loads(text) if text else {}


def _ssid(network):
    return bytes.fromhex(network["ssid_hex"]) if "ssid_hex" in network else network["ssid"].encode()


class _Radio:
    """The state machine, driven by whoever looks at it."""

    def __init__(self):
        self._lock = _thread.allocate_lock()
        self.active = False
        self._wanted = None  # (ssid, key) while a connection is requested
        self._state = "idle"
        self._reason = 0
        self._since = 0
        self._tries = 0
        self._late = None  # when a disconnect will be reported; until then everything looks as before
        self._was_connected = False
        self.reconnects = _FOREVER
        self.network = None

    # What the air does meanwhile.

    def look(self):
        with self._lock:
            air = _load()
            self._report_late()
            elapsed = time.ticks_diff(time.ticks_ms(), self._since)
            if self._state == "joining" and elapsed >= self._takes(air):
                self._outcome(self._find(air))
            elif self._state == "connected":
                self._watch(self._find(air), elapsed)
            return self._status()

    def _report_late(self):
        """The event of a disconnect that was asked for; it counts as a failure of what was begun meanwhile."""
        if self._late is not None and time.ticks_diff(time.ticks_ms(), self._late) >= 0:
            self._late = None
            self._reason = _LEFT
            self._tries += 1

    def _find(self, air):
        """The strongest network of the wanted name."""
        found = [n for n in air.get("networks", ()) if _ssid(n) == self._wanted[0]]
        return max(found, key=lambda n: n.get("rssi", -60)) if found else None

    def _takes(self, air):
        network = self._find(air)
        usual = air.get("join_ms", 1500)
        return network.get("join_ms", usual) if network else usual

    def _outcome(self, network):
        if network is None:
            self._lost(STAT_NO_AP_FOUND)
        elif network.get("key", "").encode() != self._wanted[1]:
            self._lost(network.get("wrong_key", STAT_WRONG_PASSWORD))
        elif "refuses" in network:
            self._lost(network["refuses"])
        elif network.get("dhcp", True):
            self._enter("connected")
            self._reason = 0
            self.network = network

    def _watch(self, network, elapsed):
        gone = network is None or network.get("key", "").encode() != self._wanted[1]
        if gone or ("drop_ms" in network and elapsed >= network["drop_ms"]):
            self._lost(STAT_BEACON_TIMEOUT)

    def _lost(self, reason):
        """The disconnect event; on its own the radio tries again, as often as it was told to."""
        self._reason = reason
        self._tries += 1
        self.network = None
        self._enter("joining" if self._going_on() else "idle")

    def _going_on(self):
        return self.reconnects == _FOREVER or self._tries <= self.reconnects

    def _enter(self, state):
        self._state = state
        self._since = time.ticks_ms()

    def _status(self):
        if self._state == "connected" or (self._late is not None and self._was_connected):
            return STAT_GOT_IP
        if self._wanted and self._going_on():
            return STAT_CONNECTING
        return self._reason or STAT_IDLE

    # What the firmware asks for.

    def connect(self, ssid, key):
        if not self.active:
            raise OSError("Wifi Not Started")
        if self._state == "joining":
            raise OSError("Wifi Internal State Error")
        if self._state == "connected":
            raise OSError("Wifi Internal Error")
        if 0 < len(key) < 8 or len(key) > 64:
            raise OSError("Wifi Invalid Password")
        with self._lock:
            self._wanted = (ssid[:32], key)
            self._tries = 0
            self._enter("joining")

    def disconnect(self):
        if not self.active:
            raise OSError("Wifi Not Started")
        with self._lock:
            self._wanted = None
            if self._state != "idle":
                self._late = time.ticks_add(time.ticks_ms(), _LATE_MS)
                self._was_connected = self._state == "connected"
            self._enter("idle")
            self.network = None

    def switch(self, on):
        with self._lock:
            if on != self.active:
                self._wanted = None
                self._late = None
                self._reason = 0
                self.network = None
                self._enter("idle")
            self.active = on

    @property
    def joining(self):
        return self._state == "joining"


_radio = _Radio()


class WLAN:
    """The station interface; there is no access point here."""

    IF_STA = STA_IF

    def __init__(self, interface=STA_IF):
        if interface != STA_IF:
            raise ValueError("invalid WLAN interface identifier")

    def active(self, on=None):
        if on is not None:
            _radio.switch(bool(on))
        return _radio.active

    def connect(self, ssid, key=None, *, bssid=None):
        _radio.look()
        ssid = ssid.encode() if isinstance(ssid, str) else ssid
        key = key.encode() if isinstance(key, str) else key
        _radio.connect(ssid, key or b"")

    def disconnect(self):
        _radio.look()
        _radio.disconnect()

    def isconnected(self):
        return _radio.look() == STAT_GOT_IP

    def status(self, what=None):
        status = _radio.look()
        if what is None:
            return status
        if what != "rssi":
            raise ValueError("unknown status param")
        network = _radio.network
        if network is None:
            raise OSError("Wifi Unknown Error 0x300f")  # ESP_ERR_WIFI_NOT_CONNECT
        return network.get("rssi", -60)

    def ifconfig(self):
        _radio.look()
        network = _radio.network
        if network is None:
            return ("0.0.0.0",) * 4  # noqa: S104 (nothing is bound)
        ip = network.get("ip", "192.168.4.2")
        gateway = ip[: ip.rfind(".")] + ".1"
        return ip, "255.255.255.0", gateway, gateway

    def config(self, what=None, **changes):
        if "reconnects" in changes:
            _radio.reconnects = changes.pop("reconnects")
        if changes:
            raise ValueError("unknown config param")
        if what == "reconnects":
            return _radio.reconnects
        if what == "mac":
            return machine.unique_id()
        if what is not None:
            raise ValueError("unknown config param")
        return None

    def scan(self):
        if not _radio.active:
            raise OSError("STA must be active")
        air = _load()
        time.sleep_ms(air.get("scan_ms", 1500))
        _radio.look()
        if _radio.joining:
            return []
        return [_seen(network) for network in _load().get("networks", ())]


def _seen(network):
    """A scan's tuple; as on an ESP32, a hidden network has no name, and isn't said to be hidden."""
    ssid = b"" if network.get("hidden") else _ssid(network)
    bssid = bytes.fromhex(network.get("bssid", "020000000001"))
    security = network.get("security", AUTH_WPA2_PSK if network.get("key") else AUTH_OPEN)
    return ssid, bssid, network.get("channel", 6), network.get("rssi", -60), security, False
