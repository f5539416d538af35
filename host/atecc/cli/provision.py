"""`atecc provision`: a key in the chip, a certificate for it, MQTT running with both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli import provisionfleet
from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.awscalls import raw
from atecc.cli.options import days, days_option, together
from atecc.errors import ArgumentError, RefusedError

if TYPE_CHECKING:
    from atecc.aws.owned import OwnCa
    from atecc.device.replies import ChipInfo, Login
    from atecc.provisioning.authority import Unchanged, Wish
    from atecc.provisioning.order import Connection, Order, Renewal
    from atecc.provisioning.workflow import Outcome
    from atecc.x509.names import Rdns

FILE = click.Path(dir_okay=False, path_type=Path)


@click.group("provision", cls=Group)
def command() -> None:
    """Give the board an identity: key, certificate, MQTT.

    The idle one of its two identities is made, tried on the real broker, and only then switched to.
    """


_login_options = together(
    click.option(
        "--username", metavar="NAME", help="For a broker that wants a user name and a password as well."
    ),
    click.option("--password-file", type=FILE, help="Holds that password. Default: asks."),
    click.option("--alpn", metavar="PROTOCOL", hidden=True),
)


_renewal_options = together(
    click.option(
        "--renew", is_flag=True, help="A new key and certificate also if the board is that already."
    ),
    click.option(
        "--renew-before",
        metavar="TIME",
        help="The same, but only if its certificate ends within 30d, 12h …",
    ),
)


MQTT_RPC = click.option(
    "--mqtt-rpc",
    is_flag=True,
    help="Let operators call the device over MQTT too, with requests that they sign. Over USB only.",
)


_key_options = together(
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
    click.option("--no-broker-check", is_flag=True, help="Don't look at the broker first."),
    MQTT_RPC,
)


@command.command(
    "ca",
    cls=Command,
    examples="atecc provision ca --ca-cert ca.crt.pem --ca-key ca.key.pem --subject /CN=sensor-1 --days 365 "
    "--broker mqtt.acme.ie",
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
@days_option
@click.option(
    "--broker", required=True, metavar="HOST[:PORT]", help="The MQTT broker, as the board reaches it."
)
@click.option("--server-ca", type=FILE, help="The CA of the broker's certificate. Default: the same CA.")
@click.option("--name", help="The device's name. Default: the subject's CN, or the board's id.")
@_renewal_options
@_login_options
@_key_options
@pass_app
def ca(app: App, /, **options: Any) -> None:
    """Provision with a certificate from your own CA."""
    from atecc.broker.address import parse_broker
    from atecc.cli.secrets import password
    from atecc.provisioning.local import LocalOrder

    order = LocalOrder(
        wish=_wish(options, _subject(options)),
        connection=_connection(app, options),
        broker=parse_broker(options["broker"]),
        ca_cert=options["ca_cert"],
        ca_key=options["ca_key"],
        ask_password=password(app, options["ca_key_password_file"], "--ca-key-password-file"),
        days=days(options),
        name=options["name"],
        renewal=_renewal(options),
    )
    _carry_out(app, order)


@command.command(
    "aws",
    cls=Command,
    examples="""atecc provision aws --thing sensor-1
    atecc provision aws --thing sensor-1 --renew-before 30d
    atecc provision aws --thing sensor-1 --ca-cert ca.crt.pem --ca-key ca.key.pem
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
    "--server-ca",
    type=FILE,
    envvar="ATECC_AWS_SERVER_CA",
    help="The CA of the broker's certificate. Default: $ATECC_AWS_SERVER_CA, or Amazon Root CA 1 and 3.",
)
@click.option("--ca-cert", type=FILE, help="A CA of your own, which signs the certificate instead of AWS.")
@click.option("--ca-key", type=FILE, help="Its key.")
@click.option(
    "--ca-key-password-file", type=FILE, help="Holds the key's password, if it has one. Default: asks."
)
@days_option
@_renewal_options
@click.option(
    "--take-over", is_flag=True, help="Also if the thing is another board, or this board another thing."
)
@click.option(
    "--keep-previous",
    metavar="TIME",
    default="7d",
    show_default=True,
    help="How long the certificate before is kept, deactivated, before it is deleted.",
)
@click.option("--thing-type", help="The thing's type: made if there is none.")
@click.option("--group", "groups", multiple=True, help="A thing group that the thing joins; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Show each call to AWS that would change something; make none.")
@_key_options
@pass_app
def aws(app: App, /, **options: Any) -> None:
    """Provision with a certificate from AWS IoT: thing, policy and certificate, made and attached."""
    from atecc.aws.document import read_document
    from atecc.aws.naming import default_subject
    from atecc.aws.thing import AwsOrder
    from atecc.broker.address import parse_broker
    from atecc.cli.times import seconds

    if options["policy_file"] and not options["policy"]:
        raise ArgumentError("--policy-file needs --policy NAME.")
    subject = _subject(options) if options["subject"] else default_subject(options["thing"])
    order = AwsOrder(
        wish=_wish(options, subject),
        connection=_connection(app, options),
        thing=options["thing"],
        policy=options["policy"],
        policy_document=read_document(options["policy_file"]) if options["policy_file"] else None,
        endpoint=parse_broker(options["endpoint"]) if options["endpoint"] else None,
        region=options["region"],
        profile=options["profile"],
        endpoint_url=options["aws_endpoint_url"],
        renewal=_renewal(options),
        take_over=options["take_over"],
        keep_previous=seconds(options["keep_previous"], "--keep-previous"),
        thing_type=options["thing_type"],
        groups=list(options["groups"]),
        dry_run=options["dry_run"],
        own_ca=_own_ca(app, options),
    )
    _carry_out(app, order, options["dry_run"])


def _own_ca(app: App, options: dict[str, Any]) -> OwnCa | None:
    from atecc.aws.owned import OwnCa
    from atecc.cli.secrets import password

    files = options["ca_cert"], options["ca_key"]
    if files == (None, None) and options["days"] is None:
        return None
    if None in files:
        raise ArgumentError(
            "A CA of your own takes both: --ca-cert FILE and --ca-key FILE.",
            "A certificate of AWS's has no --days.",
        )
    ask = password(app, options["ca_key_password_file"], "--ca-key-password-file")
    return OwnCa(*files, ask, days(options))


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
@click.option("--no-broker-check", is_flag=True, help="Don't look at the broker first.")
@_login_options
@MQTT_RPC
@pass_app
def factory(app: App, /, **options: Any) -> None:
    """Provision a Trust&GO or TrustFLEX chip with the certificate it has from the factory.

    The broker must trust Microchip's root CA, or the chip's signer: `atecc cert factory` prints its certificate.
    """
    from atecc.broker.address import parse_broker
    from atecc.provisioning.factory import FactoryOrder, root_point

    order = FactoryOrder(
        connection=_connection(app, options),
        broker=parse_broker(options["broker"]),
        root=root_point(options["root"]),
        name=options["name"],
    )
    _carry_out(app, order)


command.add_command(provisionfleet.command)

# What was typed, for an order


def _subject(options: dict[str, Any]) -> Rdns:
    from atecc.x509.names import parse_subject

    return parse_subject(options["subject"])


def _wish(options: dict[str, Any], subject: Rdns) -> Wish:
    from atecc.provisioning.authority import Wish

    return Wish(subject, list(options["san"]), options["key"], options["slot"], options["yes_overwrite"])


def _renewal(options: dict[str, Any]) -> Renewal:
    from atecc.cli.times import seconds
    from atecc.provisioning.order import Renewal

    before = options["renew_before"]
    return Renewal(options["renew"], seconds(before, "--renew-before") if before else 0)


def _connection(app: App, options: dict[str, Any]) -> Connection:
    from atecc.provisioning.order import Connection
    from atecc.x509.keyfile import load_certificates

    if options["mqtt_rpc"] and app.address is not None:
        raise RefusedError(
            "Who may call a device is decided over USB: --mqtt-rpc works there only.",
            "Leave it out, or plug the device in and name its serial port: --port /dev/ttyUSB0",
        )
    trusted = load_certificates(options["server_ca"]) if options["server_ca"] else []
    login, requests = _login(app, options), options["mqtt_rpc"]
    return Connection(options["client_id"], trusted, not options["no_broker_check"], login, requests)


def _login(app: App, options: dict[str, Any]) -> Login | None:
    """User name and password for the broker."""
    from atecc.cli.secrets import password
    from atecc.device.replies import Login
    from atecc.provisioning.look import NO_ALPN

    if options.get("alpn"):
        raise ArgumentError(
            f"--alpn is not possible: {NO_ALPN}.",
            "Most brokers need none, and AWS IoT none on port 8883.",
        )
    if not options.get("username"):
        if options.get("password_file"):
            raise ArgumentError("--password-file needs --username NAME.")
        return None
    ask = password(app, options["password_file"], "--password-file")
    secret = ask(f"Password of {options['username']} at the broker")
    try:
        return Login(options["username"], secret.decode())
    except UnicodeDecodeError as error:
        raise ArgumentError("The broker's password is not text in UTF-8.") from error


# An order, and what became of it


def _carry_out(app: App, order: Order, dry_run: bool = False) -> None:
    from atecc.cli.show import Progress
    from atecc.provisioning.authority import Unchanged
    from atecc.provisioning.trust import learner
    from atecc.provisioning.workflow import Planned, provision

    def confirm(chip: ChipInfo) -> str:
        app.warn(f"A key in chip {chip.serial} is going to be destroyed, for good.")
        return app.ask(
            "Type the chip's serial number to replace it:", "--yes-overwrite SERIAL confirms it in a script."
        )

    with app.device() as device:
        learn = learner(app.operator(), app.address, device)
        outcome = provision(device, order, confirm, Progress(app), learn, dry_run)
        if isinstance(outcome, Unchanged):
            _unchanged(app, outcome)
        elif isinstance(outcome, Planned):
            show_calls(app, outcome.calls, outcome.steps.warnings)
        else:
            _show(app, outcome)


def _unchanged(app: App, found: Unchanged) -> None:
    app.emit({"changed": False, "why": found.why, **found.facts, "warnings": found.steps.warnings})
    if not app.json:
        app.say(found.why, style="bold green")


def show_calls(app: App, planned: list[tuple[str, dict[str, Any]]], warnings: list[str]) -> None:
    """What a dry run would have asked AWS to do."""
    calls = [{"action": action, "parameters": params} for action, params in planned]
    lines = [raw(action, params) for action, params in planned]
    app.emit({"dry_run": True, "calls": calls, "warnings": warnings}, *lines)
    if not app.json:
        app.say("Nothing was done: these calls would be made." if calls else "Nothing would be done.")


def _show(app: App, outcome: Outcome) -> None:
    app.emit({"changed": True, **outcome.as_dict()})
    if not app.json:
        total = sum(step.ms for step in outcome.steps.done) / 1000
        app.say(
            f"{outcome.target.name} is on {outcome.target.endpoint}: provisioned in {total:.1f} s.",
            style="bold green",
        )
        app.say(f"Try it: atecc mqtt publish things/{outcome.target.name}/hello 'hello, world' --round-trip")
