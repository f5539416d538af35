"""The certificate of the simulated factory's root CA: what stands in for Microchip's."""

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from simchip.factory import ROOT_KEY_ID, ROOT_SCALAR

NAME = (
    (NameOID.ORGANIZATION_NAME, "Microchip Technology Inc"),
    (NameOID.COMMON_NAME, "Crypto Authentication Root CA 002"),
)
SINCE, UNTIL = dt.datetime(2018, 1, 1, tzinfo=dt.UTC), dt.datetime(2058, 1, 1, tzinfo=dt.UTC)


def factory_root(folder: Path) -> Path:
    """Write it into `folder`; the key identifier is Microchip's, for the signers' certificates carry that."""
    key = ec.derive_private_key(int.from_bytes(ROOT_SCALAR, "big"), ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in NAME])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, SINCE, UNTIL)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier(ROOT_KEY_ID), critical=False)
    path = folder / "factory-root.pem"
    path.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    return path
