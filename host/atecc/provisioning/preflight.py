"""What is looked at before the chip makes a key: clock, board, locks, the slot and whose key it holds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from atecc.chip.config.chipwords import uses_left
from atecc.chip.reading import normal_serial, read_config
from atecc.device import Device
from atecc.device.replies import BoardInfo, ChipInfo, IdentityStatus, KeyInfo, Stored
from atecc.errors import (
    AteccError,
    CertificateError,
    ChipError,
    DeviceError,
    FirmwareMissing,
    RefusedError,
)
from atecc.provisioning.authority import Seen, Wish
from atecc.steps import Steps
from atecc.x509.names import from_x509

if TYPE_CHECKING:
    from cryptography import x509

# What this takes of a key that counts its uses: request, certificate, switch, two connections, one of them twice.
USES = 6
# No computer that is used today can have an older clock.
OLDEST_CLOCK = 1735689600
FROM_AFAR = (
    "From afar a new key there takes the bench permission, which the owner gives over USB: "
    "`atecc bench on --for 1h`"
)


def check_own_clock() -> None:
    """Certificates are judged by this computer's clock, and the board is going to take it over."""
    now = time.time()
    if now < OLDEST_CLOCK:
        raise AteccError(
            f"This computer's clock says {time.strftime('%Y-%m-%d', time.gmtime(now))}: "
            "no certificate can be judged by it.",
            "Set the computer's clock: the board is going to take it over.",
        )


class Preflight:
    """The checks of one board, for one wish; `issuer` is the certificate of the CA, where there is one at hand."""

    def __init__(
        self, device: Device, wish: Wish, steps: Steps, issuer: x509.Certificate | None = None
    ) -> None:
        self._device = device
        self._wish = wish
        self._steps = steps
        self._issuer = issuer
        self.identities: IdentityStatus | None = None

    def look(self) -> Seen:
        """Who is there."""
        check_own_clock()
        asks = ("Sys.GetInfo", "ATCA.GetInfo", "Identity.Status")
        with self._steps.step("board", "asking the board") as step, self._device.ahead(*asks):
            board = self._device.info()
            _check_tls(board)
            chip = self._device.chip_info()
            self.identities = self._device.identity_status() if chip.config_locked else None
            step.meaning = f"{board.board}, {chip.part} {chip.serial} at 0x{chip.address:02x}"
            self._check_issuer()
        return Seen(board, chip, self.identities, self._kept)

    def _kept(self) -> Stored:
        assert self.identities is not None and self.identities.active is not None
        return self._device.stored(self.identities.active)

    def check(self, chip: ChipInfo) -> None:
        """An error, which names the way out, if the chip can't be given an identity."""
        with self._steps.step("chip", "reading what the chip allows") as step:
            step.meaning = self._check_chip(chip)
        if not chip.data_locked:
            self._steps.warn(
                "The data zone is not locked: until it is, whoever holds the board can put a key "
                "of theirs in the chip. `atecc chip lock data` shows what that means."
            )

    def previous(self) -> str:
        """What becomes of the active identity when all this fails: nothing."""
        status = self.identities
        if status is None or status.active is None:
            return "No identity was active, and none is now."
        one = status.identities[status.active]
        return (
            f"The active identity ({one.name or status.active}, slot {one.slot}) is untouched and works on."
        )

    def _check_issuer(self) -> None:
        """A CA whose certificates make operators must not issue a device's."""
        from cryptography.hazmat.primitives.hashes import SHA256

        if self._issuer is None:
            return
        try:
            trusted = self._device.access_status().operators
        except DeviceError as error:
            if error.kind != "method":
                raise
            return  # firmware that has no callers but the one on the cable
        if self._issuer.fingerprint(SHA256()).hex() in {one.sha256 for one in trusted}:
            raise CertificateError(
                f"{from_x509(self._issuer.subject)} is the CA of this device's operators: it must not issue the "
                "device's own certificate.",
                "Use another CA for devices; or let this one be forgotten over USB: `atecc operator forget`.",
            )

    def _check_chip(self, chip: ChipInfo) -> str:
        status = self.identities
        if status is None:
            raise RefusedError(
                "The chip's config zone is not locked: a chip in that state makes no keys.",
                "These two commands show what they would do before they do it, and locking can't be undone:\n"
                "  atecc chip config set\n  atecc chip lock config",
            )
        slot = self._wish.slot if self._wish.slot is not None else status.identities[status.idle].slot
        if slot is None:
            return "its config zone is locked"
        return self._check_slot(self._device.key_info(slot), chip)

    def _check_slot(self, key: KeyInfo, chip: ChipInfo) -> str:
        slot = key.slot
        if not key.can_sign:
            raise ChipError(
                f"Slot {slot} can't sign: {self._why_no_signature(slot, chip)}.", self._others(chip)
            )
        if key.limited_use:
            self._check_uses(slot, chip)
        if self._wish.key == "existing" or not key.can_generate:
            if not key.valid:
                why = "" if key.can_generate else ", and its configuration lets the chip make none"
                raise ChipError(f"Slot {slot} holds no key{why}.", self._others(chip))
            self._check_shown(slot, chip)
            return f"slot {slot} signs; its key is used as it is"
        self._check_use(key, chip)
        return f"slot {slot} can make a key and sign with it"

    def _why_no_signature(self, slot: int, chip: ChipInfo) -> str:
        from atecc.chip.config.check import why_no_signature

        return why_no_signature(read_config(self._device, chip).slots[slot]) or "its configuration says so"

    def _check_shown(self, slot: int, chip: ChipInfo) -> None:
        """The request for a key that is there needs its public half."""
        if chip.data_locked and not read_config(self._device, chip).slots[slot].pub_info:
            raise ChipError(
                f"Slot {slot} hides the public key of the key that is there (PubInfo): no certificate can be requested "
                "for it.",
                self._others(chip, slot),
            )

    def _check_uses(self, slot: int, chip: ChipInfo) -> None:
        left = uses_left(read_config(self._device, chip), slot)
        if left is not None and left < USES:
            raise ChipError(
                f"Slot {slot} counts its uses (counter 0), and {left or 'none'} are left: this takes {USES}.",
                self._others(chip, slot),
            )
        if left is not None:
            self._steps.warn(
                f"Slot {slot} counts its uses: each TLS connection takes one, and after {left} at most its key is dead "
                "for good."
            )

    def _check_use(self, key: KeyInfo, chip: ChipInfo) -> None:
        if key.in_use == "active":
            raise RefusedError(
                f"Slot {key.slot} holds the key of the active identity: it is never replaced.",
                "Without --slot the other one is used; with --key existing this key gets a new certificate.",
            )
        if key.in_use == "previous" and key.kept:
            raise RefusedError(
                f"The key in slot {key.slot} stays: {key.kept}.",
                f"Use that key as it is: --key existing\n{FROM_AFAR}",
            )
        if self._wish.key == "overwrite":
            self._check_overwrite(chip)
        elif key.in_use == "unknown":
            raise RefusedError(
                f"Slot {key.slot} holds a key that no identity of this board knows: "
                "something else may depend on it.",
                "Use that key as it is: --key existing\n"
                f"Replace it, for good:  --key overwrite --yes-overwrite {chip.serial}"
                f"{chr(10) + FROM_AFAR if self._device.remote else ''}",
            )

    def _check_overwrite(self, chip: ChipInfo) -> None:
        if normal_serial(self._wish.serial or "") != normal_serial(chip.serial):
            raise RefusedError(
                f"{self._wish.serial or 'Nothing'} is not this chip's serial number: the key stays.",
                f"The board's chip is {chip.serial}. Is it the board you meant?",
            )

    def _others(self, chip: ChipInfo, but: int | None = None) -> str:
        from atecc.chip.config.check import device_key_slots

        slots = [slot for slot in device_key_slots(read_config(self._device, chip)) if slot != but]
        if not slots:
            return "No slot of this chip can make a key and sign with it: `atecc chip config get` shows them."
        return f"Slots that can: {', '.join(map(str, slots))}. Choose one with --slot."


def _check_tls(board: BoardInfo) -> None:
    if not board.tls_sign:
        raise FirmwareMissing(
            f"The MicroPython {board.micropython} on this board can't let the chip sign a TLS handshake.",
            'It has to be built with MICROPY_PY_SSL_ECDSA_SIGN_ALT: README, "On a real board".',
        )
