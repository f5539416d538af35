"""The border to `cryptography`: everything that comes from outside is read here, and nowhere else.

It reads lazily: a certificate loads, and its name, key or extensions raise when somebody asks for them, each in its own
way. So each is asked for here, once; what comes out can be used without a thought, and what can't be read is a
CertificateError that says what was in the way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from atecc.errors import AteccError, CertificateError
from atecc.x509.algorithms import EC, RSA, RSA_PSS, SIGNATURES
from atecc.x509.anatomy import Anatomy, dissect
from atecc.x509.tlv import DerError, read

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import (
        CertificatePublicKeyTypes,
        PrivateKeyTypes,
        PublicKeyTypes,
    )


T = TypeVar("T")


@contextlib.contextmanager
def reading(what: str, hint: str = "") -> Iterator[None]:
    """Whatever the library raises about its input becomes "`what` can't be read: …". Only its calls go inside."""
    try:
        yield
    except AteccError:
        raise
    except BaseException as error:
        # A panic in its Rust is no Exception, and pyo3 does not export its type.
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise CertificateError(f"{what} can't be read: {reason(error)}.", hint) from error


_WORDS = (
    ("duplicate", "it has the same extension twice"),
    ("explicit", "its key has explicit curve parameters instead of a curve's name"),
    ("unknown curve", "its key is on a curve that is not known here"),
    ("unsupported elliptic curve", "its key is on a curve that is not known here"),
    ("unsupported key type", "its key is of a kind that is not known here"),
    ("invalid version", "it has a version that X.509 does not know"),
    ("not a valid x509 version", "it has a version that X.509 does not know"),
    ("negative", "its serial number is negative or zero"),
    ("invalidvalue", "a value in it is none"),
    ("panicexception", "it made the library stumble"),
    ("trailing", "something stands behind its end"),
    ("extradata", "something stands behind its end"),
    ("shortdata", "it is cut short"),
    ("utf", "a name in it is not in the character set that it claims"),
    ("invalidlength", "its lengths don't fit together"),
    ("unexpectedtag", "its parts are not those of one"),
    ("parse error", "its parts are not those of one"),
    ("could not deserialize", "it is damaged"),
    ("unable to load pem", "its base64 text is damaged"),
    ("base64", "its base64 text is damaged"),
)


def reason(error: BaseException) -> str:
    """An exception of the library in words; its own where it has some."""
    text = f"{type(error).__name__} {error}".lower()
    found = next((words for part, words in _WORDS if part in text), "")
    return found or str(error).strip().rstrip(".") or type(error).__name__


def certificate(data: bytes, what: str, extensions: bool = True) -> x509.Certificate:
    """A certificate in DER, or the text of one PEM block, of which every part has been read; or all but extensions."""
    from cryptography import x509

    load = (
        x509.load_pem_x509_certificate
        if data.lstrip().startswith(b"-----")
        else x509.load_der_x509_certificate
    )
    with reading(what):
        loaded = load(data)
        _touch_all(loaded, extensions)
        _ = (
            loaded.issuer,
            loaded.not_valid_before_utc,
            loaded.not_valid_after_utc,
            loaded.serial_number,
            loaded.version,
        )
    return loaded


def certificate_key(data: bytes, what: str) -> CertificatePublicKeyTypes:
    """The public key of a certificate in DER, whatever else it says."""
    from cryptography import x509

    with reading(what):
        return x509.load_der_x509_certificate(data).public_key()


def _touch_all(loaded: x509.Certificate | x509.CertificateSigningRequest, extensions: bool = True) -> None:
    """Subject, key and extensions, written out again: some parts are read only then."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    for rdn in loaded.subject.rdns:
        _ = [str(attribute.value) for attribute in rdn]
    loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if extensions:
        _ = list(loaded.extensions)


def request(data: bytes, what: str) -> x509.CertificateSigningRequest:
    """A certificate request in DER or PEM, of which every part has been read; its signature is for `is_signed`."""
    from cryptography import x509

    load = x509.load_pem_x509_csr if data.lstrip().startswith(b"-----") else x509.load_der_x509_csr
    with reading(what):
        loaded = load(data)
        _touch_all(loaded)
    return loaded


def private_key(data: bytes, password: bytes | None) -> PrivateKeyTypes:
    """A private key in PEM or DER. What the library raises goes through: keyfile knows what to say about it."""
    from cryptography.hazmat.primitives.serialization import (
        load_der_private_key,
        load_pem_private_key,
        load_ssh_private_key,
    )

    if data.startswith(b"-----BEGIN OPENSSH"):
        return load_ssh_private_key(data, password)
    return (load_pem_private_key if data.startswith(b"-----") else load_der_private_key)(data, password)


def pkcs12(data: bytes, password: bytes | None) -> PrivateKeyTypes | None:
    """The key in a PKCS #12 file. What the library raises goes through, as above."""
    from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

    return load_key_and_certificates(data, password)[0]


def pkcs7(data: bytes, what: str) -> list[bytes]:
    """The certificates of a PKCS #7 structure, each in DER."""
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates

    with reading(what):
        return [one.public_bytes(Encoding.DER) for one in load_der_pkcs7_certificates(data)]


def public_key(spki: bytes) -> PublicKeyTypes | None:
    """A SubjectPublicKeyInfo; None if the library does not know such keys."""
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return _or_none(lambda: load_der_public_key(spki))


def _or_none(make: Callable[[], T]) -> T | None:
    with contextlib.suppress(CertificateError), reading("it"):
        return make()
    return None


def verifies(child: Anatomy, issuer: Anatomy) -> bool:
    """Whether the issuer's key has signed the child, by ECDSA or RSA (PKCS #1 v1.5 or PSS) over a usual hash."""
    oid = child.inner_algorithm[0]
    if oid == RSA_PSS:
        # Salt and hashes stand in the parameters, which the library reads.
        return _or_none(lambda: _verify_pss(child, issuer)) is True
    return _signed(issuer.spki, oid, child.signature, child.tbs)


def _verify_pss(child: Anatomy, issuer: Anatomy) -> bool:
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    loaded, key = certificate(child.der, "it"), public_key(issuer.spki)
    scheme, algorithm = loaded.signature_algorithm_parameters, loaded.signature_hash_algorithm
    if not isinstance(key, rsa.RSAPublicKey) or not isinstance(scheme, padding.PSS) or algorithm is None:
        return False
    key.verify(child.signature, child.tbs, scheme, algorithm)
    return True


def is_signed(loaded: x509.CertificateSigningRequest) -> bool:
    """Whether a request is signed by the key that it is for, over whatever hash."""
    from cryptography.hazmat.primitives.serialization import Encoding

    if _or_none(lambda: loaded.is_signature_valid):
        return True
    # The library does not look at signatures over SHA-1: who made this one has the key all the same.
    info, algorithm, signature = read(loaded.public_bytes(Encoding.DER)).parts()
    key = info.parts()[2].whole
    return _signed(key, algorithm.parts()[0].oid, signature.content[1:], info.whole)


def _signed(spki: bytes, oid: str, signature: bytes, data: bytes) -> bool:
    key = public_key(spki)
    return (
        key is not None and oid in SIGNATURES and _or_none(lambda: _verify(key, oid, signature, data)) is True
    )


def _verify(key: PublicKeyTypes, oid: str, signature: bytes, data: bytes) -> bool:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    kind, name = SIGNATURES[oid]
    known: dict[str, hashes.HashAlgorithm] = {
        "MD5": hashes.MD5(),  # noqa: S303
        "SHA-1": hashes.SHA1(),  # noqa: S303
        "SHA-224": hashes.SHA224(),
        "SHA-256": hashes.SHA256(),
        "SHA-384": hashes.SHA384(),
        "SHA-512": hashes.SHA512(),
    }
    algorithm = known[name]
    if isinstance(key, ec.EllipticCurvePublicKey) and kind == EC:
        key.verify(signature, data, ec.ECDSA(algorithm))
        return True
    if isinstance(key, rsa.RSAPublicKey) and kind == RSA:
        key.verify(signature, data, padding.PKCS1v15(), algorithm)
        return True
    return False


def anatomy(der: bytes, what: str) -> Anatomy:
    """A certificate's parts, whatever the library thinks of them."""
    try:
        return dissect(der)
    except DerError as error:
        raise CertificateError(f"{what} is no certificate: {error}.") from error
