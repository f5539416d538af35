"""The whole job, without a user interface: a key in the chip, a certificate for it, tried on the real broker, then switched to.

Only the idle identity is touched until everything has been proven; nothing here writes a configuration or locks a zone.
Whatever fails is cleaned up behind, and the identity that was active stays so.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from atecc.chipconfig.check import device_key_slots
from atecc.chipops import normal_serial, read_config
from atecc.csr import check_certificate, check_csr, der, pem
from atecc.device import Device
from atecc.errors import (
    AteccError,
    CertificateError,
    ChannelError,
    ChipError,
    DeviceError,
    NetworkError,
    RefusedError,
)
from atecc.names import Rdns, to_text
from atecc.replies import Begun, ChipInfo, KeyInfo, MqttStatus, Stored, Tls, Tried
from atecc.steps import Steps, Watcher

if TYPE_CHECKING:
    from cryptography import x509

# No computer that is used today can have an older clock.
OLDEST_CLOCK = 1735689600
MOST_CAS, MOST_CHAIN, LARGEST_CERTIFICATE = 8, 4, 4096


@dataclass(frozen=True)
class Target:
    """Where the device will connect to, and as whom."""

    name: str
    client_id: str
    endpoint: str
    port: int
    ca: list[x509.Certificate]
    thing: str | None = None


@dataclass(frozen=True)
class Issued:
    """A certificate for the device, and what it sends along with it."""

    certificate: x509.Certificate
    chain: list[x509.Certificate] = field(default_factory=list)


class Authority(Protocol):
    """Who issues the certificate."""

    try_attempts: int

    def prepare(self, steps: Steps) -> Target:
        """Everything that can fail and needs no key yet."""

    def issue(self, request: x509.CertificateSigningRequest, steps: Steps) -> Issued:
        """The certificate, active on the other side."""

    def undo(self) -> list[str]:
        """Take back what `issue` did; sentences about what was done, or couldn't be."""


@dataclass(frozen=True)
class Wish:
    """What the user wants in the chip: `key` is "new", "existing" or "overwrite" (with the chip's serial number)."""

    subject: Rdns
    san: list[str] = field(default_factory=list)
    key: str = "new"
    slot: int | None = None
    serial: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What was really used, from where it arose."""

    chip: ChipInfo
    identity: str
    slot: int
    generated: bool
    csr_pem: str
    certificate_pem: str
    ca_pem: str
    target: Target
    tls: Tls
    mqtt: MqttStatus
    steps: Steps

    def as_dict(self) -> dict[str, Any]:
        return {
            "chip": {"serial": self.chip.serial, "revision": self.chip.revision},
            "identity": self.identity,
            "slot": self.slot,
            "generated": self.generated,
            "name": self.target.name,
            "thing": self.target.thing,
            "client_id": self.target.client_id,
            "endpoint": self.target.endpoint,
            "port": self.target.port,
            "tls": asdict(self.tls),
            "mqtt": self.mqtt.state,
            "csr_pem": self.csr_pem,
            "certificate_pem": self.certificate_pem,
            "ca_pem": self.ca_pem,
            "warnings": self.steps.warnings,
            "steps": [asdict(step) for step in self.steps.done],
        }


class Provisioning:
    """One run for one board."""

    retry_pause = 2.0

    def __init__(
        self, device: Device, authority: Authority, wish: Wish, watcher: Watcher | None = None
    ) -> None:
        self._device = device
        self._authority = authority
        self._wish = wish
        self.steps = Steps(watcher)
        self._previous = "No identity was active, and none is now."

    def run(self) -> Outcome:
        chip = self._preflight()
        target = self._authority.prepare(self.steps)
        _check_sizes(target.ca, [])
        self._set_clock()
        try:
            begun, request, issued, tried = self._until_tried(target)
        except BaseException as error:
            self._clean_up(error)
            raise
        self._commit(begun)
        status = self._connect(begun)
        return Outcome(
            chip=chip,
            identity=begun.identity,
            slot=begun.slot,
            generated=begun.generated,
            csr_pem=pem(request),
            certificate_pem=pem(issued.certificate),
            ca_pem="".join(pem(one) for one in target.ca),
            target=target,
            tls=status.tls or tried.tls,
            mqtt=status,
            steps=self.steps,
        )

    # Before the chip makes a key

    def _preflight(self) -> ChipInfo:
        if time.time() < OLDEST_CLOCK:
            raise CertificateError(
                f"This computer's clock says {time.strftime('%Y-%m-%d', time.gmtime())}: certificates can't be judged by it.",
                "Set the computer's clock: the board is going to take it over.",
            )
        with self.steps.step("board", "asking the board") as step:
            board = self._device.info()
            chip = self._device.chip_info()
            step.meaning = f"{board.board}, {chip.part} {chip.serial} at 0x{chip.address:02x}"
        with self.steps.step("chip", "reading what the chip allows") as step:
            step.meaning = self._check_chip(chip)
        return chip

    def _check_chip(self, chip: ChipInfo) -> str:
        if not chip.config_locked:
            raise RefusedError(
                "The chip's config zone is not locked: a chip in that state makes no keys.",
                "These two commands show what they would do before they do it, and locking can't be undone:\n"
                "  atecc chip config set\n  atecc chip lock config",
            )
        if not chip.data_locked:
            self.steps.warn(
                "The data zone is not locked: until it is, whoever holds the board can put a key of theirs in the chip. "
                "`atecc chip lock data` shows what that means."
            )
        status = self._device.identity_status()
        if status.active:
            active = status.identities[status.active]
            self._previous = f"The active identity ({active.name or status.active}, slot {active.slot}) is untouched and works on."
        slot = self._wish.slot if self._wish.slot is not None else status.identities[status.idle].slot
        return (
            "its config zone is locked"
            if slot is None
            else self._check_slot(self._device.key_info(slot), chip)
        )

    def _check_slot(self, key: KeyInfo, chip: ChipInfo) -> str:
        wish, slot = self._wish, key.slot
        if not key.can_sign:
            raise ChipError(
                f"Slot {slot} can't sign: its configuration allows no device key there.",
                self._other_slots(chip),
            )
        if wish.key == "existing" or not key.can_generate:
            if not key.valid:
                why = "" if key.can_generate else " and its configuration lets the chip make none"
                raise ChipError(f"Slot {slot} holds no key{why}.", self._other_slots(chip))
            return f"slot {slot} signs; its key is used as it is"
        if key.in_use == "active":
            raise RefusedError(
                f"Slot {slot} holds the key of the active identity: it is never replaced.",
                "Without --slot the other one is used; --slot with --key existing asks for a new certificate for this key.",
            )
        if wish.key == "overwrite":
            self._check_overwrite(chip)
        elif key.in_use == "unknown":
            raise RefusedError(
                f"Slot {slot} holds a key that no identity of this board knows: something else may depend on it.",
                "Use that key as it is: --key existing\n"
                f"Replace it, for good:  --key overwrite --yes-overwrite {chip.serial}",
            )
        return f"slot {slot} can make a key and sign with it"

    def _check_overwrite(self, chip: ChipInfo) -> None:
        if normal_serial(self._wish.serial or "") != normal_serial(chip.serial):
            raise RefusedError(
                f"{self._wish.serial or 'Nothing'} is not this chip's serial number: the key stays.",
                f"The board's chip is {chip.serial}. Is it the board you meant?",
            )

    def _other_slots(self, chip: ChipInfo) -> str:
        slots = device_key_slots(read_config(self._device, chip))
        if not slots:
            return "No slot of this chip can make a key and sign with it: `atecc chip config get` shows them."
        return f"Slots that can make a key and sign with it: {', '.join(map(str, slots))}. Choose one with --slot."

    def _set_clock(self) -> None:
        with self.steps.step("clock", "setting the board's clock") as step:
            now = int(time.time())
            previous = self._device.set_time(now)
            off = None if previous is None else previous - now
            step.meaning = (
                "the board's clock is set"
                if off is None or abs(off) > 60
                else f"the board's clock was right to {abs(off)} s, and is set"
            )
            if off is not None and abs(off) > 60:
                step.meaning += f" (it said {time.strftime('%Y-%m-%d %H:%M', time.gmtime(previous))})"

    # From the key to the proof

    def _until_tried(self, target: Target) -> tuple[Begun, x509.CertificateSigningRequest, Issued, Tried]:
        begun = self._begin()
        with self.steps.step("csr", "checking the certificate request") as step:
            request = check_csr(begun.csr, begun.pubkey, self._wish.subject, self._wish.san)
            step.meaning = (
                f"certificate request for {to_text(self._wish.subject)}: signed by that key, checked here"
            )
        issued = self._authority.issue(request, self.steps)
        check_certificate(issued.certificate, request)
        _check_sizes(target.ca, [issued.certificate, *issued.chain])
        self._stage(begun, issued, target)
        return begun, request, issued, self._try(target)

    def _begin(self) -> Begun:
        wish = self._wish
        with self.steps.step("key", "the chip makes a key and signs a certificate request") as step:
            serial = normal_serial(wish.serial) if wish.serial else None
            begun = self._device.begin(wish.subject, wish.san or None, wish.key, wish.slot, serial)
            step.meaning = (
                f"key generated in slot {begun.slot}: it can't be read out"
                if begun.generated
                else f"the key in slot {begun.slot} is used as it is: it can't be read out"
            )
        return begun

    def _stage(self, begun: Begun, issued: Issued, target: Target) -> None:
        stored = Stored(der(issued.certificate), [der(c) for c in issued.chain], [der(c) for c in target.ca])
        with self.steps.step("stage", "writing the certificate to the board") as step:
            self._device.stage(stored, target.name, target.client_id, target.endpoint, target.port)
            if self._device.stored(begun.identity) != stored:
                raise CertificateError(
                    "The board gives back other certificates than were written to it.", "Try again."
                )
            step.meaning = "certificate and CA are on the board: read back, byte for byte the same"

    def _try(self, target: Target) -> Tried:
        with self.steps.step("try", f"connecting to {target.endpoint}:{target.port}") as step:
            for attempt in range(1, self._authority.try_attempts + 1):
                try:
                    tried = self._device.try_staged()
                    break
                except DeviceError as error:
                    # What was attached a moment ago may not be known everywhere yet.
                    if error.kind not in ("mqtt", "tls") or attempt == self._authority.try_attempts:
                        raise
                    time.sleep(self.retry_pause)
            step.meaning = f"mutual TLS with {target.endpoint}, signed by the chip ({tried.tls.version}, {tried.tls.cipher})"
        return tried

    # The switch, and after

    def _commit(self, begun: Begun) -> None:
        with self.steps.step("commit", "making it the active identity") as step:
            try:
                self._device.commit()
            except DeviceError as error:
                self._clean_up(error)
                raise
            except ChannelError as error:
                if not self._is_active(begun.identity):
                    error.notes.append(
                        "Whether the board switched is not known, so nothing was taken back: `atecc identity status` tells."
                    )
                    raise
            step.meaning = f"identity {begun.identity} is the active one"

    def _is_active(self, identity: str) -> bool:
        with contextlib.suppress(AteccError):
            return self._device.identity_status().active == identity
        return False

    def _connect(self, begun: Begun) -> MqttStatus:
        try:
            with self.steps.step("mqtt", "starting MQTT") as step:
                status = self._device.mqtt_connect()
                if status.state != "connected":
                    raise NetworkError(
                        f"MQTT is {status.state}: {status.last_error or 'no reason was given'}."
                    )
                step.meaning = f"MQTT is up: {status.endpoint} as {status.client_id}"
        except AteccError as error:
            error.notes.append(
                f"Identity {begun.identity} is active and was proven a moment ago; `atecc mqtt connect` tries again."
            )
            raise
        return status

    def _clean_up(self, error: BaseException) -> None:
        """Forget the unfinished identity, on the board and on the other side; say what is left."""
        notes = []
        try:
            self._device.discard()
            notes.append("The unfinished identity was discarded.")
        except DeviceError:
            pass  # there was nothing yet to discard
        except AteccError:
            notes.append(
                "The board can't be reached: its unfinished identity stays inactive, the next run replaces it."
            )
        notes += [*self._authority.undo(), self._previous]
        if isinstance(error, AteccError):
            error.notes.extend(notes)
        else:
            for note in notes:
                self.steps.warn(note)


def _check_sizes(ca: list[x509.Certificate], own: list[x509.Certificate]) -> None:
    if not 0 < len(ca) <= MOST_CAS:
        raise CertificateError(
            f"A board keeps 1 to {MOST_CAS} CA certificates, here are {len(ca)}.",
            "Give only the broker's own root CA.",
        )
    if len(own) > MOST_CHAIN + 1:
        raise CertificateError(
            f"The certificate comes with a chain of {len(own) - 1}: a board keeps {MOST_CHAIN}."
        )
    for one in [*ca, *own]:
        if len(der(one)) > LARGEST_CERTIFICATE:
            raise CertificateError(f"A certificate of {len(der(one))} bytes is too large for a board.")
