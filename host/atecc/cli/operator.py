"""`atecc operator`: who may call devices from afar, and how devices and operators get to know each other."""

from __future__ import annotations

import getpass
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import FILE, App, Command, Group, pass_app
from atecc.cli.awsaccount import account_options, cloud_of
from atecc.errors import ArgumentError, ChannelError, RefusedError

if TYPE_CHECKING:
    from cryptography import x509

    from atecc.device.replies import AccessStatus, MqttRequests, TrustedCa
    from atecc.provisioning.trust import Introduced

DAYS, CA_DAYS = 365, 3650
PASSWORD_FILE = click.option(
    "--ca-key-password-file",
    type=FILE,
    help="Holds the password of the CA's key. Default: asks, if it has one.",
)


@click.group("operator", cls=Group)
def command() -> None:
    """Call devices from afar: an operator's certificate, and the devices that trust it.

    An operator may do over the network what the owner may do over USB, except what is irreversible and who
    is let in.
    """


@command.command(
    "init", cls=Command, examples="atecc operator init\natecc operator init --name alice --days 90 --dir keys"
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where to. Default: --operator-dir's.",
)
@click.option("--name", help="The operator's name. Default: yours on this computer.")
@click.option("--days", type=int, default=DAYS, show_default=True, help="How long the certificate is valid.")
@click.option("--ca-days", type=int, default=CA_DAYS, show_default=True, help="How long the CA is valid.")
@click.option(
    "--ca-key-password", "protect", is_flag=True, help="Give the CA's key a password: it is asked for, twice."
)
@PASSWORD_FILE
@pass_app
def init(
    app: App,
    directory: Path | None,
    name: str | None,
    days: int,
    ca_days: int,
    protect: bool,
    ca_key_password_file: Path | None,
) -> None:
    """Make a CA of your own and a client certificate; nothing is ever overwritten.

    The CA's key is needed to renew the certificate, and to make others: it may have a password, and need not stay on
    this computer. The certificate's own key has none, for it is used with each call.
    """
    from atecc.operators.operator import Names, Operator

    operator = Operator(directory) if directory else app.operator()
    operator.make(Names(name or _login(), ca_days, days), _new_password(app, protect, ca_key_password_file))
    certificate = operator.check()
    app.emit(_described(certificate) | {"directory": str(operator.directory)})
    if not app.json:
        app.say(
            f"Operator made in {operator.directory}, {_until(certificate)}. Keep its *.key.pem to yourself."
        )
        app.say("Next, with the device on USB: atecc operator trust", style="cyan")


@command.command("renew", cls=Command, examples="atecc operator renew --days 365")
@click.option("--name", help="The operator's name. Default: the same as before.")
@click.option("--days", type=int, default=DAYS, show_default=True, help="How long the certificate is valid.")
@PASSWORD_FILE
@pass_app
def renew(app: App, name: str | None, days: int, ca_key_password_file: Path | None) -> None:
    """Make a new certificate from the same CA, for the same key; devices need not be told."""
    from atecc.cli.secrets import password

    operator = app.operator()
    ask = password(app, ca_key_password_file, "--ca-key-password-file")
    certificate = operator.renew(name, days, ask)
    app.emit(_described(certificate) | {"directory": str(operator.directory)})
    if not app.json:
        app.say(f"A new certificate is in {operator.certificate_file}, {_until(certificate)}.")


@command.command(
    "trust",
    cls=Command,
    examples="""atecc operator trust
    atecc operator trust --port /dev/ttyUSB0 --name shed""",
)
@click.option("--name", help="What the device is called here. Default: as it calls itself.")
@click.option(
    "--replace",
    is_flag=True,
    help="A device of this name is known: forget the keys that it had, and take these.",
)
@click.option(
    "--may-withdraw/--may-not-withdraw",
    default=None,
    help="May this operator withdraw others from afar? Default: as it was, which is no at first.",
)
@pass_app
def trust(app: App, name: str | None, replace: bool, may_withdraw: bool | None) -> None:
    """Over USB: let this operator call the device, and learn the device's keys.

    A board that has none of the keys that are known of a device of its name is refused: it is another one, or it is not
    the same any more.
    """
    from atecc.provisioning.trust import introduce

    if app.address is not None:
        raise RefusedError(
            "Trust begins over USB, where it is certain which device answers.",
            "Plug the device in, and name its serial port: --port /dev/ttyUSB0",
        )
    operator = app.operator()
    operator.check()
    with app.device() as device:
        found = introduce(device, operator, name, replace, may_withdraw)
    _show_introduced(app, found)


def _show_introduced(app: App, found: Introduced) -> None:
    app.emit(
        {
            "name": found.name,
            "keys": found.keys,
            "ca": asdict(found.ca),
            "address": found.address,
            "why": None if found.address else found.why_no_address,
        },
        *([found.address] if found.address else []),
    )
    if app.json:
        return
    app.say(f"{found.name} lets this operator in ({found.ca.subject}).")
    if found.keys:
        app.say(f"Known by {len(found.keys)} key{'s' if len(found.keys) > 1 else ''} from now on.")
    app.say(
        f"Try it: atecc --port {found.address} --device {found.name} info"
        if found.address
        else found.why_no_address,
        style="cyan",
    )


@command.command("list", cls=Command, examples="atecc operator list\natecc operator list --json")
@pass_app
def list_(app: App) -> None:
    """Show whom the device lets in, and where it listens."""
    from atecc.cli.show import pairs

    with app.device() as device:
        found = device.access_status()
    own = _own_ca(app)
    app.emit(asdict(found) | {"own": own}, pairs(rows(found, own)))


def rows(found: AccessStatus, own: str | None = None) -> list[tuple[str, str]]:
    """Who may do what, in lines for people."""
    from atecc.cli.bench import bench_words

    listed = [("Operators", _operator_words(one, own)) for one in found.operators] or [("Operators", "none")]
    lines = [("Bench", bench_words(found.bench)), *listed]
    for scheme, one in (("wss", found.wss), ("ws", found.ws)):
        words = (
            f"port {one.port}"
            if one.listening
            else f"on, but not listening: {one.why or 'no reason was given'}"
        )
        user = f", user {one.username}" if one.username else ""
        lines.append((f"{scheme}://", f"{words}{user}" if one.enabled else "off"))
    return [*lines, ("mqtts://", _mqtt_words(found.mqtt))]


def _mqtt_words(found: MqttRequests | None) -> str:
    """How requests that come through the broker are taken."""
    if found is None:
        return "on, from whomever the broker lets write to the device: its firmware is old"
    if not found.enabled:
        return "off"
    why = (
        "" if found.listening and not found.why else f", but not served: {found.why or 'no reason was given'}"
    )
    if found.unsigned:
        return f"on, WITHOUT an operator's signature too: whomever the broker lets write is an operator{why}"
    return f"on, for requests that an operator has signed{why}"


def _operator_words(one: TrustedCa, own: str | None) -> str:
    from atecc.cli.show import utc

    mark = " (yours)" if one.sha256 == own else ""
    right = ", may withdraw others" if one.withdraw else ""
    return f"{one.subject}{mark}{right}, valid until {utc(one.not_after)}, SHA-256 {one.sha256}"


@command.command(
    "forget",
    cls=Command,
    examples="""atecc operator forget
    atecc operator forget 3f9a01c2
    atecc operator forget 3f9a01c2 --all""",
)
@click.argument("sha256", required=False)
@click.option("--all", "every", is_flag=True, help="Tell every device that is known here, over wss://.")
@pass_app
def forget(app: App, sha256: str | None, every: bool) -> None:
    """Don't let an operator in any more: SHA256 of its CA, or the beginning of it. Default: this operator.

    Over USB, and from afar for an operator who may withdraw others (`atecc operator trust --may-withdraw`). What that
    operator has open ends.
    """
    if every:
        _forget_everywhere(app, sha256)
        return
    own = _own_ca(app)
    with app.device() as device:
        trusted = device.access_status().operators
        one = _choose(trusted, sha256.lower() if sha256 else own)
        device.forget(one.sha256)
    app.emit(asdict(one), f"The device does not let {one.subject} in any more.")
    others = app.operator().devices.names()
    if others and not app.json:
        app.say(
            f"Devices that are known here: {', '.join(others)}. `atecc operator forget SHA256 --all` tells them."
        )


def _forget_everywhere(app: App, sha256: str | None) -> None:
    from atecc.cli.screen import Grid
    from atecc.provisioning.trust import withdraw

    if not sha256 or app.port:
        raise ArgumentError(
            "--all is for devices on the network, and for another operator than this one: SHA256 says which.",
            "`atecc operator list` shows whom a device trusts.",
        )
    told, grid = [], Grid(columns=3)
    operator = app.operator()
    for name in operator.devices.names():
        with app.err.spinner(f"telling {name}"):
            told.append(withdraw(operator, name, sha256.lower(), app.open_channel))
        grid.add(name, "told" if told[-1].done else "NOT TOLD", told[-1].say)
    app.emit([asdict(one) for one in told], grid)
    left = [one.device for one in told if not one.done]
    if left:
        raise ChannelError(
            f"{len(left)} of {len(told)} devices may still let that operator in: {', '.join(left)}.",
            "The same command again tells those that can be reached by then; over USB the owner does.",
        )


def _choose(trusted: list[TrustedCa], wanted: str | None) -> TrustedCa:
    if not wanted:
        raise ArgumentError(
            "Whom? There is no operator here.", "`atecc operator list` shows whom the device trusts."
        )
    found = [one for one in trusted if one.sha256.startswith(wanted)]
    if len(found) != 1:
        raise ArgumentError(
            f"{len(found) or 'None'} of the {len(trusted)} CAs that the device trusts begin{'' if found else 's'} with "
            f"{wanted}.",
            "`atecc operator list` shows them.",
        )
    return found[0]


@command.command(
    "register",
    cls=Command,
    examples="""atecc operator register --thing sensor-1
    atecc operator register --all --region eu-west-1
    atecc operator register --withdraw""",
)
@click.option("--thing", multiple=True, help="A device that may be called; may be repeated.")
@click.option("--all", "every", is_flag=True, help="Every device of the account.")
@click.option("--withdraw", is_flag=True, help="Take certificate and policies away again.")
@account_options
@pass_app
def register(app: App, /, thing: tuple[str, ...], every: bool, withdraw: bool, **options: Any) -> None:
    """Make your operator's certificate known to AWS IoT, with the policy that lets it call these devices over MQTT."""
    from atecc.aws import operators
    from atecc.aws.naming import check_thing

    if [bool(thing), every, withdraw].count(True) != 1:
        raise ArgumentError("Which devices? --thing NAME, once or more, or --all; or --withdraw.")
    for name in thing:
        check_thing(name)
    operator = app.operator()
    certificate = operator.certificate() if withdraw else operator.check()
    cloud = cloud_of(app, options)
    if withdraw:
        identifier, gone = operators.withdraw(cloud, certificate)
        app.emit({"withdrawn": identifier, "policies": gone})
        if not app.json:
            app.say(f"AWS IoT in {cloud.region} does not know this operator any more.")
        return
    known, names = operators.register(cloud, certificate, list(thing))
    address = f"mqtts://{cloud.endpoint()}/{thing[0] if thing else 'DEVICE'}"
    app.emit({"certificate_id": known.id, "policies": names, "address": address})
    if not app.json:
        app.say(f"Registered. Try it: atecc info --port {address}")


@command.command(
    "policy",
    cls=Command,
    examples="""atecc operator policy --thing sensor-1 --account 123456789012 --region eu-west-1
    atecc operator policy --all --account 123456789012 > operator.json""",
)
@click.option("--thing", multiple=True, help="A device that may be called; may be repeated.")
@click.option("--all", "every", is_flag=True, help="Every device of the account.")
@click.option("--account", required=True, help="The AWS account's number, 12 digits.")
@click.option("--region", help="AWS region. Default: that of the AWS configuration.")
@pass_app
def policy(app: App, thing: tuple[str, ...], every: bool, account: str, region: str | None) -> None:
    """Print an AWS IoT policy for an operator's own certificate: it may call these devices over MQTT."""
    from atecc.aws.cloud import default_region
    from atecc.aws.naming import check_thing
    from atecc.aws.policy import MOST_POLICIES, arn_prefix, operator_policies, partition

    if bool(thing) == every:
        raise ArgumentError("Which devices? --thing NAME, once or more, or --all.")
    if not re.fullmatch(r"\d{12}", account):
        raise ArgumentError(
            "An AWS account's number has 12 digits.", "`aws sts get-caller-identity` shows it."
        )
    for name in thing:
        check_thing(name)
    region = region or default_region()
    if partition(region) is None:
        raise ArgumentError(f"There is no AWS region {region}.", "They look like eu-west-1.")
    documents = operator_policies(arn_prefix(region, account), list(thing))
    if len(documents) > MOST_POLICIES:
        raise ArgumentError(
            f"That takes {len(documents)} policies, and AWS IoT lets a certificate have {MOST_POLICIES}.",
            "Name fewer devices, or all of them: --all.",
        )
    if len(documents) > 1:
        app.say(
            f"AWS IoT takes 2048 characters a policy, so these are {len(documents)}, in a list: all of them are to be "
            "attached."
        )
    app.document(documents[0] if len(documents) == 1 else documents)


def _own_ca(app: App) -> str | None:
    """The SHA-256 of this operator's CA, if there is one."""
    from cryptography.hazmat.primitives.hashes import SHA256

    operator = app.operator()
    return operator.ca().fingerprint(SHA256()).hex() if operator.exists else None


def _described(certificate: x509.Certificate) -> dict[str, object]:
    from atecc.x509.names import from_x509

    return {
        "subject": from_x509(certificate.subject),
        "not_after": int(certificate.not_valid_after_utc.timestamp()),
    }


def _until(certificate: x509.Certificate) -> str:
    from atecc.x509.requests import when

    return f"valid until {when(certificate.not_valid_after_utc)}"


def _new_password(app: App, protect: bool, path: Path | None) -> bytes | None:
    from atecc.x509.keyfile import read_text

    if path is not None:
        return read_text(path, "the password").encode()
    if not protect:
        return None
    first, again = (
        app.ask_password(f"{when} for the CA's key") for when in ("A password", "Once more, the password")
    )
    if not first or first != again:
        raise ArgumentError("These are not the same password twice: nothing was made.")
    return first


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "operator"
