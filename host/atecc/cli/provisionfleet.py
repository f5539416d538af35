"""`atecc provision fleet`: a board gets a claim, and with it a certificate from AWS, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.cli.awsaccount import account_options, cloud_of
from atecc.errors import ArgumentError, AteccError, RefusedError

if TYPE_CHECKING:
    from atecc.aws.fleet import Claim
    from atecc.device import Device
    from atecc.device.replies import IdentityStatus

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    "fleet",
    cls=Command,
    examples="""atecc provision fleet
    atecc provision fleet --claim-cert claim.crt.pem --claim-key claim.key.pem --no-wait""",
)
@click.option(
    "--template", default="atecc", show_default=True, help="As `atecc aws fleet setup` has made it."
)
@click.option(
    "--claim-cert", type=FILE, help="A claim's certificate. Default: AWS makes one for five minutes."
)
@click.option("--claim-key", type=FILE, help="Its key.")
@click.option(
    "--endpoint",
    metavar="HOST[:PORT]",
    help="The broker. Default: what AWS says. With it and a claim AWS need not be asked.",
)
@click.option(
    "--server-ca",
    type=FILE,
    envvar="ATECC_AWS_SERVER_CA",
    help="The CA of the broker's certificate. Default: $ATECC_AWS_SERVER_CA, or Amazon Root CA 1 and 3.",
)
@click.option(
    "--no-wait", is_flag=True, help="The board asks AWS when it is on a network: don't wait for it."
)
@click.option("--forget", is_flag=True, help="Take the board's claim away instead.")
@account_options
@pass_app
def command(app: App, /, **options: Any) -> None:
    """Give the board a claim: it makes its key, asks AWS for a certificate, and forgets the claim.

    Over USB only. It goes on by itself, after a power cut too, until it has a certificate.
    """
    from atecc.aws.fleet import check_template

    check_template(options["template"])
    if (options["claim_cert"] is None) != (options["claim_key"] is None):
        raise ArgumentError("A claim takes both: --claim-cert FILE and --claim-key FILE.")
    if app.address is not None:
        raise RefusedError(
            "A claim's key goes over USB only.", "Plug the device in, and name its serial port."
        )
    if options["forget"]:
        with app.device() as device:
            device.forget_claim()
        app.emit({"claim": False}, "The board has no claim any more.")
        return
    with app.device() as device:
        _have_it_ask(app, device, options)


def _have_it_ask(app: App, device: Device, options: dict[str, Any]) -> None:
    from atecc.provisioning import claim as claims

    before = device.identity_status()
    given, where, roots = _claim(app, options)
    claims.hand_over(device, options["template"], given, where, roots)
    if options["no_wait"]:
        app.emit({"claim": True}, "The board has the claim, and asks AWS when it is on a network.")
        return
    app.say("The board makes its key, and asks AWS for a certificate …")
    try:
        status = claims.wait(device, before)
    except AteccError as error:
        if given.until is None:
            error.notes.append(
                "The board keeps the claim, and goes on by itself: `atecc identity status` shows how. "
                "`atecc provision fleet --forget` ends that."
            )
        else:
            device.forget_claim()
        raise
    _show(app, status, device.mqtt_connect().state, options["template"])


def _claim(app: App, options: dict[str, Any]) -> tuple[Claim, tuple[str, int], list[bytes]]:
    """The claim, the broker, and whom the board is to trust."""
    from atecc.aws import fleet
    from atecc.aws.cloud import amazon_roots
    from atecc.broker.address import MQTT_TLS_PORT, parse_broker
    from atecc.x509.keyfile import load_certificates
    from atecc.x509.requests import der

    given = options["claim_cert"] and fleet.read_claim(options["claim_cert"], options["claim_key"])
    where = parse_broker(options["endpoint"]) if options["endpoint"] else None
    trusted = load_certificates(options["server_ca"]) if options["server_ca"] else amazon_roots()
    if given is None or where is None:
        cloud = cloud_of(app, options)
        where = where or parse_broker(cloud.endpoint(), MQTT_TLS_PORT)
        given = given or fleet.claim_for_minutes(cloud, options["template"])
    return given, where, [der(one) for one in trusted]


def _show(app: App, status: IdentityStatus, link: str, template: str) -> None:
    one = status.identities[status.active or ""]
    app.emit(
        {
            "template": template,
            "identity": status.active,
            "slot": one.slot,
            "thing": one.name,
            "endpoint": one.endpoint,
            "certificate_id": one.sha256,
            "not_after": one.not_after,
            "mqtt": link,
        }
    )
    if not app.json:
        app.say(f"{one.name} is on {one.endpoint}, and has forgotten the claim.", style="bold green")
