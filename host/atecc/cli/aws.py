"""`atecc aws`: what is at AWS IoT, and what should not be there any more."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.errors import ArgumentError, RefusedError

if TYPE_CHECKING:
    from atecc.aws.certificates import Certificate
    from atecc.aws.cloud import Cloud


@click.group("aws", cls=Group)
def command() -> None:
    """Certificates at AWS IoT: listed, taken away. `atecc provision aws` makes them."""


def account_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--region", help="AWS region. Default: that of the AWS configuration."),
        click.option("--profile", help="Profile of the AWS configuration."),
        click.option(
            "--aws-endpoint-url",
            help="Another endpoint than AWS's, for a stand-in. Default: $AWS_ENDPOINT_URL.",
        ),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), function)


def cloud_of(app: App, options: dict[str, Any]) -> Cloud:
    from atecc.aws.cloud import Cloud

    cloud = Cloud(options["region"], options["profile"], options["aws_endpoint_url"])
    if cloud.elsewhere:
        app.warn(f"AWS is not asked: {cloud.elsewhere} stands in for it.")
    return cloud


@command.command("certificates", cls=Command, examples="atecc aws certificates --thing sensor-1")
@click.option("--thing", required=True, help="The thing that they are attached to.")
@account_options
@pass_app
def listing(app: App, /, thing: str, **options: Any) -> None:
    """List the certificates of a thing."""
    from atecc.aws.certificates import of_thing
    from atecc.aws.thing import check_thing
    from atecc.cli.screen import Grid
    from atecc.cli.show import utc

    check_thing(thing)
    found = sorted(of_thing(cloud_of(app, options), thing), key=lambda one: one.created, reverse=True)
    grid = Grid("certificate", "status", "since", "made", "valid until", unbroken="certificate")
    for one in found:
        grid.add(one.id, one.status, utc(one.modified), utc(one.created), utc(one.not_after))
    app.emit({"thing": thing, "certificates": [_document(one) for one in found]}, grid)


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
    from atecc.aws.thing import check_thing
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
    app.emit({"deleted": swept.deleted, "unsure": swept.unsure})
    if not app.json:
        app.say(f"{count or 'No'} certificate{'' if count == 1 else 's'} taken away.", style="bold green")
