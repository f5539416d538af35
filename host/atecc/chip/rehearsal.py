"""The whole plan played on the simulated chip, before the real one is touched.

What is played is what comes after, too: a rehearsal of `config set` goes on to both locks, a key, a signed
request and a stored certificate, since a configuration is good only if all of that works.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

from atecc.chip import operations
from atecc.chip.config.check import device_key_slots
from atecc.chip.config.zone import ConfigZone
from atecc.chip.reading import read_config
from atecc.chip.simulator import Simulator, find_clone, state_of
from atecc.device import Device
from atecc.device.replies import Stored
from atecc.errors import AteccError, RefusedError
from atecc.steps import Steps, Watcher
from atecc.x509 import library
from atecc.x509.names import parse_subject
from atecc.x509.requests import check_csr, der

SUBJECT = parse_subject("CN=rehearsal")


class Rehearsal:
    """On a simulated board of `clone` (or of the clone that is found), told to `watcher`."""

    def __init__(self, clone: Path | str | None = None, watcher: Watcher | None = None) -> None:
        self._clone = find_clone(str(clone) if clone else None)
        self.steps = Steps(watcher)

    def of_config(self, present: ConfigZone, wanted: ConfigZone) -> None:
        """Write `wanted` to a chip that has `present`, and go all the way."""
        with self._play(state_of(present)) as device:
            self._write(device, wanted)
            self._from_lock(device, "config", None)

    def of_lock(self, present: ConfigZone, zone: str, slot: int | None, holding: set[int]) -> None:
        """Lock what a chip with this configuration, and keys in the slots `holding`, would have locked."""
        with self._play(state_of(present, holding)) as device:
            self._from_lock(device, zone, slot)

    def _play(self, state: str) -> _Play:
        return _Play(self._clone, state, self.steps)

    # What is played

    def _write(self, device: Device, wanted: ConfigZone) -> None:
        with self.steps.step("write", "writing the configuration") as step:
            plan = operations.plan_config(device, wanted)
            operations.write_config(device, plan)
            step.meaning = f"configuration written and read back: {len(plan.changes)} changes"

    def _from_lock(self, device: Device, zone: str, slot: int | None) -> None:
        if zone == "config":
            self._lock(device, "config", None, "config zone locked, with its CRC checked by the chip")
        if zone in ("config", "data"):
            self._lock(device, "data", None, "data zone locked")
        if zone == "slot":
            self._lock(device, "slot", slot, f"slot {slot} locked")
        config = read_config(device)
        if zone == "slot" and slot is not None and config.slots[slot].can_sign:
            self._identity(device, slot)
            return
        self._keys(device, config)
        self._identity(device, None)

    def _lock(self, device: Device, zone: str, slot: int | None, meaning: str) -> None:
        with self.steps.step(f"lock-{zone}", f"locking {zone if slot is None else f'slot {slot}'}") as step:
            plan = operations.plan_lock(device, zone, slot=slot)
            operations.lock(device, plan, plan.chip.serial, even_if_useless=True)
            step.meaning = meaning

    def _keys(self, device: Device, config: ConfigZone) -> None:
        """Every slot for a device key makes one; the first is left to the identity."""
        for number in device_key_slots(config)[1:]:
            if device.key_info(number).valid:
                continue
            with self.steps.step(f"key-{number}", f"making a key in slot {number}") as step:
                device.call("ATCA.GenKey", {"slot": number})
                step.meaning = f"slot {number} makes a key"

    def _identity(self, device: Device, slot: int | None) -> None:
        with self.steps.step("clock", "setting the clock") as step:
            device.set_time(int(time.time()))
            step.meaning = "the clock can be set"
        with self.steps.step("sign", "making a key and signing a request with it") as step:
            begun = device.begin(SUBJECT, key=self._which_key(device, slot), slot=slot)
            check_csr(begun.csr, begun.pubkey, SUBJECT)
            made = "makes a key" if begun.generated else "keeps its key"
            step.meaning = f"slot {begun.slot} {made}, and signs a certificate request with it: checked here"
        with self.steps.step("certificate", "storing a certificate") as step:
            certificate, ca = _issue(begun.csr)
            device.stage(Stored(certificate, [], [ca]), "rehearsal", "rehearsal", "broker.invalid", 8883)
            step.meaning = "a certificate for that key goes into the store, and is read back"

    @staticmethod
    def _which_key(device: Device, slot: int | None) -> str:
        """A key that is there already, as on the real chip, is used as it is."""
        if slot is None:
            status = device.identity_status()
            slot = status.identities[status.idle].slot
        return "existing" if slot is not None and device.key_info(slot).valid else "new"


class _Play:
    """A simulated board for one rehearsal; what goes wrong on it refuses the real thing."""

    def __init__(self, clone: Path, state: str, steps: Steps) -> None:
        self._simulator = Simulator(clone, state)
        self._steps = steps

    def __enter__(self) -> Device:
        with self._steps.step("board", "starting a simulated board with this chip's configuration") as step:
            self._simulator.__enter__()
            step.meaning = "rehearsal on a simulated chip with this configuration"
        try:
            self._device = self._simulator.device()
        except BaseException:
            self._simulator.__exit__()
            raise
        return self._device

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._device.close()
        self._simulator.__exit__()
        if isinstance(error, AteccError):
            raise RefusedError(
                f"The rehearsal on the simulated chip failed: {error.message}",
                "The chip itself was not touched. `atecc chip config check` explains the configuration.",
            ) from error


def _issue(request: bytes) -> tuple[bytes, bytes]:
    """A certificate for the request, and the CA that lived for it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    csr = library.request(request, "The simulated chip's request")
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "rehearsal CA")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)

    def sign(subject: x509.Name, public: ec.EllipticCurvePublicKey, is_ca: bool) -> bytes:
        builder = x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        builder = builder.not_valid_before(start).not_valid_after(start + dt.timedelta(days=2))
        constraints = x509.BasicConstraints(ca=is_ca, path_length=None)
        return der(builder.add_extension(constraints, critical=True).sign(key, hashes.SHA256()))

    public = csr.public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise RefusedError("The simulated chip's key is no EC key.")
    return sign(csr.subject, public, is_ca=False), sign(issuer, key.public_key(), is_ca=True)
