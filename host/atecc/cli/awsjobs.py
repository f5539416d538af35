"""`atecc aws rotate` and `atecc aws expiring`: renewal of many devices, and which of them need it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.cli.awsaccount import account_options, cloud_of
from atecc.errors import ArgumentError, AwsError

if TYPE_CHECKING:
    from atecc.aws.cloud import Cloud
    from atecc.aws.rotation import Failure, Job

# So many reasons are shown; --json has all.
SHOWN = 20


@click.command(
    "rotate",
    cls=Command,
    examples="""atecc aws rotate --thing sensor-1
    atecc aws rotate --group greenhouse --per-minute 50 --abort-at 5%
    atecc aws rotate --job rotate-20261129-081500-3f2a9c""",
)
@click.option("--thing", multiple=True, help="This device; may be repeated.")
@click.option("--group", multiple=True, help="The devices in this thing group; may be repeated.")
@click.option(
    "--per-minute",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="So many devices a minute. Default: AWS's 1000.",
)
@click.option(
    "--abort-at",
    metavar="PERCENT",
    help="Stop when so many have failed: 5%, from the 20th device on. A job for fewer stops at the first failure.",
)
@click.option(
    "--template", metavar="NAME", help="Provisioning template. Default: that of `atecc aws fleet setup`."
)
@click.option("--job", metavar="ID", help="Start nothing: follow this job.")
@account_options
@pass_app
def rotate(
    app: App,
    /,
    thing: tuple[str, ...],
    group: tuple[str, ...],
    per_minute: int | None,
    abort_at: str | None,
    template: str | None,
    job: str | None,
    **options: Any,
) -> None:
    """Have devices renew their keys and certificates, through an AWS IoT job, and show how it goes.

    Each device makes a new key, obtains a certificate for it, tries it, and goes back to the old one if anything fails.
    Devices take such jobs when their setting aws.jobs is true.
    """
    from atecc.aws import rotation
    from atecc.aws.fleet import Fleet
    from atecc.aws.naming import check_thing

    if job and (thing or group or per_minute or abort_at or template):
        raise ArgumentError("--job follows a job that is there: it goes with no other option of rotate.")
    for name in thing:
        check_thing(name)
    order = rotation.Order(
        list(thing), list(group), template or Fleet.template, per_minute, _percent(abort_at)
    )
    cloud = cloud_of(app, options)
    if job:
        rotation.check_ours(cloud, job)
        identifier = job
    else:
        identifier = rotation.start(cloud, order)
        app.say(f"The job {identifier} is started: AWS hands it to the devices.")
    _report(app, cloud, _follow(app, cloud, identifier))


def _percent(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,2})?)%?", text.strip())
    if not found or not 0 < float(found[1]) <= 100:
        raise ArgumentError(f"--abort-at {text} is no percentage.", "More than 0, 100 at most: 5%, or 0.5%.")
    return float(found[1])


def _follow(app: App, cloud: Cloud, identifier: str) -> Job:
    from atecc.aws import rotation

    waiting = 0
    try:
        with app.err.progress("the devices renew their certificates") as tell:

            def hear(job: Job) -> None:
                nonlocal waiting
                waiting = job.counts["queued"]
                tell(job.done, job.told)

            return rotation.follow(cloud, identifier, hear)
    except KeyboardInterrupt:
        if waiting:
            app.warn(f"{waiting} of them have not begun: are they connected, and is aws.jobs true on them?")
        app.say(
            f"The job goes on at AWS: `{rotation.follow_command(identifier)}` follows it, "
            f"`aws iot cancel-job --job-id {identifier}` stops it."
        )
        raise


def _report(app: App, cloud: Cloud, job: Job) -> None:
    from atecc.aws import rotation

    failed = list(rotation.failures(cloud, job))
    calls = sum(cloud.calls.values())
    document = {
        "job": job.id,
        "status": job.status,
        "devices": job.counts,
        "failures": [vars(one) for one in failed],
        "calls": dict(cloud.calls),
    }
    renewed = job.counts["succeeded"]
    plural = "" if renewed == 1 else "s"
    lines = [f"{renewed} device{plural} renewed, of {job.told}, with {calls} calls to AWS."]
    app.emit(document, *lines, *_shown(failed))
    if job.status == "CANCELED" or failed:
        why = (
            f"The job was stopped{f' ({job.reason})' if job.reason else ''}: "
            if job.status == "CANCELED"
            else ""
        )
        raise AwsError(
            f"{why}{len(failed)} device{'' if len(failed) == 1 else 's'} not renewed.",
            "What has failed stays connected with its old certificate. When the reason is gone: the same again with "
            "--thing, for these.",
        )


def _shown(failed: list[Failure]) -> list[str]:
    lines = [f"{one.thing}  {one.status}  {one.reason}" for one in failed[:SHOWN]]
    return lines + ([f"and {len(failed) - SHOWN} more: --json has all"] if len(failed) > SHOWN else [])


@click.command("expiring", cls=Command, examples="atecc aws expiring --within 30d")
@click.option("--within", metavar="TIME", default="30d", show_default=True, help="From now on.")
@account_options
@pass_app
def expiring(app: App, /, within: str, **options: Any) -> None:
    """List the active certificates that end soon, and whose they are.

    AWS's own certificates last until 2049: this is for those of CAs of your own.
    """
    from atecc.aws import rotation
    from atecc.cli.show import utc
    from atecc.cli.times import seconds

    span = seconds(within, "--within")
    cloud = cloud_of(app, options)
    found = sorted(rotation.expiring(cloud, span), key=lambda one: one.not_after)
    rows = [
        {"certificate_id": one.id, "not_after": int(one.not_after), "things": one.things} for one in found
    ]
    lines = [f"{utc(one.not_after)}  {' '.join(one.things) or '(no thing)'}  {one.id}" for one in found]
    app.emit({"within": int(span), "certificates": rows}, *lines)
    if not found and not app.json:
        app.say(f"No active certificate ends within {within}.")
