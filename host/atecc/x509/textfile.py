"""Files as people have them: PEM out of editors, shells, web pages and mails, and what is no PEM, by its name."""

from __future__ import annotations

import re

from atecc.bounded import parse
from atecc.errors import CertificateError
from atecc.x509.tlv import INTEGER, SEQUENCE, DerError, Element, first

_BEGIN, _END = b"-----BEGIN ", b"-----END "
_MARK = re.compile(
    rb"-----(?:BEGIN ([A-Z0-9 ]{1,40}?) ?-----(?=[ \t]{0,80}\n)|END ([A-Z0-9 ]{1,40}?) ?-----)"
)

DATA, SIGNED_DATA = "1.2.840.113549.1.7.1", "1.2.840.113549.1.7.2"


def plain(data: bytes) -> bytes:
    """The same file in bytes as PEM readers expect them: no UTF-16, no byte order mark, lines that end in LF alone.

    What is binary comes back as it is, but for line ends behind a DER value, which editors and `echo` leave there.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or data[:2] in (b"-\0", b"\0-"):
        data = _from_utf16(data)
    if data[:1] == b"\x30":
        return _without_tail(data)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if _BEGIN not in data:
        return data
    if b"\\n" in data:  # out of JSON, or of a variable in a shell
        data = data.replace(b"\\r", b"").replace(b"\\n", b"\n")
    data = (
        data.replace(b"\r\n", b"\n")
        .replace(b"\r", b"\n")
        .replace(b"\xc2\xa0", b" ")
        .replace(b"\xe2\x80\x8b", b"")
    )
    return b"\n".join(line.strip(b" \t>") for line in data.split(b"\n"))


def _from_utf16(data: bytes) -> bytes:
    codec = (
        "utf-16"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff")
        else "utf-16-le"
        if data[1:2] == b"\0"
        else "utf-16-be"
    )
    return data.decode(codec, "replace").encode()


def _without_tail(data: bytes) -> bytes:
    try:
        value = first(data).whole
    except DerError:
        return data
    return value if not data[len(value) :].strip(b"\r\n \t\0\x1a") else data


def pem_blocks(data: bytes) -> list[tuple[str, bytes]]:
    """Label and text of every PEM block, in order. In one walk: a beginning without its end is text like any other."""
    text = plain(data)
    blocks: list[tuple[str, bytes]] = []
    begun = None
    for mark in _MARK.finditer(text):
        if mark[1]:
            begun = mark
        elif begun and begun[1] == mark[2]:
            blocks.append((mark[2].decode(), _tidy(text[begun.start() : mark.end()])))
            begun = None
    return blocks


def _tidy(block: bytes) -> bytes:
    """Without blanks inside the dashes, and without empty lines but for the one behind headers."""
    lines = block.replace(b" -----", b"-----").split(b"\n")
    return block if any(b":" in line for line in lines) else b"\n".join(line for line in lines if line)


def broken_block(data: bytes) -> str:
    """What is wrong with a PEM block that begins and does not come to an end; empty if there is none."""
    text = plain(data)
    begins, ends = text.count(_BEGIN), text.count(_END)
    if begins > ends:
        return "its last block has no END line: it is cut short"
    return "its BEGIN and END lines don't fit together" if begins and not pem_blocks(data) else ""


def what_it_is(data: bytes) -> tuple[str, str]:
    """(what a file is that holds neither PEM nor a certificate or key in DER; the command that makes it readable)."""
    if not data.strip():
        return "it is empty", ""
    for begin, name, command in _FORMATS:
        if data.startswith(begin):
            return name, command
    if is_pkcs12(data):
        return "it is a PKCS #12 file", _FROM_PKCS12
    if is_pkcs7(data):
        return (
            "it is a PKCS #7 file",
            "`openssl pkcs7 -inform DER -in FILE -print_certs -out NEW.pem` takes them out.",
        )
    if _is_jwk(data):
        return "it is a JSON Web Key", "Export the key as PEM where it comes from."
    return "", ""


_FROM_PKCS12 = (
    "`openssl pkcs12 -in FILE -nokeys -out ca.pem` takes the certificates out of it, `openssl pkcs12 -in FILE -nocerts "
    "-out key.pem` the key; -legacy helps with old ones."
)
_FORMATS = (
    (
        b"\xfe\xed\xfe\xed",
        "it is a Java keystore",
        "`keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 "
        "-deststoretype PKCS12` makes it a PKCS #12 file.",
    ),
    (
        b"PuTTY-User-Key-File",
        "it is a key of PuTTY",
        "`puttygen FILE -O private-openssh -o NEW` writes it for others.",
    ),
    (b"ssh-", "it is an OpenSSH public key", "`ssh-keygen -e -m PKCS8 -f FILE` writes it as PEM."),
    (b"ecdsa-sha2-", "it is an OpenSSH public key", "`ssh-keygen -e -m PKCS8 -f FILE` writes it as PEM."),
    (b"-----BEGIN PGP", "it is of OpenPGP, which is no X.509", ""),
    (b"PK\x03\x04", "it is a ZIP archive", "Unpack it first."),
    (b"\x1f\x8b", "it is a gzip archive", "Unpack it first."),
    (b"<", "it is a web page or XML", "Was it downloaded from the right address?"),
)


def _parts(data: bytes) -> list[Element]:
    try:
        return first(data).must_be(SEQUENCE).parts()
    except DerError:
        return []


def is_pkcs12(data: bytes) -> bool:
    parts = _parts(data)
    try:
        return len(parts) > 1 and parts[0].tag == INTEGER and parts[0].integer == 3 and parts[1].parts()[0].oid in (
            DATA, SIGNED_DATA,
        )  # fmt: skip
    except (DerError, IndexError):
        return False


def is_pkcs7(data: bytes) -> bool:
    parts = _parts(data)
    try:
        return bool(parts) and parts[0].oid == SIGNED_DATA
    except DerError:
        return False


def _is_jwk(data: bytes) -> bool:
    if not data.lstrip().startswith(b"{"):
        return False
    try:
        document = parse(data)
    except ValueError:
        return False
    return isinstance(document, dict) and ("kty" in document or "keys" in document)


def nothing_there(data: bytes, what: str, path: object, takes: str) -> CertificateError:
    """The error for a file in which `what` was looked for in vain."""
    shown = plain(data)
    name, command = what_it_is(shown)
    labels = list(dict.fromkeys(label for label, _ in pem_blocks(data)))
    broken = broken_block(data)
    why = (
        f": {name}"
        if name
        else f": {broken}"
        if broken
        else f", only {' and '.join(labels)}"
        if labels
        else ""
    )
    return CertificateError(f"{path} holds no {what}{why}.", command.replace("FILE", str(path)) or takes)
