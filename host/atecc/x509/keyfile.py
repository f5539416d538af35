"""Keys and certificates from files as people have them: text around PEM, parameters first, encrypted, PKCS #12."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from atecc.errors import AteccError, CertificateError
from atecc.x509 import library
from atecc.x509.diagnosis import diagnose
from atecc.x509.textfile import is_pkcs7, is_pkcs12, nothing_there, pem_blocks, plain
from atecc.x509.tlv import DerError, first

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_CERTIFICATES = ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")
_PKCS7 = ("PKCS7", "CMS")
LARGEST_FILE = 1 << 20

SECRET_SIZE = 32

AskPassword = Callable[[str], bytes]


def read_file(path: Path, what: str) -> bytes:
    name = f"{what[0].upper()}{what[1:]}"
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise CertificateError(f"There is no file {path} to read {what} from.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CertificateError(f"{name} can't be read from {path}: {reason}.") from error
    if len(data) > LARGEST_FILE:
        raise CertificateError(f"{path} is larger than {LARGEST_FILE >> 20} MB: {what} is not in it.")
    return data


def read_text(path: Path, what: str) -> str:
    """A file of one line: a password."""
    try:
        text = read_file(path, what).decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise CertificateError(f"{what[0].upper()}{what[1:]} in {path} is not text in UTF-8.") from error
    if not text or "\n" in text:
        raise CertificateError(f"{what[0].upper()}{what[1:]} in {path} must be one line.")
    return text


# Certificates


def load_certificates(path: Path) -> list[x509.Certificate]:
    """Every certificate in a file, in its order; text around them doesn't matter. An error if one can't be read."""
    found, unreadable = read_certificates(path)
    if unreadable:
        raise unreadable[0]
    return found


def read_certificates(path: Path) -> tuple[list[x509.Certificate], list[CertificateError]]:
    """Those that can be read, and what is wrong with the others; an error if there is none at all."""
    data = plain(read_file(path, "the certificate"))
    found: list[x509.Certificate] = []
    unreadable: list[CertificateError] = []
    for place, der in enumerate(_ders(data, path), 1):
        try:
            found.append(_certificate(der, f"Certificate {place} in {path}"))
        except CertificateError as error:
            unreadable.append(error)
    if not found and not unreadable:
        raise nothing_there(data, "certificate", path, "It takes PEM (text around it is fine) or DER.")
    return found, unreadable


def _ders(data: bytes, path: Path) -> list[bytes]:
    """The certificates in a file, each in DER."""
    found: list[bytes] = []
    for label, block in pem_blocks(data):
        if label in _CERTIFICATES:
            found.append(_from_base64(block, path))
        elif label in _PKCS7:
            found += library.pkcs7(_from_base64(block, path), f"The PKCS #7 block in {path}")
    if found or data[:1] != b"\x30" or is_pkcs12(data):
        return found
    if is_pkcs7(data):
        return library.pkcs7(data, str(path))
    return [data] if _is_one(data) else list(_one_after_another(data))


def _from_base64(block: bytes, path: Path) -> bytes:
    """A PEM block's DER, without what OpenSSL appends to a TRUSTED CERTIFICATE."""
    lines = [line for line in block.split(b"\n")[1:-1] if b":" not in line]
    try:
        der = base64.b64decode(b"".join(lines), validate=True)
        return first(der).whole
    except binascii.Error as error:
        raise CertificateError(f"A certificate in {path} is damaged: its base64 text is.") from error
    except DerError as error:
        raise CertificateError(f"A certificate in {path} is damaged: {error}.") from error


def _is_one(data: bytes) -> bool:
    try:
        return first(data).whole == data
    except DerError:
        return True  # it will be said what is wrong with it


def _one_after_another(data: bytes) -> list[bytes]:
    """Files in DER that were put behind one another."""
    out = []
    while data:
        try:
            one = first(data).whole
        except DerError:
            one = data
        out.append(one)
        data = data[len(one) :]
    return out


def _certificate(der: bytes, what: str) -> x509.Certificate:
    try:
        return library.certificate(der, what)
    except CertificateError as error:
        why, hint = diagnose(der)
        if not why:
            raise
        raise CertificateError(f"{what} can't be read: {why}.", hint) from error


# Keys


def load_private_key(path: Path, ask_password: AskPassword) -> PrivateKeyTypes:
    """The first private key in a file: SEC1, PKCS #1, PKCS #8, OpenSSH, PEM or DER, or PKCS #12; encrypted or not."""
    data = plain(read_file(path, "the key"))
    keys = [block for label, block in pem_blocks(data) if label.endswith("PRIVATE KEY")]
    if not keys and data[:1] != b"\x30":
        raise nothing_there(data, "private key", path, "It takes SEC1, PKCS #1 and PKCS #8 keys, PEM or DER.")
    if not keys and is_pkcs12(data):
        return _with_password(lambda password: _out_of_pkcs12(data, password, path), path, ask_password)
    return _with_password(
        lambda password: library.private_key((keys or [data])[0], password), path, ask_password
    )


def _out_of_pkcs12(data: bytes, password: bytes | None, path: Path) -> PrivateKeyTypes:
    try:
        key = library.pkcs12(data, password)
    except ValueError as error:
        if password is None:
            raise TypeError("a password is needed") from error
        raise
    if key is None:
        raise CertificateError(f"{path} is a PKCS #12 file without a key.")
    return key


def _with_password(
    load: Callable[[bytes | None], PrivateKeyTypes], path: Path, ask_password: AskPassword
) -> PrivateKeyTypes:
    try:
        try:
            return load(None)
        except TypeError:
            return load(ask_password(f"Password of {path}"))
    except AteccError:
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise _why_no_key(error, path) from error


def _why_no_key(error: BaseException, path: Path) -> CertificateError:
    text = str(error)
    words = text.lower()
    if any(part in words for part in ("unknown cipher", "unknown key encryption", "bcrypt")):
        how = "with a cipher that is not supported here"
        command = f"`openssl pkey -in {path} -aes256 -out NEW` encrypts it anew."
        if "bcrypt" in words:
            how = "as OpenSSH does it, which is not supported here"
            command = f"`ssh-keygen -p -m PKCS8 -f {path}` writes the key in a form that is; keep a copy."
        return CertificateError(f"The key in {path} is encrypted {how}.", command)
    unsupported = "unsupported" in type(error).__name__.lower()
    if unsupported and "curve" in words:
        return CertificateError(
            f"The key in {path} is on a curve that is not supported here ({text.strip('.')}).",
            "P-256 is the usual one: `openssl ecparam -name prime256v1 -genkey -noout -out key.pem`.",
        )
    if isinstance(error, TypeError) and "password" in words:
        return CertificateError(f"The key in {path} needs a password, and an empty one was given.")
    if "password" in words or "decrypt" in words:
        return CertificateError(f"That is not the password of {path}.")
    if unsupported:
        return CertificateError(f"The key in {path} is of a kind that is not supported: {text.strip('.')}.")
    return CertificateError(f"The key in {path} is damaged, or is no private key.")


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
