"""`atecc aws fleet`: what AWS needs so that devices have themselves registered, and renew their certificates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.awsaccount import account_options, cloud_of
from atecc.errors import RefusedError

if TYPE_CHECKING:
    from atecc.aws.cloud import Cloud
    from atecc.aws.fleet import Fleet

FILE = click.Path(dir_okay=False, path_type=Path)
TEMPLATE = click.option(
    "--template", default="atecc", show_default=True, help="The provisioning template, by which all is named."
)
YES = click.option("--yes", is_flag=True, help="Don't ask: for scripts.")


@click.group("fleet", cls=Group)
def fleet() -> None:
    """Devices that get their certificates from AWS by themselves: `atecc provision fleet` gives one a claim."""


@fleet.command(
    "setup",
    cls=Command,
    examples="""atecc aws fleet setup --prefix sensor-
    atecc aws fleet setup --prefix sensor- --listed --yes
    atecc aws fleet setup --signer sign.py""",
)
@TEMPLATE
@click.option(
    "--prefix", default="", help="Things are named by this and the chip's serial number. Default: nothing."
)
@click.option(
    "--listed", is_flag=True, help="By a claim only things that are in AWS's registry get a certificate."
)
@click.option(
    "--signer", type=FILE, help="By a job devices get their certificates from the `sign` in this Python file."
)
@YES
@account_options
@pass_app
def setup(
    app: App,
    /,
    template: str,
    prefix: str,
    listed: bool,
    signer: Path | None,
    yes: bool,
    **options: Any,
) -> None:
    """Make template, role, policies, and the hook that decides who gets a certificate; shows them first, and asks.

    With -v it shows the calls to AWS as they are made.

    A signer of yours, for a CA of your own, is a Python file with `def sign(request: str, thing: str) -> str:`. It
    gets the certificate request of a device (PEM) and the name of its thing, and gives the certificate and its chain
    (PEM); what it raises is told to the device. It runs in AWS Lambda, with the standard library and boto3.
    """
    from atecc.aws import fleet as fleets
    from atecc.aws import signing
    from atecc.aws.naming import check_thing
    from atecc.cli.awscalls import named, raw, readable

    fleets.check_template(template)
    if prefix:
        check_thing(prefix)
    wanted = fleets.Fleet(template, prefix, listed)
    source = signing.read_signer(signer) if signer else None
    cloud = cloud_of(app, options)
    cloud.rehearse()
    fleets.set_up(cloud, wanted, source)
    calls = cloud.planned or []
    cloud.planned = None
    lines = readable(calls, fleets.purposes(wanted, cloud.region))
    for line in lines if not app.verbosity else (raw(*call) for call in calls):
        app.say(line)
    if calls and not yes:
        app.ask_yes(f"Make these {len(calls)} calls?")
    fleets.set_up(cloud, wanted, source)
    app.emit(_document(wanted) | {"calls": [named(action) for action, _ in calls]})
    if not app.json:
        app.say(
            f"The fleet {template} is {'set up' if calls else 'as it should be'}: a claim registers "
            f"{prefix}SERIAL.",
            style="bold green",
        )


def _document(one: Fleet) -> dict[str, Any]:
    return {"template": one.template, "prefix": one.prefix, "listed": one.listed}


@fleet.command("show", cls=Command, examples="atecc aws fleet show")
@TEMPLATE
@account_options
@pass_app
def show(app: App, /, template: str, **options: Any) -> None:
    """Show what there is of it at AWS, and its claims."""
    from atecc.aws import fleet as fleets

    cloud = cloud_of(app, options)
    found, parts = fleets.parts(cloud, template)
    if not any(parts.values()):
        raise fleets.missing(template)
    claims = [arn.rpartition("/")[2] for arn in fleets.targets(cloud, found.claim_policy)]
    lines = [f"{part}: {name or 'missing'}" for part, name in parts.items()]
    lines += [f"claim: {one}" for one in claims]
    registers = f"{found.prefix}SERIAL" + (", if it is in the registry" if found.listed else "")
    app.emit(_document(found) | {"parts": parts, "claims": claims}, f"a claim registers: {registers}", *lines)


@fleet.command(
    "claim",
    cls=Command,
    examples="atecc aws fleet claim --claim-cert claim.crt.pem --claim-key claim.key.pem",
)
@TEMPLATE
@click.option(
    "--claim-cert", required=True, type=FILE, help="Where its certificate goes; never over another file."
)
@click.option("--claim-key", required=True, type=FILE, help="Where its key goes, for your eyes only.")
@account_options
@pass_app
def claim(app: App, /, template: str, claim_cert: Path, claim_key: Path, **options: Any) -> None:
    """Make a claim for a whole batch of devices. `atecc aws revoke` ends it.

    Whoever has it can register chips that have no certificate yet. Where each board is on the network,
    `atecc provision fleet` takes one of five minutes instead.
    """
    from atecc import whole
    from atecc.aws import certificates
    from atecc.aws import fleet as fleets

    for path in (claim_cert, claim_key):
        if path.exists():
            raise RefusedError(f"{path} is there already: it is left as it is.", "Name another file.")
    cloud = cloud_of(app, options)
    made, secret = fleets.make_claim(cloud, fleets.Fleet(template))
    try:
        whole.write_all({claim_key: secret, claim_cert: made.pem.encode()}, secret=True)
    except BaseException:
        certificates.withdraw(cloud, made.id, made.arn)
        raise
    app.emit({"template": template, "certificate_id": made.id, "certificate_arn": made.arn})
    if not app.json:
        app.say(f"{claim_cert} and {claim_key} are made. `atecc aws revoke --certificate {made.id}` ends it.")


@fleet.command(
    "remove",
    cls=Command,
    examples="""atecc aws fleet remove --yes
    atecc aws fleet remove --jitp""",
)
@TEMPLATE
@click.option("--jitp", is_flag=True, help="Instead: what `atecc aws ca register --jitp` has made.")
@YES
@account_options
@pass_app
def remove(app: App, /, template: str, jitp: bool, yes: bool, **options: Any) -> None:
    """Take all of it away, its claims too. Devices stay as they are, but can't renew their certificates by it."""
    from atecc.aws import fleet as fleets

    cloud = cloud_of(app, options)
    if jitp:
        _remove_jitp(app, cloud, yes)
        return
    found, parts = fleets.parts(cloud, template)
    there = [f"{part} {name}" for part, name in parts.items() if name]
    if not there:
        raise fleets.missing(template)
    claims = fleets.targets(cloud, found.claim_policy)
    devices = fleets.targets(cloud, found.renewal_policy)
    app.warn(f"These are going to be deleted: {', '.join(there)}; and {len(claims)} claims.")
    if devices:
        app.warn(f"{len(devices)} certificates of devices lose the policy by which they renew themselves.")
    if not yes:
        app.ask_yes("Delete them?")
    fleets.remove(cloud, found)
    app.emit({"template": template, "removed": [name for name in parts.values() if name]})
    if not app.json:
        app.say(f"The fleet {template} is taken away.", style="bold green")


def _remove_jitp(app: App, cloud: Cloud, yes: bool) -> None:
    from atecc.aws import justintime

    there = {part: name for part, name in justintime.parts(cloud).items() if name}
    if there:
        app.warn(
            f"These are going to be deleted: {', '.join(f'{part} {name}' for part, name in there.items())}."
        )
        if not yes:
            app.ask_yes("Delete them?")
        justintime.remove(cloud)
    app.emit({"template": justintime.TEMPLATE, "removed": list(there.values())})
    if not app.json:
        app.say(
            "Just-in-time provisioning is taken away." if there else "There is nothing of it.",
            style="bold green",
        )
