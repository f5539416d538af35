"""`atecc provision`: a key in the chip, a certificate for it, MQTT running with both."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, Group, pass_app
from atecc.errors import ArgumentError, CertificateError

if TYPE_CHECKING:
    from cryptography import x509

    from atecc.device import Device
    from atecc.provisioning.authority import Authority, Wish

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("provision", cls=Group)
def command() -> None:
    """Give the board an identity: key, certificate, MQTT.

    The idle one of its two identities is made, tried on the real broker, and only then switched to.
    """


def _key_options(function: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option(
            "--san", multiple=True, metavar="TYPE:NAME", help="Alternative name: DNS:…, IP:…, URI:…, email:…"
        ),
        click.option("--slot", type=click.IntRange(0, 15), help="Key slot. Default: the idle identity's."),
        click.option(
            "--key",
            type=click.Choice(["new", "existing", "overwrite"]),
            default="new",
            show_default=True,
            help="Make a key, use the one that is there, or replace one that nobody here knows.",
        ),
        click.option(
            "--yes-overwrite", metavar="SERIAL", help="The chip's serial number: confirms --key overwrite."
        ),
        click.option("--client-id", help="MQTT client ID. Default: the name."),
        click.option(
            "--no-broker-check", is_flag=True, help="Don't look at the broker from this computer first."
        ),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), function)


@command.command(
    "ca",
    cls=Command,
    examples="""atecc provision ca --ca-cert ca.crt.pem --ca-key ca.key.pem --subject /C=IE/O=ACME/CN=sensor-1
    ...   --days 365 --broker mqtt.acme.ie:8883""",
)
@click.option(
    "--ca-cert", required=True, type=FILE, help="The CA's certificate: PEM (text around it is fine) or DER."
)
@click.option(
    "--ca-key", required=True, type=FILE, help="The CA's key: SEC1, PKCS#1, PKCS#8; PEM or DER; EC or RSA."
)
@click.option(
    "--ca-key-password-file", type=FILE, help="Holds the key's password, if it has one. Default: asks."
)
@click.option("--subject", required=True, help="/C=IE/O=ACME/CN=sensor-1, or C=IE,O=ACME,CN=sensor-1.")
@click.option("--days", required=True, type=int, help="How long the certificate is valid.")
@click.option(
    "--broker", required=True, metavar="HOST[:PORT]", help="The MQTT broker, as the board reaches it."
)
@click.option("--server-ca", type=FILE, help="The CA of the broker's certificate. Default: the same CA.")
@click.option("--name", help="The device's name. Default: the subject's CN, or the board's id.")
@_key_options
@pass_app
def ca(app: App, /, **options: Any) -> None:
    """Provision with a certificate from your own CA."""
    from atecc.x509.names import parse_subject

    subject = parse_subject(options["subject"])
    with app.device() as device:
        wish = _wish(app, device, options, subject)
        authority = _local_authority(app, device, options, subject)
        _run(app, device, authority, wish)


@command.command(
    "aws",
    cls=Command,
    examples="""atecc provision aws --thing sensor-1
    atecc provision aws --thing sensor-1 --policy sensors --policy-file sensors.json --region eu-west-1""",
)
@click.option(
    "--thing", required=True, help="The thing's name: made if there is none; client ID and CN as well."
)
@click.option("--policy", help="The policy's name. Default: atecc-device, made if there is none.")
@click.option("--policy-file", type=FILE, help="The policy's document, if it has to be made.")
@click.option("--region", help="AWS region. Default: that of the AWS configuration.")
@click.option("--profile", help="Profile of the AWS configuration.")
@click.option(
    "--aws-endpoint-url", help="Another endpoint than AWS's, for a stand-in. Default: $AWS_ENDPOINT_URL."
)
@click.option("--subject", help="The request's subject. Default: /CN=THING.")
@click.option("--endpoint", metavar="HOST[:PORT]", help="The broker. Default: what AWS says (iot:Data-ATS).")
@click.option(
    "--server-ca", type=FILE, help="The CA of the broker's certificate. Default: Amazon Root CA 1 and 3."
)
@_key_options
@pass_app
def aws(app: App, /, **options: Any) -> None:
    """Provision with a certificate from AWS IoT: thing, policy and certificate, made and attached."""
    from atecc.aws.thing import default_subject
    from atecc.x509.names import parse_subject

    subject = default_subject(options["thing"])
    if options["subject"]:
        subject = parse_subject(options["subject"])
    with app.device() as device:
        wish = _wish(app, device, options, subject)
        _run(app, device, _aws_authority(options), wish)


@command.command(
    "factory",
    cls=Command,
    examples="""atecc provision factory --broker mqtt.acme.ie:8883 --server-ca ca.crt.pem --name sensor-1""",
)
@click.option(
    "--broker", required=True, metavar="HOST[:PORT]", help="The MQTT broker, as the board reaches it."
)
@click.option("--server-ca", required=True, type=FILE, help="The CA of the broker's certificate.")
@click.option("--root", type=FILE, help="The root CA of the chip's signer, if it is not Microchip's.")
@click.option("--name", help="The device's name. Default: the certificate's CN.")
@click.option("--client-id", help="MQTT client ID. Default: the name.")
@click.option("--no-broker-check", is_flag=True, help="Don't look at the broker from this computer first.")
@pass_app
def factory(app: App, /, **options: Any) -> None:
    """Provision a Trust&GO or TrustFLEX chip with the certificate it has from the factory.

    The broker must trust the chip's signer: `atecc cert factory` prints its certificate.
    """
    from atecc.provisioning.authority import Target, Wish
    from atecc.provisioning.broker import parse_broker
    from atecc.provisioning.factory import FactoryAuthority, read_factory, root_point
    from atecc.x509.factory import DEVICE_KEY

    host, port = parse_broker(options["broker"])
    trusted = _certificates(options["server_ca"])
    root = root_point(options["root"])
    with app.device() as device:
        found = read_factory(device, root)
        name = options["name"] or found.subject[-1][0][1]
        target = Target(name, options["client_id"] or name, host, port, trusted)
        authority = FactoryAuthority(found, target, not options["no_broker_check"])
        _run(app, device, authority, Wish(found.subject, key="existing", slot=DEVICE_KEY))


def _wish(app: App, device: Device, options: dict[str, Any], subject: list[list[tuple[str, str]]]) -> Wish:
    from atecc.provisioning.authority import Wish
    from atecc.x509.names import to_x509
    from atecc.x509.requests import general_name

    to_x509(subject)
    for name in options["san"]:
        general_name(name)
    serial = options["yes_overwrite"]
    if options["key"] == "overwrite" and not serial:
        chip = device.chip_info()
        app.warn(f"A key in chip {chip.serial} is going to be destroyed, for good.")
        serial = app.ask(
            "Type the chip's serial number to replace it:", "--yes-overwrite SERIAL confirms it in a script."
        )
    return Wish(subject, list(options["san"]), options["key"], options["slot"], serial)


def _local_authority(
    app: App, device: Device, options: dict[str, Any], subject: list[list[tuple[str, str]]]
) -> Authority:
    from atecc.cli.secrets import password
    from atecc.provisioning.authority import Target
    from atecc.provisioning.broker import parse_broker
    from atecc.provisioning.local import LocalAuthority
    from atecc.x509.authority import LocalCA

    host, port = parse_broker(options["broker"])
    own = LocalCA.load(
        options["ca_cert"],
        options["ca_key"],
        password(app, options["ca_key_password_file"], "--ca-key-password-file"),
    )
    common = [value for rdn in subject for kind, value in rdn if kind == "CN"]
    name = options["name"] or (common[-1] if common else device.info().id)
    trusted = _certificates(options["server_ca"]) or [own.root]
    target = Target(name, options["client_id"] or name, host, port, trusted)
    return LocalAuthority(own, options["days"], target, not options["no_broker_check"])


def _aws_authority(options: dict[str, Any]) -> Authority:
    from atecc.aws.cloud import Cloud
    from atecc.aws.thing import AwsAuthority, CloudWish
    from atecc.provisioning.broker import parse_broker

    if options["policy_file"] and not options["policy"]:
        raise ArgumentError("--policy-file needs --policy NAME.")
    document = _policy_document(options["policy_file"])
    wish = CloudWish(
        thing=options["thing"],
        client_id=options["client_id"] or options["thing"],
        policy=options["policy"],
        policy_document=document,
        endpoint=parse_broker(options["endpoint"]) if options["endpoint"] else None,
        server_ca=_certificates(options["server_ca"]),
        check_broker=not options["no_broker_check"],
    )
    return AwsAuthority(Cloud(options["region"], options["profile"], options["aws_endpoint_url"]), wish)


def _run(app: App, device: Device, authority: Authority, wish: Wish) -> None:
    from atecc.cli.show import Progress
    from atecc.provisioning.workflow import Provisioning

    outcome = Provisioning(device, authority, wish, Progress(app), _learner(app)).run()
    app.emit(outcome.as_dict())
    if not app.json:
        total = sum(step.ms for step in outcome.steps.done) / 1000
        app.say(
            f"{outcome.target.name} is on {outcome.target.endpoint}: provisioned in {total:.1f} s.",
            style="bold green",
        )
        app.say(f"Try it: atecc mqtt publish things/{outcome.target.name}/hello 'hello, world' --round-trip")


def _learner(app: App) -> Callable[[str, bytes], None] | None:
    """Where a new key is noted, for wss://: not if the way to the device could have been anybody's."""
    from atecc.operators.known import fingerprint

    operator = app.operator()
    if not operator.exists or (app.address is not None and app.address.scheme == "ws"):
        return None
    return lambda name, point: operator.devices.learn(name, [fingerprint(point)])


def _certificates(path: Path | None) -> list[x509.Certificate]:
    from atecc.x509.keyfile import load_certificates

    return load_certificates(path) if path else []


def _policy_document(path: Path | None) -> dict[str, Any] | None:
    import json

    from atecc.x509.keyfile import read_file

    if path is None:
        return None
    try:
        document = json.loads(read_file(path, "the policy"))
    except ValueError as error:
        raise CertificateError(f"{path} is not JSON: {error}.") from error
    if not isinstance(document, dict):
        raise CertificateError(f"{path} is not a policy document.")
    return document
