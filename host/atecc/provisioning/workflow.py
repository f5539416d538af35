"""The whole job, without a user interface: a key in the chip, its certificate, the proof, the switch.

Only the idle identity is touched until everything has been proven; nothing here writes a configuration or
locks a zone. Whatever fails is cleaned up behind, and the identity that was active stays so.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from atecc.bounded import utc
from atecc.chip.reading import normal_serial
from atecc.device import Device
from atecc.device.replies import Begun, ChipInfo, MqttStatus, Tls, Tried
from atecc.errors import AteccError, CertificateError, ChannelError, DeviceError, NetworkError
from atecc.provisioning.authority import Authority, Issued, Target, Unchanged, Wish, check_fits, stored
from atecc.provisioning.look import look_at_broker
from atecc.provisioning.order import Order
from atecc.provisioning.preflight import Preflight
from atecc.provisioning.requests import serve
from atecc.steps import Steps, Watcher
from atecc.x509.names import to_text
from atecc.x509.requests import check_certificate, check_csr, pem

if TYPE_CHECKING:
    from cryptography import x509

UNKNOWN = "Whether the board switched is not known, so nothing was taken back: `atecc identity status` tells."
DISCARDED = "The unfinished identity was discarded."


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
    mac: str
    not_before: int
    not_after: int
    facts: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        return {
            "chip": {"serial": self.chip.serial, "revision": self.chip.revision},
            "mac": self.mac,
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
            "not_before": self.not_before,
            "not_after": self.not_after,
            **self.facts,
            "warnings": self.steps.warnings,
            "steps": [asdict(step) for step in self.steps.done],
        }


@dataclass(frozen=True)
class Planned:
    """What would be done elsewhere: calls by name, with what they say."""

    calls: list[tuple[str, dict[str, Any]]]
    steps: Steps


def provision(
    device: Device,
    order: Order,
    confirm: Callable[[ChipInfo], str] | None = None,
    watcher: Watcher | None = None,
    learn: Callable[[str, bytes], None] | None = None,
    dry_run: bool = False,
) -> Outcome | Unchanged | Planned:
    """Carry an order out; `confirm` has somebody say the chip's serial number before a key is replaced."""
    wish, authority = order.settle(device)
    if wish.key == "overwrite" and not wish.serial and confirm:
        wish = replace(wish, serial=confirm(device.chip_info()))
    job = Provisioning(device, authority, wish, watcher, learn)
    try:
        outcome = job.rehearse() if dry_run else job.run()
    finally:
        authority.close()
    if isinstance(outcome, Unchanged) and order.connection.requests and not dry_run:
        serve(device, job.steps, wanted=True)
    return outcome


class Provisioning:
    """One run for one board; `learn` is told the device's name and its key once that has been proven."""

    retry_pause = 2.0

    def __init__(
        self,
        device: Device,
        authority: Authority,
        wish: Wish,
        watcher: Watcher | None = None,
        learn: Callable[[str, bytes], None] | None = None,
    ) -> None:
        self._device = device
        self._authority = authority
        self._wish = wish
        self._learn = learn
        self.steps = Steps(watcher)
        self._clock: tuple[int, int | None] | None = None
        self._preflight = Preflight(device, wish, self.steps, authority.issuer)
        self._begun: Begun | None = None

    def rehearse(self) -> Planned | Unchanged:
        """As far as nothing is changed, here or elsewhere; then what would be."""
        seen = self._preflight.look()
        unchanged = self._authority.already(seen, self.steps)
        if unchanged is not None:
            return unchanged
        self._preflight.check(seen.chip)
        return Planned(self._authority.plan(self.steps, self._look), self.steps)

    def run(self) -> Outcome | Unchanged:
        seen = self._preflight.look()
        unchanged = self._authority.already(seen, self.steps)
        if unchanged is not None:
            return unchanged
        self._preflight.check(seen.chip)
        try:
            target = self._authority.prepare(self.steps, self._look)
            check_fits(target, self._authority.chain)
            self._set_clock()
            begun, request, issued, tried = self._until_tried(target)
            self._tell(target.name, begun.pubkey)
            self._authority.switching()
        except BaseException as error:
            self._clean_up(error)
            raise
        self._commit(begun)
        status = self._connect(begun)
        self._authority.finish(self.steps)
        serve(self._device, self.steps, target.requests)
        return Outcome(
            chip=seen.chip,
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
            mac=seen.board.mac,
            not_before=int(issued.certificate.not_valid_before_utc.timestamp()),
            not_after=int(issued.certificate.not_valid_after_utc.timestamp()),
            facts=self._authority.facts(),
        )

    # From the key to the proof

    def _look(self, target: Target) -> None:
        check_fits(target, self._authority.chain)
        authority = self._authority
        look_at_broker(target, self.steps, self._board_looks, authority.issuer, authority.chain)

    def _board_looks(self, host: str, port: int, ca: list[bytes]) -> None:
        self._clock_set()  # a board that wakes up in 2000 accepts nobody
        self._device.look(host, port, ca)

    def _clock_set(self) -> tuple[int, int | None]:
        """When it was set, and what it had said before."""
        if self._clock is None:
            now = int(time.time())
            self._clock = now, self._device.set_time(now)
        return self._clock

    def _set_clock(self) -> None:
        with self.steps.step("clock", "setting the board's clock") as step:
            now, previous = self._clock_set()
            off = None if previous is None else previous - now
            step.meaning = (
                "the board's clock is set"
                if off is None or abs(off) > 60
                else f"the board's clock was right to {abs(off)} s, and is set"
            )
            if off is not None and abs(off) > 60:
                step.meaning += f" (it said {utc(previous)})"

    def _until_tried(self, target: Target) -> tuple[Begun, x509.CertificateSigningRequest, Issued, Tried]:
        begun = self._begin()
        with self.steps.step("csr", "checking the certificate request") as step:
            request = check_csr(begun.csr, begun.pubkey, self._wish.subject, self._wish.san)
            step.meaning = (
                f"certificate request for {to_text(self._wish.subject)}: signed by that key, checked here"
            )
        issued = self._authority.issue(request, self.steps)
        check_certificate(issued.certificate, request)
        check_fits(target, issued.chain, issued.certificate)
        self._stage(begun, issued, target)
        self._authority.activate(self.steps)
        return begun, request, issued, self._try(begun, target)

    def _begin(self) -> Begun:
        wish = self._wish
        with self.steps.step("key", "the chip makes a key and signs a certificate request") as step:
            serial = normal_serial(wish.serial) if wish.serial else None
            self._begun = begun = self._device.begin(
                wish.subject, wish.san or None, wish.key, wish.slot, serial
            )
            step.meaning = (
                f"key generated in slot {begun.slot}: it can't be read out"
                if begun.generated
                else f"the key in slot {begun.slot} is used as it is: it can't be read out"
            )
        return begun

    def _stage(self, begun: Begun, issued: Issued, target: Target) -> None:
        wanted = stored(target, issued)
        with self.steps.step("stage", "writing the certificate to the board") as step:
            where = target.name, target.client_id, target.endpoint, target.port
            self._device.stage(wanted, *where, token=begun.token, login=target.login)
            if self._device.stored(begun.identity) != wanted:
                raise CertificateError(
                    "The board gives back other certificates than were written to it.", "Try again."
                )
            step.meaning = "certificate and CA are on the board: read back, byte for byte the same"

    def _try(self, begun: Begun, target: Target) -> Tried:
        with self.steps.step("try", f"connecting to {target.endpoint}:{target.port}") as step:
            for attempt in range(1, self._authority.try_attempts + 1):
                try:
                    tried = self._device.try_staged(begun.token)
                    break
                except DeviceError as error:
                    # What was attached a moment ago may not be known everywhere yet.
                    if (
                        error.kind not in ("mqtt", "tls", "closed", "login")
                        or attempt == self._authority.try_attempts
                    ):
                        raise
                    time.sleep(self.retry_pause)
            agreed = f"({tried.tls.version}, {tried.tls.cipher})"
            step.meaning = f"mutual TLS with {target.endpoint}, signed by the chip {agreed}"
            if tried.tls.signed is False:
                step.meaning = (
                    f"TLS with {target.endpoint}, which asked for no signature by the chip {agreed}"
                )
        return tried

    # The switch, and after

    def _tell(self, name: str, pubkey: bytes) -> None:
        """Before the switch: if its answer is lost, the device is known by its new key all the same."""
        if self._learn is None:
            return
        try:
            self._learn(name, pubkey)
        except AteccError as error:
            self.steps.warn(f"{error.message} `atecc operator trust` over USB learns the device's new key.")

    def _commit(self, begun: Begun) -> None:
        with self.steps.step("commit", "making it the active identity") as step:
            try:
                self._device.commit(token=begun.token)
            except DeviceError as error:
                self._clean_up(error)
                raise
            except (ChannelError, KeyboardInterrupt) as error:
                if not self._has_switched(begun, error):
                    raise
            step.meaning = f"identity {begun.identity} is the active one"

    def _has_switched(self, begun: Begun, error: ChannelError | KeyboardInterrupt) -> bool:
        """Whether the work goes on after the answer was lost, or somebody has had enough."""
        active = self._is_active(begun.identity)
        if active and isinstance(error, ChannelError):
            return True
        if active:
            self._say(error, [f"Identity {begun.identity} is the active one."])
        elif active is None or not self._surely_discarded():
            self._say(error, [UNKNOWN])
        else:
            self._clean_up(error, [DISCARDED])
        return False

    def _is_active(self, identity: str) -> bool | None:
        """None if the board does not say."""
        with contextlib.suppress(AteccError):
            return self._device.identity_status().active == identity
        return None

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
                f"Identity {begun.identity} is active and was proven a moment ago; `atecc mqtt connect` "
                "tries again."
            )
            raise
        return status

    def _clean_up(self, error: BaseException, notes: list[str] | None = None) -> None:
        """Forget the unfinished identity, on the board and on the other side; say what is left."""
        notes = notes or []
        try:
            notes += self._discard() if not notes else []
            notes += self._authority.undo()
        except KeyboardInterrupt:
            notes += ["Interrupted again, before everything was taken back.", *self._authority.left()]
        if self._begun is not None:
            notes.append(self._preflight.previous())
        self._say(error, notes)

    def _say(self, error: BaseException, notes: list[str]) -> None:
        if isinstance(error, AteccError):
            error.notes.extend(notes)
        else:
            for note in notes:
                self.steps.warn(note)

    def _discard(self) -> list[str]:
        if self._begun is None:
            return []
        try:
            return [DISCARDED] if self._discarded() else []
        except AteccError:
            return [
                "The board can't be reached: its unfinished identity stays inactive, the next run replaces it."
            ]

    def _surely_discarded(self) -> bool:
        with contextlib.suppress(AteccError):
            return self._discarded()
        return False

    def _discarded(self) -> bool:
        """Only what was begun here: without its token, it could be somebody else's. False: there was nothing."""
        assert self._begun is not None
        try:
            self._device.discard(self._begun.token)
        except DeviceError:
            return False
        return True
