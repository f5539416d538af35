"""`atecc cert`: certificates from one's own CA, and those that the factory left in the chip."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from atecc import whole
from atecc.cli.app import App, Command, Group, pass_app
from atecc.cli.csr import request_from_board, request_options
from atecc.cli.files import IN, check_free, deliver, out_options, read_stdin
from atecc.cli.options import days, days_option
from atecc.errors import ArgumentError, RefusedError

if TYPE_CHECKING:
    from cryptography import x509


@click.group(
    "cert",
    cls=Group,
    invoke_without_command=True,
    examples="""atecc cert --ca-cert ca.crt.pem --ca-key ca.key.pem --days 365 --csr sensor-1.csr
    atecc csr --slot 0 --subject CN=sensor-1 | atecc cert --ca-cert … --ca-key … --days 365 --csr -
    atecc cert --ca-cert … --ca-key … --days 365 --slot 0 --subject CN=sensor-1 --server --out s.pem
    atecc cert --ca-cert … --ca-key … --days 365 --csr sensor-1.csr --san DNS:sensor-1.acme.ie
    atecc cert factory""",
    short_help="Issue a certificate, or read the factory's.",
)
@click.option("--ca-cert", type=IN, help="The CA's certificate: PEM (text around it is fine) or DER.")
@click.option("--ca-key", type=IN, help="The CA's key: SEC1, PKCS#1, PKCS#8; PEM or DER; EC or RSA.")
@click.option(
    "--ca-key-password-file", type=IN, help="Holds the key's password, if it has one. Default: asks."
)
@days_option
@click.option(
    "--csr", type=IN, metavar="FILE", help="A certificate request, PEM or DER; - is standard input."
)
@request_options(required=False)
@click.option(
    "--server", is_flag=True, help="Also for a TLS server (serverAuth), which a device is on wss://."
)
@out_options
@click.pass_context
def command(context: click.Context, /, **options: Any) -> None:
    """Issue a certificate from your own CA, for a request in a file or for a key in the chip.

    It is for TLS clients: digitalSignature and clientAuth. Of a request it takes the key and the subject. The
    alternative names are those that --san gives; those that a request asks for are shown, and certified only if you
    say so.
    """
    if context.invoked_subcommand is None:
        _issue(context.find_object(App) or App(), options)
        return
    if any(options[name] for name in ("ca_cert", "ca_key", "days", "csr", "slot", "subject")):
        raise ArgumentError(f"These options are not for `atecc cert {context.invoked_subcommand}`.")


def _issue(app: App, options: dict[str, Any]) -> None:
    from atecc.cli.secrets import password
    from atecc.cli.show import pairs
    from atecc.x509.authority import LocalCA
    from atecc.x509.purposes import tls_purposes
    from atecc.x509.requests import check_certificate, pem

    _check_given(options)
    out, force = options["out"], options["force"]
    check_free(out, force)
    ask = password(app, options["ca_key_password_file"], "--ca-key-password-file")
    ca = LocalCA.load(options["ca_cert"], options["ca_key"], ask)
    _, _, shortened = ca.validity(days(options))
    for warning in [*ca.warnings, *([shortened] if shortened else [])]:
        app.warn(warning)
    ca.refuse_operators()
    request = _request(app, options)
    names = _names(app, request, options)
    certificate = ca.issue(request, days(options), tls_purposes(options["server"]), names)
    check_certificate(certificate, request)
    text = pem(certificate)
    if out is not None or not app.json:
        deliver(app, out, text.encode(), force)
    if app.json:
        app.emit(_whole(certificate))
    else:
        app.err.show(pairs(_rows(certificate)))


def _check_given(options: dict[str, Any]) -> None:
    missing = [f"--{n.replace('_', '-')}" for n in ("ca_cert", "ca_key") if options[n] is None]
    if missing:
        raise ArgumentError(f"Missing: {', '.join(missing)}.", "`atecc cert --help` shows examples.")
    from_chip = options["slot"] is not None or options["subject"] is not None
    if (options["csr"] is not None) == from_chip:
        raise ArgumentError(
            "A certificate is for a request (--csr FILE) or for a key in the chip (--slot N --subject S): "
            "give one of the two."
        )
    if from_chip and (options["slot"] is None or options["subject"] is None):
        raise ArgumentError("For a key in the chip both are needed: --slot N --subject S.")


def _request(app: App, options: dict[str, Any]) -> x509.CertificateSigningRequest:
    from atecc.x509.keyfile import read_file
    from atecc.x509.requests import load_csr

    path = options["csr"]
    if path is None:
        return request_from_board(app, options)
    data = read_stdin() if str(path) == "-" else read_file(path, "the certificate request")
    return load_csr(data, "standard input" if str(path) == "-" else str(path))


def _names(
    app: App, request: x509.CertificateSigningRequest, options: dict[str, Any]
) -> list[x509.GeneralName]:
    """The alternative names: the user's; a request's own only if the user has seen them and says yes."""
    from atecc.x509.requests import general_name, name_text, names_in

    given, asked = [general_name(text) for text in options["san"]], names_in(request)
    if given or not asked:
        left = [name_text(name) for name in asked if name not in given]
        if left:
            app.warn(f"The request asks for other names as well, which are not certified: {', '.join(left)}.")
        return given
    words = [name_text(name) for name in asked]
    app.say(f"The request asks to be certified for these names: {', '.join(words)}.")
    again = f"A name is certified if it is given here: {' '.join(f'--san {word}' for word in words)}"
    if str(options["csr"]) == "-":
        raise RefusedError(
            "Nothing was certified: standard input holds the request, nobody can be asked.", again
        )
    if app.ask("Certify all of them? [y/N]", again).lower() not in ("y", "yes"):
        raise RefusedError("Nothing was certified.", again)
    return asked


def _rows(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """All that was certified, for people."""
    from atecc.x509.requests import when

    found = _whole(certificate)
    start, end = when(certificate.not_valid_before_utc), when(certificate.not_valid_after_utc)
    return [
        ("Subject", found["subject"]),
        *([("Name", name) for name in found["names"]] or [("Name", "none but the subject")]),
        ("For", ", ".join(found["purposes"])),
        ("Key", f"SHA-256 {found['key_sha256']}"),
        ("Issuer", found["issuer"]),
        ("Valid", f"from {start} until {end}"),
        ("Serial", found["serial"]),
    ]


def _whole(certificate: x509.Certificate) -> dict[str, Any]:
    """For one that was made here: a factory's names are not always what libraries read."""
    from atecc.x509.purposes import purpose_words
    from atecc.x509.requests import name_text, names_in, spki

    return _json(certificate) | {
        "names": [name_text(name) for name in names_in(certificate)],
        "purposes": purpose_words(certificate),
        "key_sha256": hashlib.sha256(spki(certificate.public_key())).hexdigest(),
    }


def _json(certificate: x509.Certificate) -> dict[str, Any]:
    from atecc.x509.names import from_x509
    from atecc.x509.requests import pem

    return {
        "subject": from_x509(certificate.subject),
        "issuer": from_x509(certificate.issuer),
        "serial": f"{certificate.serial_number:x}",
        "not_before": int(certificate.not_valid_before_utc.timestamp()),
        "not_after": int(certificate.not_valid_after_utc.timestamp()),
        "certificate_pem": pem(certificate),
    }


@command.command(
    "factory",
    cls=Command,
    examples="""atecc cert factory
    atecc cert factory --out-dir certs""",
)
@click.option(
    "--out-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write SERIAL.device.pem and SERIAL.signer.pem there. Default: both to standard output.",
)
@click.option("--root", type=IN, help="The root CA's certificate, if it is not Microchip's.")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@pass_app
def factory(app: App, out_dir: Path | None, root: Path | None, force: bool) -> None:
    """Print the certificates that a Trust&GO or TrustFLEX chip was given in the factory.

    Rebuilt from the chip's slots byte for byte, and checked: the signer's signature, the root's, and that the
    chip has the device certificate's key.
    """
    from atecc.cli.screen import Block
    from atecc.cli.show import pairs
    from atecc.provisioning.factory import read_factory, root_point
    from atecc.x509.names import from_x509
    from atecc.x509.requests import pem, when

    trusted = root_point(root)
    with app.device() as device:
        found = read_factory(device, trusted)
    chain = found.chain
    texts = {"device": pem(chain.device), "signer": pem(chain.signer)}
    written = _write_pems(texts, found.serial, out_dir, force) if out_dir else []
    if app.json:
        data = {"serial": found.serial, "device": _json(chain.device), "signer": _json(chain.signer)}
        app.emit(data | {"genuine": chain.genuine, "root_verified": chain.root is not None})
    elif not out_dir:
        app.emit(None, Block("".join(texts.values()).rstrip()))
    rows = [("Device", from_x509(chain.device.subject)), ("Signer", from_x509(chain.signer.subject))]
    rows += [("Root", from_x509(chain.signer.issuer))]
    rows += [("Root", "its signature verified")] if chain.root else []
    rows += [("Valid", f"until {when(chain.device.not_valid_after_utc)}")]
    rows += [("Key", "in slot 0, and the chip has signed with it")]
    rows += [("Written", str(path)) for path in written]
    if not app.json:
        app.err.show(pairs(rows))
    if chain.root is None:
        app.warn(f"The signer's certificate is not signed by the key of {root}." if root else found.doubt)


def _write_pems(texts: dict[str, str], serial: str, directory: Path, force: bool) -> list[Path]:
    files = {directory / f"{serial}.{name}.pem": text for name, text in texts.items()}
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"{directory} can't be made: {error.strerror}.") from error
    for path in files:
        check_free(path, force)
    whole.write_all({path: text.encode() for path, text in files.items()}, over=force)
    return list(files)
