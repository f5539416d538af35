"""`atecc provision fleet`: a board gets a claim, and with it a certificate from AWS, by itself."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.cli.awsaccount import account_options, cloud_of
from atecc.errors import ArgumentError, AteccError, RefusedError

if TYPE_CHECKING:
    from atecc.aws.certificates import Certificate
    from atecc.aws.fleet import Claim
    from atecc.device import Device
    from atecc.device.replies import IdentityInfo, IdentityStatus

FILE = click.Path(dir_okay=False, path_type=Path)
KEPT = (
    "The board keeps the claim, and goes on by itself: `atecc identity status` shows how. "
    "`atecc provision fleet --forget` ends that."
)


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
    "--claim-factory",
    is_flag=True,
    help="The claim is the certificate that a Trust&GO or TrustFLEX chip has; with --endpoint AWS knows it already.",
)
@click.option("--root", type=FILE, help="The root CA of the chip's signer, if it is not Microchip's.")
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
@click.option(
    "--take-over", is_flag=True, help="Also if the board is a thing already: it becomes that of its chip."
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
    if options["claim_factory"] and options["claim_cert"]:
        raise ArgumentError("Either --claim-factory, or --claim-cert FILE and --claim-key FILE.")
    if options["claim_factory"] and options["no_wait"] and not options["endpoint"]:
        raise ArgumentError(
            "The chip's certificate is registered for this run alone: --no-wait would leave it there for good.",
            "With --endpoint it is one that AWS knows already.",
        )
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
    from atecc.aws import certificates
    from atecc.provisioning import claim as claims

    before = device.identity_status()
    claim = _Claim(app, options)
    there = (
        None if options["take_over"] else claims.already(before, device.chip_info().serial, claim.where[0])
    )
    if there is not None:
        _unchanged(app, there)
        return
    claim.make(device)
    status = None
    try:
        claims.hand_over(device, options["template"], claim.given, claim.where, claim.trusted)
        if options["no_wait"]:
            app.emit({"claim": True}, "The board has the claim, and asks AWS when it is on a network.")
            return
        app.say("The board makes its key, and asks AWS for a certificate …")
        try:
            status = claims.wait(device, before)
        except AteccError as error:
            if claim.lasts:
                error.notes.append(KEPT)
            raise
        except KeyboardInterrupt:
            if claim.lasts:
                app.warn(KEPT)
            raise
    finally:
        if status is None and not (claim.lasts or options["no_wait"]):
            with suppress(AteccError):  # the first error is the one to be told
                device.forget_claim()
        if claim.admitted and not options["no_wait"]:
            certificates.withdraw(claim.cloud, claim.admitted.id, claim.admitted.arn)
    _show(app, status, device.mqtt_connect().state, options["template"])


class _Claim:
    """For the broker `where`, whom the board knows by `trusted`; AWS is asked for what was not said.

    given: when it is made.
    admitted: what was registered for this run alone. lasts: whether it is of use afterwards.
    """

    def __init__(self, app: App, options: dict[str, Any]) -> None:
        from atecc.aws.cloud import amazon_roots
        from atecc.broker.address import MQTT_TLS_PORT, parse_broker
        from atecc.x509.keyfile import load_certificates
        from atecc.x509.requests import der

        server_ca, where = options["server_ca"], options["endpoint"]
        self.trusted = [der(one) for one in (load_certificates(server_ca) if server_ca else amazon_roots())]
        self.admitted: Certificate | None = None
        self._options = options
        self._of_files = _of_files(options)
        if where is None or not (self._of_files or options["claim_factory"]):
            self.cloud = cloud_of(app, options)
        self.where = parse_broker(where) if where else parse_broker(self.cloud.endpoint(), MQTT_TLS_PORT)

    def make(self, device: Device) -> None:
        from atecc.aws import fleet

        template, of_chip = self._options["template"], self._options["claim_factory"]
        given = self._of_chip(device, self._options["root"]) if of_chip else self._of_files
        self.given = given or fleet.claim_for_minutes(self.cloud, template)
        if of_chip and self._options["endpoint"] is None:
            self.admitted = fleet.admit(self.cloud, template, self._certificate)
        self.lasts = self.given.until is None and not self.admitted

    def _of_chip(self, device: Device, root: Path | None) -> Claim:
        from atecc.aws.fleet import Claim
        from atecc.provisioning.factory import read_factory, root_point
        from atecc.x509.factory import DEVICE_KEY
        from atecc.x509.requests import der

        chain = read_factory(device, root_point(root)).chain
        self._certificate = chain.device
        return Claim([der(chain.device), der(chain.signer)], DEVICE_KEY)


def _of_files(options: dict[str, Any]) -> Claim | None:
    from atecc.aws.fleet import read_claim

    given = options["claim_cert"]
    return read_claim(given, options["claim_key"]) if given else None


def _unchanged(app: App, one: IdentityInfo) -> None:
    from atecc.provisioning.claim import left_alone

    app.emit({"changed": False, "why": left_alone(one), "thing": one.name, "certificate_id": one.sha256})
    if not app.json:
        app.say(left_alone(one), style="bold green")


def _show(app: App, status: IdentityStatus, link: str, template: str) -> None:
    one = status.identities[status.active or ""]
    app.emit(
        {
            "changed": True,
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
