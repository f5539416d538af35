"""An operator: who may call devices from afar. A CA of one's own, and a client certificate that it has signed.

The CA is handed to devices over USB and stays in its directory otherwise; the certificate opens wss://.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from atecc import whole
from atecc.errors import ArgumentError, CertificateError, RefusedError
from atecc.operators.known import KnownDevices
from atecc.operators.signed import Counters, Signer
from atecc.x509.authority import BACKDATED, MOST_DAYS, LocalCA
from atecc.x509.keyfile import AskPassword, load_certificates, load_p256_key
from atecc.x509.purposes import is_operators, operators_purposes
from atecc.x509.requests import key_usage, pem, same_key, when

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

SOON = dt.timedelta(days=14)
_FILES = 4
_INIT = "`atecc operator init` makes one; --operator-dir (or ATECC_OPERATOR_DIR) names another directory."


def default_directory() -> Path:
    """XDG's place for configuration (Base Directory Specification)."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "atecc" / "operator"


@dataclass(frozen=True)
class Names:
    """What the certificates say, and for how long."""

    name: str
    ca_days: int = 3650
    days: int = 365


class Operator:
    """The files of one operator; nothing is read before it is needed."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = directory or default_directory()
        self.ca_file = self.directory / "ca.crt.pem"
        self.ca_key_file = self.directory / "ca.key.pem"
        self.certificate_file = self.directory / "operator.crt.pem"
        self.key_file = self.directory / "operator.key.pem"
        self.devices = KnownDevices(self.directory / "devices.json")
        self.counters = Counters(self.directory / "counters.json")

    @property
    def exists(self) -> bool:
        return os.path.exists(self.certificate_file)

    # What is there

    def ca(self) -> x509.Certificate:
        self._must_exist(self.ca_file)
        return load_certificates(self.ca_file)[0]

    def certificate(self) -> x509.Certificate:
        self._must_exist(self.certificate_file)
        return load_certificates(self.certificate_file)[0]

    def check(self) -> x509.Certificate:
        """The client certificate, if it is of any use today; else a CertificateError that says what to do."""
        certificate = self.certificate()
        if not same_key(certificate.public_key(), self._key().public_key()):
            raise CertificateError(f"{self.key_file} is not the key of {self.certificate_file}.")
        now = dt.datetime.now(dt.UTC)
        if now > certificate.not_valid_after_utc:
            raise CertificateError(
                f"This operator's certificate expired on {when(certificate.not_valid_after_utc)}: no device "
                "accepts it any more.",
                "`atecc operator renew` makes a new one from the same CA; devices need not be told.",
            )
        if now < certificate.not_valid_before_utc:
            raise CertificateError(
                f"This operator's certificate is not valid before {when(certificate.not_valid_before_utc)}.",
                f"This computer's clock says {when(now)}. Is that right?",
            )
        if not is_operators(certificate, self.ca() if os.path.exists(self.ca_file) else None):
            raise CertificateError(
                "This operator's certificate lacks the operators' mark, by which devices tell an operator from "
                "another device: none lets it in.",
                "`atecc operator renew` makes a new one from the same CA; devices need not be told.",
            )
        return certificate

    def signer(self, device: str) -> Signer:
        """Signs requests to this device, in this operator's name."""
        return Signer(self.check(), self._key(), self.counters, device)

    def expires_soon(self) -> bool:
        return self.certificate().not_valid_after_utc - dt.datetime.now(dt.UTC) < SOON

    # What is made

    def make(self, names: Names, password: bytes | None = None) -> None:
        """CA and client certificate; files that are there already are left alone, all of them.

        `password` is for the CA's key, which is needed again for `renew` alone; the client's has none.
        """
        from cryptography.hazmat.primitives.asymmetric import ec

        _check_days(names.days)
        _check_days(names.ca_days)
        _subject(names.name)
        self._make_directory()
        ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca = _own_ca(ca_key, names)
        certificate = _issued(LocalCA(ca, ca_key, [], ca), key, names)
        files = {
            self.ca_key_file: _key_pem(ca_key, password),
            self.ca_file: pem(ca).encode(),
            self.key_file: _key_pem(key),
            self.certificate_file: pem(certificate).encode(),
        }
        whole.write_all(files, secret=True)

    def renew(self, name: str | None, days: int, ask_password: AskPassword | None = None) -> x509.Certificate:
        """A new certificate from the same CA for the same key, in the place of the old one."""
        _check_days(days)
        key = self._key()
        own = LocalCA.load(self.ca_file, self.ca_key_file, ask_password or _no_password)
        old = self.certificate() if self.exists else None
        names = Names(name or (common_name(old) if old else _owner(own.certificate)), days=days)
        certificate = _issued(own, key, names)
        whole.write(self.certificate_file, pem(certificate).encode(), secret=True, over=True)
        return certificate

    def _key(self) -> ec.EllipticCurvePrivateKey:
        self._must_exist(self.key_file)
        return load_p256_key(self.key_file, _no_password)

    def _must_exist(self, path: Path) -> None:
        if not os.path.exists(path):
            there = self._there()
            what = f"only a part of an operator ({', '.join(there)})" if there else "no operator"
            raise CertificateError(
                f"There is {what} in {self.directory}: {path.name} is missing.",
                self._hint() or _INIT,
            )

    def _there(self) -> list[str]:
        files = (self.ca_file, self.ca_key_file, self.certificate_file, self.key_file)
        return [path.name for path in files if os.path.exists(path)]

    def _hint(self) -> str:
        """What to do with what is there; nothing if nothing is."""
        there = self._there()
        if {self.ca_file.name, self.ca_key_file.name, self.key_file.name} <= set(there):
            return "`atecc operator renew` makes a new certificate; --dir DIR names another place."
        if not there:
            return ""
        return (
            "Put the others back; or move these away: `atecc operator init` makes an operator anew then, whom devices "
            "have to be told of (`atecc operator trust`). --dir DIR names another place."
        )

    def _make_directory(self) -> None:
        there = self._there()
        if there:
            whole_one = len(there) == _FILES
            raise RefusedError(
                f"There is {'an operator' if whole_one else 'a part of an operator'} in {self.directory} already "
                f"({', '.join(there)}): nothing was changed.",
                self._hint(),
            )
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ArgumentError(f"{self.directory} can't be made: {error.strerror}.") from error


def common_name(certificate: x509.Certificate) -> str:
    from cryptography.x509.oid import NameOID

    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else "operator"


def _owner(ca: x509.Certificate) -> str:
    return common_name(ca).removesuffix(" CA")


def _issued(own: LocalCA, key: ec.EllipticCurvePrivateKey, names: Names) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    request = x509.CertificateSigningRequestBuilder().subject_name(_subject(names.name))
    return own.issue(request.sign(key, hashes.SHA256()), names.days, operators_purposes())


def _own_ca(key: ec.EllipticCurvePrivateKey, names: Names) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    subject = _subject(f"{names.name} CA"[:64])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(secrets.randbits(128) | 1)
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + dt.timedelta(days=names.ca_days))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(["keyCertSign", "cRLSign"]), critical=True)
        .add_extension(x509.ExtendedKeyUsage(operators_purposes()), critical=False)
        .add_extension(identifier, critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def _subject(name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        return x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "atecc operators"),
                x509.NameAttribute(NameOID.COMMON_NAME, name),
            ]
        )
    except ValueError as error:
        raise ArgumentError(
            f"{name!r} is not possible as an operator's name.", "From 1 to 64 characters are."
        ) from error


def _check_days(days: int) -> None:
    if not 0 < days <= MOST_DAYS:
        raise ArgumentError(
            f"A certificate can't be valid for {days} days.", f"From 1 to {MOST_DAYS} make sense."
        )


def _key_pem(key: ec.EllipticCurvePrivateKey, password: bytes | None = None) -> bytes:
    from cryptography.hazmat.primitives import serialization as form

    protection = form.BestAvailableEncryption(password) if password else form.NoEncryption()
    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, protection)


def _no_password(question: str) -> bytes:
    raise CertificateError(
        f"{question} is needed, and nobody can be asked here.",
        "An operator's own key is kept without one, in a file that only you can read; the CA's may have one.",
    )
