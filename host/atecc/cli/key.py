"""`atecc key`: a slot's key made in the chip, shown, or brought into it from outside."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.files import IN, check_free, deliver, out_options, read_stdin
from atecc.cli.options import together
from atecc.errors import ArgumentError, RefusedError

if TYPE_CHECKING:
    from atecc.chip.keys import KeyPlan

SLOT = click.IntRange(0, 15)


@click.group("key", cls=Group)
def command() -> None:
    """Keys in the chip's slots: made, shown, imported."""


CONFIRM = together(
    click.option(
        "--confirm", is_flag=True, help="Destroy the key that is there, after the serial number was typed."
    ),
    click.option(
        "--yes-overwrite",
        metavar="SERIAL",
        help="Destroy it without asking, if this is the chip's serial number.",
    ),
)


@command.command(
    "generate",
    cls=Command,
    examples="""atecc key generate 1
    atecc key generate 1 --out device.pub.pem
    atecc key generate 1 --confirm""",
)
@click.argument("slot", type=SLOT)
@CONFIRM
@out_options
@pass_app
def generate(
    app: App, slot: int, confirm: bool, yes_overwrite: str | None, out: Path | None, force: bool
) -> None:
    """Have the chip make a key in SLOT, and print its public half.

    A slot without a key gets one at once. If there is a key, this says whose it is and what is lost with it, and
    does nothing (exit status 5) without --confirm or --yes-overwrite. The active identity's key is never replaced.
    """
    from atecc.chip import keys

    check_free(out, force)
    with app.device() as device:
        plan = keys.plan_generate(device, slot)
        serial = _confirmation(app, plan, f"atecc key generate {slot}", confirm, yes_overwrite)
        point = keys.generate(device, plan, serial)
    _show(app, slot, point, out, force, {"generated": True, "replaced": plan.owner or None})
    app.say(f"The chip made a key in slot {slot}: it can't be read out.", style="green")
    app.say(f"A certificate request for it: atecc csr --slot {slot} --subject CN=NAME")
    app.say(f"An identity with it: atecc provision … --slot {slot} --key existing")


@command.command(
    "public",
    cls=Command,
    examples="""atecc key public 0
    atecc key public 0 --format der --out device.pub.der""",
)
@click.argument("slot", type=SLOT)
@click.option(
    "--format",
    "form",
    type=click.Choice(["pem", "der", "raw"]),
    default="pem",
    show_default=True,
    help="PEM or DER (SubjectPublicKeyInfo), or the 64 bytes X and Y.",
)
@out_options
@pass_app
def public(app: App, slot: int, form: str, out: Path | None, force: bool) -> None:
    """Print the public half of the key in SLOT."""
    check_free(out, force)
    with app.device() as device:
        point = device.public_key(slot)
    _show(app, slot, point, out, force, {}, form)


@command.command(
    "import",
    cls=Command,
    examples="""atecc key import 2 --key device.key.pem
    atecc key import 2 --key device.key.pem --write-key slot6.hex
    vault read … | atecc key import 2 --key device.key.pem --write-key -""",
)
@click.argument("slot", type=SLOT)
@click.option(
    "--key", required=True, type=IN, help="A P-256 private key: SEC1 or PKCS#8, PEM or DER, encrypted or not."
)
@click.option("--key-password-file", type=IN, help="Holds the key's password, if it has one. Default: asks.")
@click.option(
    "--write-key",
    type=IN,
    metavar="FILE",
    help="Holds the secret of the slot's write key slot: 32 bytes, raw or hex; - is standard input. "
    "Needed once the data zone is locked.",
)
@CONFIRM
@out_options
@pass_app
def import_(app: App, /, slot: int, confirm: bool, yes_overwrite: str | None, **options: Any) -> None:
    """Bring a private key from a file into SLOT, and print its public half.

    Such a key was outside: whoever has the file, or a copy of it, has the device's identity.
    """
    from atecc.chip import keys
    from atecc.cli.secrets import password
    from atecc.x509.keyfile import load_p256_key

    out, force, file = options["out"], options["force"], options["key"]
    check_free(out, force)
    if confirm and str(options["write_key"]) == "-":
        raise ArgumentError(
            "Standard input can't hold both the write key and the serial number.",
            "Confirm with --yes-overwrite SERIAL, or give the write key in a file.",
        )
    key = load_p256_key(file, password(app, options["key_password_file"], "--key-password-file"))
    secret = _write_key(options["write_key"])
    with app.device() as device:
        plan = keys.plan_import(device, slot, secret)
        app.warn(
            f"A key that was in a file is only as secret as that file: whoever has {file}, a copy or a backup of "
            "it, has this device's identity. A key that the chip makes can't be copied: atecc key generate."
        )
        serial = _confirmation(app, plan, f"atecc key import {slot} …", confirm, yes_overwrite)
        point = keys.import_key(device, plan, key, secret, serial)
    _show(app, slot, point, out, force, {"imported": True, "replaced": plan.owner or None})
    way = "encrypted" if secret else "in the clear"
    app.say(f"The key is in slot {slot}, written {way}.", style="green")
    if plan.checkable:
        app.say(f"Its {plan.checkable}: checked.", style="green")
    else:
        app.warn(
            f"Slot {slot} shows no public key: whether it holds the right key can't be checked from here."
        )
    app.say(f"Delete {file} where nobody needs it any more.")


_OVER_USB = "\nThat works over USB; from afar while the owner allows it there: atecc bench on --for 1h"


def _confirmation(app: App, plan: KeyPlan, again: str, confirm: bool, typed: str | None) -> str | None:
    """The serial number that the user gave for a slot with a key in it; without one nothing is done."""
    if plan.free:
        return None
    app.say(f"Slot {plan.slot} of chip {plan.chip.serial} holds {plan.owner}.", style="bold red")
    app.say(f"A new key destroys it for good. Gone with it: {plan.loss}.")
    if typed is not None:
        return typed
    if confirm:
        return app.ask(
            "Type the chip's serial number to destroy that key:",
            "--yes-overwrite SERIAL confirms it in a script.",
        )
    remote = app.address is not None
    error = RefusedError(
        f"This was a dry run: the key in slot {plan.slot} was not touched.",
        f"To replace it: {again} --confirm{_OVER_USB if remote else ''}",
    )
    if app.json:
        data = {
            "dry_run": True,
            "slot": plan.slot,
            "serial": plan.chip.serial,
            "owner": plan.owner,
            "lost": plan.loss,
        }
        app.emit(data | {"error": error.as_dict()})
    raise error


def _show(
    app: App,
    slot: int,
    point: bytes,
    out: Path | None,
    force: bool,
    more: dict[str, Any],
    form: str = "pem",
) -> None:
    """The public key where the user wants it; with --json a document on standard output as well."""
    from atecc.x509.points import point_der, point_pem

    pem = point_pem(point)
    if out is not None or not app.json:
        data = {"pem": pem.encode(), "der": point_der(point), "raw": point}[form]
        deliver(app, out, data, force)
    if app.json:
        app.emit({"slot": slot, "pubkey": point.hex(), "pem": pem} | more)


def _write_key(path: Path | None) -> bytes | None:
    from atecc.x509.keyfile import load_secret, read_file

    if path is None:
        return None
    if str(path) != "-":
        return load_secret(read_file(path, "the write key"), f"write key in {path}")
    data = read_stdin()
    if not data:
        raise ArgumentError("There is no write key on standard input.")
    return load_secret(data, "write key on standard input")
