"""Wi-Fi: joins a network, stays in it, and says in words why it can't.

Over MicroPython's network.WLAN with the numbers of the esp32 port (ESP-IDF's wifi_err_reason_t). One thread keeps the
station in its network; whoever uses the radio holds its lock, for a scan while joining finds nothing.
"""

import _thread
import select

import threads
import uptime

from .errors import LinkError

try:
    import network
except ImportError:
    network = None

_TICK_MS = 50
_WATCH_MS = 500
_JOIN_S = 20
_SCAN_WAIT_MS = 10000
_BACKOFF_S = (1, 2, 4, 8, 16, 30)
# A disconnect is reported late, and how late nobody says.
_LEAVE_MS = 1000
# The radio tries twice before it says why not: a good password is sometimes refused once.
_RECONNECTS = 1

# Idle, connecting, connected; and the report of the disconnect before.
_UNDER_WAY = (1000, 1001, 1010, 8)
_NOT_FOUND = (201,)
_OTHER_SECURITY = (210, 211)
_PASSWORD = (202, 204, 15, 2)
_LOST = (200,)

_SECURITY = ("open", "WEP", "WPA", "WPA2", "WPA/WPA2", "WPA2-Enterprise", "WPA3", "WPA2/WPA3", "WAPI", "OWE")

# As in link.py: select's clock is the network's.
_pause = select.poll()


def _explain(ssid, status):
    """Why the radio has given up on `ssid`."""
    if status in _NOT_FOUND:
        why = "no network %s is in reach (an ESP32 sees 2.4 GHz only)" % ssid
    elif status in _OTHER_SECURITY:
        why = "%s wants another kind of security: is the password missing, or one too many?" % ssid
    elif status in _PASSWORD:
        why = "%s does not accept the password (Wi-Fi reason %d)" % (ssid, status)
    elif status in _LOST:
        why = "the signal of %s was lost" % ssid
    else:
        why = (
            "%s refuses this device (Wi-Fi reason %s): is it full, or does it let in known addresses only?"
            % (
                ssid,
                status,
            )
        )
    return LinkError("network", why)


class Radio:
    """`wlan`, one operation at a time: hold `lock`."""

    def __init__(self, wlan):
        self._wlan = wlan
        self.lock = _thread.allocate_lock()

    @property
    def connected(self):
        return self._wlan.isconnected()

    def join(self, ssid, password, timeout, abandoned):
        """Leave where it is and join `ssid`, in `timeout` seconds; LinkError. `abandoned()` true gives up."""
        try:
            self._wlan.active(True)
            self.leave()
            self._wlan.config(reconnects=_RECONNECTS)
            self._wlan.connect(ssid, password or None)
        except (OSError, ValueError) as e:
            raise LinkError("network", "the Wi-Fi radio refuses to join %s: %s" % (ssid, e))
        try:
            self._wait(ssid, timeout, abandoned)
        except BaseException:
            self.leave()
            raise

    def _wait(self, ssid, timeout, abandoned):
        deadline = uptime.ms() + int(timeout * 1000)
        while not self._wlan.isconnected():
            status = self._wlan.status()
            if status not in _UNDER_WAY:
                raise _explain(ssid, status)
            if uptime.ms() >= deadline:
                raise LinkError(
                    "timeout",
                    "%s did not let this device in within %d s: it is far away, or gives out no addresses (DHCP)"
                    % (ssid, timeout),
                )
            if abandoned():
                raise LinkError("state", "joining %s was given up for something else" % ssid)
            _pause.poll(_TICK_MS)

    def leave(self):
        """Out of any network, and quiet."""
        try:
            self._wlan.disconnect()
        except OSError:
            return  # it was not even started
        waited = 0
        while self._wlan.isconnected() and waited < _LEAVE_MS:
            _pause.poll(_TICK_MS)
            waited += _TICK_MS

    def scan(self):
        """What is in the air: a list of dicts, the strongest first; `ssid` is bytes."""
        try:
            self._wlan.active(True)
            found = self._wlan.scan()
        except OSError as e:
            raise LinkError("network", "the Wi-Fi radio can't scan: %s" % e)
        out = []
        for ssid, bssid, channel, rssi, security, _ in found:
            auth = _SECURITY[security] if 0 <= security < len(_SECURITY) else "type %d" % security
            address = ":".join("%02x" % byte for byte in bssid)
            out.append({"ssid": ssid, "bssid": address, "channel": channel, "rssi": rssi, "auth": auth})
        return sorted(out, key=lambda seen: -seen["rssi"])

    def addresses(self):
        """{ip, gateway, dns, rssi} of a connected station."""
        ip, _, gateway, dns = self._wlan.ifconfig()
        try:
            rssi = self._wlan.status("rssi")
        except (OSError, ValueError):
            rssi = None  # it was lost just now
        return {"ip": ip, "gateway": gateway, "dns": dns, "rssi": rssi}


class _Keeper:
    """What one thread does to stay in one network, and what is known of it."""

    def __init__(self, radio, ssid, password):
        self._radio = radio
        self.ssid = ssid
        self._password = password
        self.stopping = False
        self.state = "connecting"
        self.last_error = None

    def again(self):
        return _Keeper(self._radio, self.ssid, self._password)

    def attempt(self, timeout):
        with self._radio.lock:
            if not self.stopping:
                self._radio.join(self.ssid, self._password, timeout, lambda: self.stopping)
                self.state = "connected"

    def main(self):
        failures = 0
        while not self.stopping:
            try:
                if self.state != "connected":
                    self.state = "connecting"
                    self.attempt(_JOIN_S)
                failures = 0
                self._watch()
            except Exception as e:
                self.last_error = e
                self.state = "failed"
                self._sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)] * 1000)
                failures += 1

    def _watch(self):
        while not self.stopping and self._radio.connected:
            self._sleep(_WATCH_MS)
        if not self.stopping:
            self.state = "connecting"
            self.last_error = LinkError("network", "the connection to %s was lost" % self.ssid)

    def _sleep(self, ms):
        for _ in range(0, ms, _TICK_MS):
            if self.stopping:
                return
            _pause.poll(_TICK_MS)


class Station:
    """The device as a guest of a Wi-Fi network; LinkError(network) on a board without Wi-Fi."""

    def __init__(self):
        self._opened = None
        self._keeper = None
        self._changing = _thread.allocate_lock()
        self._scanning = _thread.allocate_lock()

    def _radio(self):
        """The radio; only when it is needed, for it takes memory on an ESP32."""
        if self._opened is None:
            if not hasattr(network, "WLAN"):
                raise LinkError("network", "this board has no Wi-Fi")
            self._opened = Radio(network.WLAN(network.STA_IF))
        return self._opened

    def start(self, ssid, password):
        """Join `ssid` and stay in it. Returns at once; `status` tells what became of it."""
        self._begin(_Keeper(self._radio(), ssid, password))

    def _begin(self, keeper):
        self._stop()
        self._keeper = keeper
        threads.start(threads.LOOP, keeper.main)

    def _stop(self):
        """Let go of the network that it is kept in; the keeper (or None) that did it."""
        keeper = self._keeper
        if keeper:
            keeper.stopping = True
        return keeper

    def change(self, ssid, password, timeout):
        """Join `ssid` now and stay in it; LinkError says why not, and the network of before is joined again."""
        radio = self._radio()
        if not self._changing.acquire(0):
            raise LinkError("busy", "the network is being changed for somebody else: wait for that")
        try:
            old = self._stop()
            self._keeper = _Keeper(radio, ssid, password)
            try:
                self._keeper.attempt(timeout)
            except BaseException:  # Ctrl-C as well
                self._keeper = None
                if old:
                    self._go_back(old.again())
                raise
            threads.start(threads.LOOP, self._keeper.main)
        finally:
            self._changing.release()

    def _go_back(self, keeper):
        """Start `keeper`, and wait until its first attempt is over: the caller may have come through that network."""
        self._begin(keeper)
        while keeper.state == "connecting":
            _pause.poll(_TICK_MS)

    def scan(self):
        """See Radio.scan; LinkError(busy) if it scans already, or goes on joining a network for too long."""
        radio = self._radio()
        if not self._scanning.acquire(0):
            raise LinkError("busy", "the radio scans for somebody else: try again in a while")
        try:
            return self._scan(radio)
        finally:
            self._scanning.release()

    @staticmethod
    def _scan(radio):
        waited = 0
        while not radio.lock.acquire(0):
            if waited >= _SCAN_WAIT_MS:
                raise LinkError("busy", "the radio is busy joining a network: try again in a while")
            _pause.poll(_TICK_MS)
            waited += _TICK_MS
        try:
            return radio.scan()
        finally:
            radio.lock.release()

    def status(self):
        """{state, ssid, ip, gateway, dns, rssi, last_error (an exception or None)}."""
        keeper = self._keeper
        out = {"state": "off", "ssid": None, "last_error": None}
        if keeper:
            for name in out:
                out[name] = getattr(keeper, name)
        for name in ("ip", "gateway", "dns", "rssi"):
            out[name] = None
        if out["state"] == "connected":
            out.update(self._opened.addresses())
        return out
