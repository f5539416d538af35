"""Wifi: the network that the device is in, and those it could be in."""

import threads
from job import Job
from rpc.described import describe
from rpc.errors import RpcError
from rpc.params import Method, empty_or, flag, readable, seconds, text


class Wifi:
    """The service for `station` (link.wifi.Station) and `settings` (Settings)."""

    def __init__(self, station, settings):
        self._station = station
        self._settings = settings

    def methods(self):
        password = {"pass": (empty_or(text(64, 8)), "")}  # a word of Python's own
        return {
            "Wifi.Status": Method(self.status),
            "Wifi.Scan": Method(self.scan),
            "Wifi.Setup": Method(
                self.setup, ssid=text(32), save=(flag, True), timeout=(seconds(120), 20), **password
            ),
        }

    def status(self):
        out = self._station.status()
        if out["last_error"]:
            out["last_error"] = describe(out["last_error"])
        out["enabled"] = self._settings.get("wifi.sta.enable")
        return out

    # What waits for the radio is a generator: job.py.

    def scan(self):
        job = Job(self._station.scan).start(threads.LOOP)
        yield job
        found = job.wait()
        for seen in found:
            seen["ssid"] = readable(seen["ssid"])
        return found

    def setup(self, ssid, save, timeout, **others):
        """Connect first, and save then: a typing error never costs the connection that there is."""
        password = others["pass"] or ""
        values = {"wifi.sta.enable": True, "wifi.sta.ssid": ssid, "wifi.sta.pass": password}
        try:
            self._settings.check(values)
        except ValueError as e:
            raise RpcError("argument", str(e))
        job = Job(lambda: self._station.change(ssid, password, timeout)).start(threads.LOOP)
        yield job
        job.wait()
        self._keep(values, save)
        return self.status()

    def _keep(self, values, save):
        if not save:
            self._settings.change(values)
            return
        try:
            self._settings.keep(values)
        except OSError as e:
            raise RpcError(
                "memory", "connected, but only until the next reset: the flash did not take it (%s)" % e
            )
