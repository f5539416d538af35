"""Keys and certificates from files as people have them: text around PEM, parameters first, encrypted."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from atecc.errors import CertificateError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n.*?-----END \1-----", re.DOTALL)
_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")

SECRET_SIZE = 32

AskPassword = Callable[[str], bytes]


def read_file(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CertificateError(f"There is no file {path} to read {what} from.") from error
    except OSError as error:
        raise CertificateError(
            f"{what[0].upper()}{what[1:]} can't be read from {path}: {error.strerror}."
        ) from error


def read_text(path: Path, what: str) -> str:
    """A file of one line: a password."""
    try:
        text = read_file(path, what).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise CertificateError(f"{what[0].upper()}{what[1:]} in {path} is not text in UTF-8.") from error
    if not text or "\n" in text:
        raise CertificateError(f"{what[0].upper()}{what[1:]} in {path} must be one line.")
    return text


def pem_blocks(data: bytes) -> list[tuple[str, bytes]]:
    """Label and text of every PEM block."""
    return [(match[1].decode(), match[0]) for match in _BLOCK.finditer(data)]


def load_private_key(path: Path, ask_password: AskPassword) -> PrivateKeyTypes:
    """The first private key in a file: SEC1, PKCS#1 or PKCS#8, PEM or DER, encrypted or not."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    data = read_file(path, "the key")
    blocks = pem_blocks(data)
    keys = [block for label, block in blocks if label.endswith("PRIVATE KEY")]
    if not keys and (blocks or not data.startswith(b"\x30")):
        raise CertificateError(
            f"{path} holds no private key{_instead(blocks)}.",
            "It takes SEC1, PKCS#1 and PKCS#8 keys, PEM or DER.",
        )
    load = load_pem_private_key if keys else load_der_private_key
    return _with_password(lambda password: load(keys[0] if keys else data, password), path, ask_password)


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Every certificate in a file, in its order; text around them doesn't matter."""
    from cryptography import x509

    data = read_file(path, "the certificate")
    blocks = pem_blocks(data)
    pems = [block for label, block in blocks if label in _CERTIFICATES]
    try:
        if pems:
            return [x509.load_pem_x509_certificate(_plain_label(pem)) for pem in pems]
        if not blocks and data.startswith(b"\x30"):
            return [x509.load_der_x509_certificate(data)]
    except ValueError as error:
        raise CertificateError(f"A certificate in {path} is damaged: {error}.") from error
    raise CertificateError(
        f"{path} holds no certificate{_instead(blocks)}.", "It takes PEM (text around it is fine) or DER."
    )


def _plain_label(pem: bytes) -> bytes:
    return pem.replace(b"X509 CERTIFICATE", b"CERTIFICATE")


def _instead(blocks: list[tuple[str, bytes]]) -> str:
    labels = list(dict.fromkeys(label for label, _ in blocks))
    return f", only {' and '.join(labels)}" if labels else ""


def _with_password(
    load: Callable[[bytes | None], PrivateKeyTypes], path: Path, ask_password: AskPassword
) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        try:
            return load(None)
        except TypeError:
            return load(ask_password(f"Password of {path}"))
    except UnsupportedAlgorithm as error:
        raise CertificateError(f"The key in {path} is of a kind that is not supported: {error}.") from error
    except (ValueError, TypeError) as error:
        text = str(error).lower()
        if "password" in text or "decrypt" in text:
            raise CertificateError(f"That is not the password of {path}.") from error
        raise CertificateError(f"The key in {path} is damaged, or is no private key.") from error


def load_p256_key(path: Path, ask_password: AskPassword) -> ec.EllipticCurvePrivateKey:
    """The private key in a file, if it is one that the chip can hold."""
    from cryptography.hazmat.primitives.asymmetric import ec

    key = load_private_key(path, ask_password)
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    kind = type(key).__name__.removesuffix("PrivateKey").removeprefix("_")
    what = f"on curve {key.curve.name}" if isinstance(key, ec.EllipticCurvePrivateKey) else f"a {kind} key"
    raise CertificateError(
        f"The key in {path} is {what}: the chip holds keys on P-256 (prime256v1, secp256r1) only.",
        "Make one: `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`. Better: have the chip make "
        "one, which nobody can copy: `atecc key generate`.",
    )


def load_secret(data: bytes, what: str) -> bytes:
    """32 bytes, raw or as hex digits. What is wrong with them is said without them."""
    if len(data) == SECRET_SIZE:
        return data
    try:
        secret = bytes.fromhex(data.decode("ascii").strip().removeprefix("0x").replace(":", ""))
    except ValueError:
        secret = b""
    if len(secret) != SECRET_SIZE:
        raise CertificateError(f"The {what} is not {SECRET_SIZE} bytes, neither raw nor as hex digits.")
    return secret
