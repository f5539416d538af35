"""Identities on a bench: the store on MicroPython, and certificates for its keys by a CA of the tests."""

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

DER = serialization.Encoding.DER

STORE = """
from identity.terms import OWNER, Asker
from identity.store import Store
afar, bench = Asker("wss"), Asker("wss", bench=True)
store = Store(chip, "/identity", (0, 1))
subject = [[["CN", "thing-1"]]]
where = {"name": "thing-1", "client_id": "thing-1", "endpoint": "localhost", "port": 8883}
def token():
    return (store.begun() or {"token": "none"})["token"]
def stage(certificate, cas):
    return store.stage(token(), bytes.fromhex(certificate), [bytes.fromhex(c) for c in cas], **where)
def tried():
    "As if a broker had accepted it."
    store.mark_tried(token(), store.candidate(token())[1])
def commit(*options):
    return store.commit(token(), *options)
"""
BEGIN = "begun = store.begin(subject)\n"
BEGUN = "[begun['identity'], begun['slot'], begun['generated'], begun['pubkey'].hex(), begun['csr'].hex()]"

CA_KEY = ec.generate_private_key(ec.SECP256R1())
NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)


def issue(public_key, subject="thing-1"):
    """A certificate (DER, hex) for a public key."""
    builder = x509.CertificateBuilder(
        x509.Name.from_rfc4514_string("CN=Test CA"), x509.Name.from_rfc4514_string("CN=" + subject), public_key,
        x509.random_serial_number(), NOW, NOW + dt.timedelta(days=30),
    )  # fmt: skip
    return builder.sign(CA_KEY, hashes.SHA256()).public_bytes(DER).hex()


CA = issue(CA_KEY.public_key(), "Test CA")


def provision(b, begin=BEGIN):
    """Begin, stage, try (taken as successful) and commit; the certificate."""
    identity, slot, _, _, csr = b.value(BEGUN, STORE + begin)
    certificate = issue(x509.load_der_x509_csr(bytes.fromhex(csr)).public_key())
    code = STORE + "stage(*given)\ntried()\n"
    assert b.value("commit()[0]", code, [certificate, [CA]]) == identity
    return slot, certificate
