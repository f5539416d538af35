"""The CA that signs device certificates, with the fields that AWS IoT gives them.

At AWS it's a different CA from the one whose root the devices trust, its key is RSA, its name is one long OU,
and of a CSR nothing but the public key gets into the certificate.
"""

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import MD5, SHA1

from simcloud.pki import Authority, PublicKey, Validity, name

ISSUER = name(
    organizational_unit_name="Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US",
)
SUBJECT = name(common_name="AWS IoT Certificate")
NOT_AFTER = datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
HEAD_START = timedelta(minutes=2)  # so much before now a certificate begins

CURVES = (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
RSA_BITS = 2048
PEM_BEGIN, PEM_END = "-----BEGIN CERTIFICATE REQUEST-----", "-----END CERTIFICATE REQUEST-----"


class RefusedCsr(Exception):
    """Why this CSR gets no certificate."""


class DeviceCa:
    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        self.authority = Authority.root(ISSUER, key)

    @property
    def certificate(self) -> x509.Certificate:
        return self.authority.certificate

    def issue(self, csr_pem: str) -> x509.Certificate:
        return self.certify(checked_key(csr_pem))

    def certify(self, public_key: PublicKey) -> x509.Certificate:
        begin = datetime.now(UTC).replace(microsecond=0) - HEAD_START
        return self.authority.sign(public_key, SUBJECT, Validity(begin, NOT_AFTER))


def checked_key(csr_pem: str) -> PublicKey:
    """The key of a CSR that is well formed, signed with that very key, and strong enough."""
    csr = parsed(csr_pem)
    try:
        if isinstance(csr.signature_hash_algorithm, MD5 | SHA1):
            raise RefusedCsr("it's signed over a broken hash")
        if not csr.is_signature_valid:
            raise RefusedCsr("its signature isn't by its own key")
        return strong(csr.public_key())
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise RefusedCsr(f"its key or signature can't be read ({error})") from error


def parsed(csr_pem: str) -> x509.CertificateSigningRequest:
    text = csr_pem.strip()
    if not (text.startswith(PEM_BEGIN) and text.endswith(PEM_END) and text.count(PEM_BEGIN) == 1):
        raise RefusedCsr("it isn't one PEM block of a CERTIFICATE REQUEST and nothing else")
    try:
        return x509.load_pem_x509_csr(text.encode())
    except ValueError as error:
        raise RefusedCsr(f"its PEM or DER is broken ({error})") from error


def strong(key: object) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, CURVES):
            return key
        raise RefusedCsr(f"its key is on the curve {key.curve.name}, not on a NIST one")
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size >= RSA_BITS:
            return key
        raise RefusedCsr(f"its RSA key has {key.key_size} bits, fewer than {RSA_BITS}")
    raise RefusedCsr("its key is neither EC nor RSA")
