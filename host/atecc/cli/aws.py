"""`atecc aws`: what is at AWS IoT, and what should not be there any more."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.awsaccount import account_options, cloud_of
from atecc.cli.awsfleet import fleet
from atecc.cli.awsjobs import expiring, rotate
from atecc.errors import ArgumentError, RefusedError

if TYPE_CHECKING:
    from atecc.aws.certificates import Certificate

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("aws", cls=Group)
def command() -> None:
    """Certificates and CAs at AWS IoT: listed, registered, taken away. `atecc provision aws` makes them."""


@command.command("certificates", cls=Command, examples="atecc aws certificates --thing sensor-1")
@click.option("--thing", required=True, help="The thing that they are attached to.")
@account_options
@pass_app
def listing(app: App, /, thing: str, **options: Any) -> None:
    """List the certificates of a thing."""
    from atecc.aws.certificates import of_thing
    from atecc.aws.naming import check_thing
    from atecc.cli.show import utc

    check_thing(thing)
    found = sorted(of_thing(cloud_of(app, options), thing), key=lambda one: one.created, reverse=True)
    lines = [
        line
        for one in found
        for line in (
            f"{one.id}  {one.status}",
            f"  since {utc(one.modified)}, valid until {utc(one.not_after)}",
        )
    ]
    app.emit({"thing": thing, "certificates": [_document(one) for one in found]}, *lines)
    if not found and not app.json:
        app.say(f"Nothing is attached to {thing}.")


def _document(one: Certificate) -> dict[str, Any]:
    return {
        "certificate_id": one.id,
        "certificate_arn": one.arn,
        "status": one.status,
        "created": int(one.created),
        "status_since": int(one.modified),
        "not_before": int(one.not_before),
        "not_after": int(one.not_after),
        "exclusive": one.exclusive,
    }


@command.command(
    "revoke",
    cls=Command,
    examples="""atecc aws revoke --certificate 3f2a9c01…
    atecc aws revoke --certificate 3f2a9c01… --yes-revoke 3f2a9c01…""",
)
@click.option("--certificate", required=True, metavar="ID", help="As `atecc aws certificates` shows it.")
@click.option("--yes-revoke", metavar="ID", help="The same once more: confirms it in a script.")
@account_options
@pass_app
def revoke(app: App, /, certificate: str, yes_revoke: str | None, **options: Any) -> None:
    """Take a certificate away: deactivate it, detach it from everything, delete it. That can't be undone."""
    from atecc.aws import certificates

    cloud = cloud_of(app, options)
    found = certificates.describe(cloud, certificate)
    if found is None:
        raise ArgumentError(f"There is no certificate {certificate} in this account and region.")
    things = certificates.things_of(cloud, found.arn)
    whose = f", which lets {' and '.join(things)} connect," if things and found.status == "ACTIVE" else ""
    app.warn(f"Certificate {found.id} ({found.status}){whose} is going to be deleted, for good.")
    typed = yes_revoke or app.ask("Type its ID to delete it:", "--yes-revoke ID confirms it in a script.")
    if typed != found.id:
        raise RefusedError(f"{typed} is not {found.id}: nothing was done.")
    certificates.withdraw(cloud, found.id, found.arn)
    app.emit({"revoked": found.id, "things": things}, f"Certificate {found.short} is deleted.")


@command.command(
    "sweep",
    cls=Command,
    examples="""atecc aws sweep
    atecc aws sweep --thing sensor-1 --thing sensor-2 --keep-previous 30d""",
)
@click.option("--thing", multiple=True, help="This thing's as well; may be repeated.")
@click.option(
    "--keep-previous",
    metavar="TIME",
    default="7d",
    show_default=True,
    help="How long replaced ones are kept.",
)
@click.option("--dry-run", is_flag=True, help="Show each call to AWS that would change something; make none.")
@account_options
@pass_app
def sweep(app: App, /, thing: tuple[str, ...], keep_previous: str, dry_run: bool, **options: Any) -> None:
    """Take away what no board uses: what was left here by runs that were killed, and what was replaced long ago."""
    from atecc.aws import leftovers
    from atecc.aws.naming import check_thing
    from atecc.cli.provision import show_calls
    from atecc.cli.times import seconds

    for name in thing:
        check_thing(name)
    cloud = cloud_of(app, options)
    if dry_run:
        cloud.rehearse()
    keep = seconds(keep_previous, "--keep-previous")
    swept = leftovers.sweep(cloud, list(thing), keep, app.say)
    for text in swept.unsure:
        app.warn(text)
    if dry_run:
        show_calls(app, cloud.planned or [], swept.unsure)
        return
    count = len(swept.deleted)
    app.emit({"deleted": swept.deleted, "deactivated": swept.deactivated, "unsure": swept.unsure})
    if not app.json:
        taken = (
            f"{count} certificate{'' if count == 1 else 's'} taken away."
            if count or swept.deactivated
            else "Nothing was left over."
        )
        app.say(taken, style="bold green")


command.add_command(fleet)
command.add_command(rotate)
command.add_command(expiring)

# CAs


@command.group("ca", cls=Group)
def authorities() -> None:
    """Your own CAs at AWS IoT."""


@authorities.command(
    "create",
    cls=Command,
    examples="atecc aws ca create --subject '/O=ACME/CN=ACME devices' --ca-cert ca.crt.pem --ca-key ca.key.pem",
)
@click.option("--subject", required=True, help="/O=ACME/CN=ACME devices")
@click.option("--days", default=3650, show_default=True, help="How long it is valid.")
@click.option(
    "--ca-cert", required=True, type=FILE, help="Where its certificate goes; never over another file."
)
@click.option("--ca-key", required=True, type=FILE, help="Where its key goes, for your eyes only.")
@pass_app
def create(app: App, /, subject: str, days: int, ca_cert: Path, ca_key: Path) -> None:
    """Make a CA as AWS takes it: X.509 v3, CA:TRUE. Nothing is sent anywhere."""
    from atecc import whole
    from atecc.x509.authority import make_ca
    from atecc.x509.names import parse_subject

    certificate, key = make_ca(parse_subject(subject), days)
    whole.write_all({ca_key: key, ca_cert: certificate}, secret=True)
    app.emit({"ca_cert": str(ca_cert), "ca_key": str(ca_key)})
    if not app.json:
        app.say(
            f"{ca_cert} and {ca_key} are made. The key signs devices: keep it where nobody else reads it."
        )


@authorities.command(
    "register",
    cls=Command,
    examples="""atecc aws ca register --ca-cert ca.crt.pem --ca-key ca.key.pem
    atecc aws ca register --ca-cert ca.crt.pem --ca-key ca.key.pem --jitp
    atecc aws ca register --ca-cert ca.crt.pem --sni-only""",
)
@click.option("--ca-cert", required=True, type=FILE, help="The CA's certificate.")
@click.option(
    "--ca-key", type=FILE, help="Its key: it signs the account's code, which proves that the CA is yours."
)
@click.option(
    "--ca-key-password-file", type=FILE, help="Holds the key's password, if it has one. Default: asks."
)
@click.option("--sni-only", is_flag=True, help="Without the key: several accounts may know the CA then.")
@click.option(
    "--jitp",
    is_flag=True,
    help="Just in time: a device becomes the thing of its certificate's CN when it first connects.",
)
@click.option(
    "--auto-registration",
    is_flag=True,
    help="Its certificate is registered then, and waits until somebody activates it.",
)
@account_options
@pass_app
def register(app: App, /, ca_cert: Path, ca_key: Path | None, **options: Any) -> None:
    """Make a CA known to the account."""
    from atecc.aws import justintime, owned
    from atecc.cli.secrets import password
    from atecc.x509.authority import LocalCA
    from atecc.x509.keyfile import load_certificates

    if (ca_key is None) != options["sni_only"]:
        raise ArgumentError("Either --ca-key FILE, or --sni-only.")
    if options["jitp"] and options["auto_registration"]:
        raise ArgumentError(
            "Either --jitp or --auto-registration: with the first nobody need activate anything."
        )
    own = None
    if ca_key is not None:
        ask = password(app, options["ca_key_password_file"], "--ca-key-password-file")
        own = LocalCA.load(ca_cert, ca_key, ask)
    certificate = own.certificate if own else load_certificates(ca_cert)[0]
    owned.check(certificate, ca_cert, ca_key)
    cloud = cloud_of(app, options)
    there = owned.known(cloud, certificate)
    if there is not None:
        raise RefusedError(
            f"The account knows this CA already: {there['certificateId']} is {there.get('status')}.",
            "`atecc aws ca list` shows all.",
        )
    config = justintime.ensure(cloud) if options["jitp"] else None
    in_time = bool(config) or options["auto_registration"]
    identifier = owned.register_ca(cloud, certificate, own, in_time, config)
    found = {"ca_certificate_id": identifier} | ({"template": config["templateName"]} if config else {})
    app.emit(found, f"CA {identifier} is registered, and active.")
    if config and not app.json:
        app.say(
            "A device that first connects with a certificate of it becomes the thing of the certificate's CN. AWS cuts "
            "that connection off: the device tries again, and is in."
        )
    elif in_time and not app.json:
        app.say(
            "A certificate of it is registered when a device first connects, and waits (PENDING_ACTIVATION); AWS tells "
            f"$aws/events/certificates/registered/{identifier}. Somebody gives it a thing and a policy, and activates "
            "it."
        )


@authorities.command("list", cls=Command, examples="atecc aws ca list")
@account_options
@pass_app
def list_cas(app: App, /, **options: Any) -> None:
    """List the account's CAs."""
    from atecc.aws.certificates import seconds_of
    from atecc.cli.show import utc

    listed = cloud_of(app, options).pages("list_ca_certificates", "certificates")
    found = [
        {
            "ca_certificate_id": one["certificateId"],
            "status": one["status"],
            "created": int(seconds_of(one.get("creationDate"))),
        }
        for one in listed
    ]
    lines = [
        line
        for one in found
        for line in (f"{one['ca_certificate_id']}  {one['status']}", f"  registered {utc(one['created'])}")
    ]
    app.emit({"cas": found}, *lines)
