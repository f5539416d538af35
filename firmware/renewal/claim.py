"""A claim: a certificate and a key that let a device ask for a certificate of its own (AWS's fleet provisioning).

It is kept until the device has one, in a file that no RPC shows: after a power cut, or without a network, the device
goes on by itself. A shared claim's key is no chip's, and whoever reads the flash has it.
"""

import os

import threads
from identity.record import Record
from identity.terms import OWNER
from job import complete
from link import clock
from link.link import Link

from .obtain import obtain

_PATH = "/claim"
_CLIENT = "claim-%s"
_TICK_MS = 100
_PAUSES_S = (2, 5, 10, 20, 40, 60, 300)
_PART = 256


class _Nobody:
    """Whom a link by a claim serves."""

    on = False
    topics = staticmethod(lambda name: [])
    take = staticmethod(lambda topic, message: True)


def keep(claim):
    """claim: template, parameters, endpoint, port, certificate, chain, cas, key (all base64; or the `slot` where the
    chip has it), until (Unix or None), era (Store.switch: with another identity than there was then it is of no use).
    """
    Record(_PATH).save(claim)


def kept():
    """The claim, or None."""
    return Record(_PATH).load()


def forget():
    """Overwrite it, and take it away. What a file system with copies of its own (littlefs) leaves in the flash stays
    until it is used again."""
    for side in (".0", ".1"):
        try:
            left = os.stat(_PATH + side)[6]
            with open(_PATH + side, "r+b") as f:
                while left > 0:
                    left -= f.write(bytes(min(left, _PART)))
            os.remove(_PATH + side)
        except OSError:
            pass  # it is not there


def use(device):
    """Have the claim that is kept used, in a thread, again and again until it has succeeded; nothing if there is none,
    or it is being used. device: the module of that name."""
    if kept() and not (device.claims and device.claims[0].under_way):
        device.claims[:] = [Claim(device)]
        threads.start(threads.REQUEST, device.claims[0].main)


class Claim:
    """The use of the claim that is kept. error: the exception with which the last attempt has ended, or None."""

    def __init__(self, device):
        self._device = device
        self.under_way = True
        self.attempts = 0
        self.error = None

    def main(self):
        try:
            while not self._done():
                pause = _PAUSES_S[min(self.attempts, len(_PAUSES_S)) - 1]
                self._wait(pause, kept())
        finally:
            self.under_way = False

    def _wait(self, seconds, claim):
        """Until it is time, or there is another claim, or none."""
        for tick in range(seconds * 1000 // _TICK_MS):
            threads.pause(_TICK_MS)
            if tick % 10 == 0 and kept() != claim:
                return

    def _done(self):
        """Whether there is nothing more to do."""
        claim = kept()
        if claim is None:
            return True
        self.attempts += 1
        try:
            if not self._is_served(claim):
                complete(self._ask(claim))
            self.error = None
        except Exception as e:
            self.error = e
        if self._is_served(claim):
            self.error = None  # whatever came after that
        elif self.error and not _is_over(claim):
            return False
        forget()
        return True

    def _is_served(self, claim):
        return self._device.store.switch != claim["era"]

    def _ask(self, claim):
        device = self._device
        serial = device.chip.serial().hex()
        record = claim | {"name": _CLIENT % serial, "client_id": _CLIENT % serial, "chip": serial}
        where = {"endpoint": claim["endpoint"], "port": claim["port"]}
        order = {
            "template": claim["template"],
            "parameters": claim["parameters"] | {"SerialNumber": serial},
            "where": where,
            "cas": claim["cas"],
        }
        was_on = device.link.state != "off"
        device.link.stop()  # one handshake at a time is what there is memory for
        link = Link(device.chip, lambda: record, _Nobody)
        link.start()
        try:
            yield from obtain(device, link, order, OWNER, begin=self._key())
        finally:
            link.stop()
            if was_on or device.settings.get("mqtt.enable"):
                _start(device)

    def _key(self):
        """The key of an attempt before, if there was one: AWS's hook lets it have the same thing again."""
        store, chip = self._device.store, self._device.chip
        with chip:
            zone = chip.require_locked()
            slot = store.free_slot(zone)
            made = store.keys.use_of(slot, zone) == "idle"
        return {"slot": slot, "key": "existing" if made else "new"}


def _is_over(claim):
    return claim["until"] is not None and clock.is_sure() and clock.now() > claim["until"]


def _start(device):
    if device.store.active and device.link.state == "off":
        device.link.start()
