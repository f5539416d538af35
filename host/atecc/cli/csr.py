"""`atecc csr`: a certificate request for the key that a slot holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc.cli.app import App, Command, pass_app
from atecc.cli.files import check_free, deliver, out_options
from atecc.cli.options import Decorator, together

if TYPE_CHECKING:
    from cryptography import x509

USAGES = (
    *("digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement"),
    *("keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"),
)


def request_options(required: bool) -> Decorator:
    """--slot, --subject, --san."""
    return together(
        click.option(
            "--slot", type=click.IntRange(0, 15), required=required, help="The slot whose key it is for."
        ),
        click.option(
            "--subject",
            required=required,
            help="/C=IE/O=ACME/CN=sensor-1, or C=IE,O=ACME,CN=sensor-1.",
        ),
        click.option(
            "--san", multiple=True, metavar="TYPE:NAME", help="Alternative name: DNS:…, IP:…, URI:…, email:…"
        ),
    )


@click.command(
    "csr",
    cls=Command,
    short_help="Print a certificate request for the key in a slot.",
    examples="""atecc csr --slot 0 --subject /C=IE/O=ACME/CN=sensor-1 > sensor-1.csr
    atecc csr --slot 0 --subject CN=sensor-1 --san DNS:sensor-1.acme.ie --key-usage digitalSignature
    atecc csr --slot 0 --subject CN=sensor-1 | openssl req -noout -text""",
)
@request_options(required=True)
@click.option(
    "--key-usage",
    multiple=True,
    type=click.Choice(USAGES),
    metavar="USAGE",
    help="A key usage to ask for, such as digitalSignature.",
)
@out_options
@pass_app
def command(app: App, /, out: Path | None, force: bool, **options: Any) -> None:
    """Print a certificate request for the key in a slot, signed by that key.

    The key stays as it is: nothing is made, stored or changed.
    """
    from atecc.x509.names import from_x509
    from atecc.x509.requests import pem

    check_free(out, force)
    made = request_from_board(app, options)
    text = pem(made)
    if out is not None or not app.json:
        deliver(app, out, text.encode(), force)
    if app.json:
        app.emit({"slot": options["slot"], "subject": from_x509(made.subject), "csr_pem": text})
    app.say(
        f"Request for {from_x509(made.subject)}: signed by the key in slot {options['slot']}, checked here."
    )


def request_from_board(app: App, options: dict[str, Any]) -> x509.CertificateSigningRequest:
    """The request that these options describe; what is wrong with their words is said before the board is asked."""
    from atecc.chip.keys import request
    from atecc.x509.names import parse_subject
    from atecc.x509.requests import general_name, key_usage

    subject = parse_subject(options["subject"])
    san, usages = list(options["san"]), list(options.get("key_usage", ()))
    for name in san:
        general_name(name)
    if usages:
        key_usage(usages)
    with app.device() as device:
        return request(device, options["slot"], subject, san, usages)
