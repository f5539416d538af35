"""What a CA of one's own issues: accepted by OpenSSL, or refused here before it is handed on. Nothing in between."""

import subprocess

import pytest
from atecc.errors import AteccError, CertificateError
from atecc.x509.authority import LocalCA
from atecc.x509.names import parse_subject
from atecc.x509.requests import load_csr, pem
from cryptography.hazmat.primitives.asymmetric import ec
from derpki import (
    ANY,
    BMP,
    CA,
    CLIENT_AUTH,
    PRINTABLE,
    SERVER_AUTH,
    basic,
    cert,
    cn,
    csr,
    days,
    ec_key,
    ed_key,
    ext,
    extended,
    generalized,
    key_pem,
    name,
    rsa_key,
    san,
    seq,
    tlv,
    usage,
)
from derpki import pem as to_pem

KEY, ROOT, DEVICE = ec_key(), ec_key(), ec_key()
UNKNOWN = "1.3.6.1.4.1.99999.1"
EXPIRED = {"since": -20, "until": -10}


def constraints(permitted=(), excluded=()):
    parts = [tlv(0xA0, *map(seq, permitted))] if permitted else []
    parts += [tlv(0xA1, *map(seq, excluded))] if excluded else []
    return ext("2.5.29.30", seq(*parts), True)


def dns(base):
    return tlv(0x82, base.encode())


def directory(base):
    return tlv(0xA4, base)


def root(*exts, key=KEY, subject="Root", **how):
    """A CA alone: (certificates in its file, its key)."""
    return [cert(subject, key, exts=exts or CA, **how)], key


def below(*exts, above=CA, **how):
    """A CA below a root."""
    top = cert("Root", ROOT, exts=above)
    return [cert("Middle", KEY, "Root", ROOT, exts=exts or CA, **how), top], KEY


ACME = name(("2.5.4.10", 0x0C, b"ACME"))
CAS = {
    "ordinary": root(),
    "v1": ([cert("Root", KEY, version=1)], KEY),
    "RSA": root(key=rsa_key()),
    "P-384": root(key=ec_key(ec.SECP384R1)),
    "P-521": root(key=ec_key(ec.SECP521R1)),
    "Ed25519": root(key=ed_key()),
    "signed over SHA-1, as roots may be": root(digest="SHA1"),
    "no key usage": root(basic()),
    "no keyCertSign": root(basic(), usage(0)),
    "CA:FALSE": root(basic(False)),
    "pathlen 0": root(basic(pathlen=0), usage(5)),
    "expired": root(**EXPIRED),
    "critical and unknown": root(*CA, ext(UNKNOWN, tlv(5), True)),
    "unknown": root(*CA, ext(UNKNOWN, tlv(5))),
    "a critical key identifier": root(*CA, ext("2.5.29.14", tlv(4, b"key"), True)),
    "for servers only": root(*CA, extended(SERVER_AUTH)),
    "for clients": root(*CA, extended(CLIENT_AUTH)),
    "for anything": root(*CA, extended(ANY)),
    "permits other DNS names": root(*CA, constraints([dns("other.ie")])),
    "permits these DNS names": root(*CA, constraints([dns("acme.ie")])),
    "excludes these DNS names": root(*CA, constraints((), [dns("acme.ie")])),
    "permits addresses": root(*CA, constraints([tlv(0x87, bytes([10, 0, 0, 0, 255, 0, 0, 0]))])),
    "permits other addresses": root(*CA, constraints([tlv(0x87, bytes([11, 0, 0, 0, 255, 0, 0, 0]))])),
    "permits this organization": root(*CA, constraints([directory(ACME)])),
    "permits another organization": root(*CA, constraints([directory(name(("2.5.4.10", 0x0C, b"Other")))])),
    "below a root": below(),
    "below a root that allows no CA": below(above=(basic(pathlen=0), usage(5))),
    "below a root that allows one CA": below(above=(basic(pathlen=1), usage(5))),
    "below a root with constraints": below(above=(*CA, constraints([dns("other.ie")]))),
    "below a root with a critical extension": below(above=(*CA, ext(UNKNOWN, tlv(5), True))),
    "below an expired root": (
        [cert("Middle", KEY, "Root", ROOT, exts=CA), cert("Root", ROOT, exts=CA, **EXPIRED)],
        KEY,
    ),
    "below a renewed root": (
        [
            cert("Middle", KEY, "Root", ROOT, exts=CA),
            cert("Root", ROOT, exts=CA, **EXPIRED),
            cert("Root", ROOT, exts=CA, serial=b"\2"),
        ],
        KEY,
    ),
    "signed over SHA-1 by its root": below(digest="SHA1"),
    "renewed, the old one first": (
        [cert("Root", KEY, exts=CA, **EXPIRED), cert("Root", KEY, exts=CA, serial=b"\2")],
        KEY,
    ),
    "no CA first, a CA behind it": (
        [cert("Root", KEY, exts=(basic(False),)), cert("Root", KEY, exts=CA, serial=b"\2")],
        KEY,
    ),
    "a name in PrintableString": root(subject=cn("Root", PRINTABLE)),
    "a name in BMPString": root(subject=name(("2.5.4.3", BMP, "Größe".encode("utf-16-be")))),
    "a name of two parts": root(subject=name(("2.5.4.10", 0x0C, b"A"), ("2.5.4.3", 0x0C, b"B"))),
    "a negative serial number": root(serial=b"\xff"),
    "until 9999": root(dates=(generalized(days(-1)), tlv(0x18, b"99991231235959Z"))),
    "signed with RSA-PSS": root(key=rsa_key(), pss=True),
}
SUBJECT = "O=ACME,CN=sensor-1"
REQUESTS = {
    "plain": ([], SUBJECT),
    "a DNS name": (["DNS:sensor-1.acme.ie"], SUBJECT),
    "an address": (["IP:10.1.2.3"], SUBJECT),
    "a CN that is a DNS name": ([], "O=ACME,CN=sensor-1.acme.ie"),
}


def request(names, subject):
    from atecc.x509.names import to_x509

    exts = (san(*names),) if names else ()
    return load_csr(csr(to_x509(parse_subject(subject)).public_bytes(), DEVICE, exts), "x")


def loaded(folder, certificates, key):
    (folder / "ca.crt").write_text("".join(map(to_pem, certificates)))
    (folder / "ca.key").write_text(key_pem(key))
    return LocalCA.load(folder / "ca.crt", folder / "ca.key", lambda _: b"")


def openssl_accepts(folder, issued, ca):
    (folder / "made.pem").write_text(pem(issued))
    (folder / "root.pem").write_text(pem(ca.root))
    (folder / "chain.pem").write_text("".join(pem(one) for one in ca.chain) or pem(ca.root))
    command = ["openssl", "verify", "-purpose", "sslclient", "-CAfile", folder / "root.pem"]
    command += ["-untrusted", folder / "chain.pem", folder / "made.pem"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


REFUSED = {
    "Ed25519", "for anything", "a critical key identifier", "no keyCertSign", "CA:FALSE", "expired",
    "critical and unknown", "for servers only",
    "below a root that allows no CA", "below a root with a critical extension",
    "below an expired root", "signed over SHA-1 by its root",
}  # fmt: skip


@pytest.mark.parametrize("kind", CAS)
@pytest.mark.parametrize("what", REQUESTS)
def test_issued_is_accepted_and_the_rest_is_refused(tmp_path, kind, what):
    names, subject = REQUESTS[what]
    try:
        ca = loaded(tmp_path, *CAS[kind])
        ca.rehearse(parse_subject(subject), names, 9)
        issued = ca.issue(request(names, subject), 9)
    except CertificateError:
        assert kind in REFUSED or what not in WITHIN.get(kind, set(REQUESTS))
        return
    verdict = openssl_accepts(tmp_path, issued, ca)
    assert verdict.returncode == 0, verdict.stderr
    assert kind not in REFUSED


WITHIN = {
    "permits these DNS names": {"plain", "a DNS name", "an address", "a CN that is a DNS name"},
    "permits other DNS names": {"plain", "an address"},
    "excludes these DNS names": {"plain", "an address"},
    "permits addresses": set(REQUESTS),
    "permits other addresses": set(REQUESTS) - {"an address"},
    "permits this organization": set(REQUESTS),
    "permits another organization": set(),
    "below a root with constraints": {"plain", "an address"},
}


@pytest.mark.parametrize("kind", WITHIN)
@pytest.mark.parametrize("what", REQUESTS)
def test_name_constraints_refuse_no_more_than_they_must(tmp_path, kind, what):
    names, subject = REQUESTS[what]
    ca = loaded(tmp_path, *CAS[kind])
    try:
        ca.rehearse(parse_subject(subject), names, 9)
        said = ""
    except AteccError as error:
        said = error.message
    assert ("nameConstraints" in said) == (what not in WITHIN[kind]), said


def test_a_request_whose_key_is_too_short(tmp_path):
    ca = loaded(tmp_path, *CAS["ordinary"])
    with pytest.raises(CertificateError, match="has 1024 bits"):
        ca.issue(load_csr(csr("d", rsa_key(1024)), "x"), 9)


@pytest.mark.parametrize("digest", ["SHA1", "SHA256", "SHA512"])
def test_a_request_is_its_owners_whatever_hash_it_is_signed_over(tmp_path, digest):
    ca = loaded(tmp_path, *CAS["ordinary"])
    issued = ca.issue(load_csr(csr("d", rsa_key(), digest=digest), "x"), 9)
    assert openssl_accepts(tmp_path, issued, ca).returncode == 0


def test_a_request_that_was_changed(tmp_path):
    made = bytearray(csr("device", DEVICE))
    made[made.index(b"device")] ^= 1
    with pytest.raises(CertificateError, match="does not have its key"):
        load_csr(bytes(made), "x")
