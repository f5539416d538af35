"""Trust&GO: Microchip's functions find the certificates of `tngtls` and `trustflex` chips, and rebuild them.

The library has names, extensions and the root's key identifier compiled in, and so it also hands out Microchip's own
root certificate. It can't be the issuer here, for its private key is Microchip's: what the library rebuilds as the
signer's certificate names it, and is signed by the simulator's stand-in. Everything else verifies as on silicon:
device against signer, signer against root, in software and on the chip.
"""

import hashlib
from collections.abc import Iterator

import cryptoauthlib as cal
import pytest
from chip_foreign import certificates
from chip_foreign.bench import driven
from chip_foreign.setting import DATA_ZONE, DIGEST, ok, public_key
from cryptoauthlib.library import AtcaReference
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from simchip import Chip
from simchip.factory import ROOT_POINT

# Slots 11 and 12 of a real TrustFLEX chip, as the tests of Microchip's own pytrustplatform quote them.
REAL_SIGNER = {
    11: "000000009972887c3660fb10873cfe81d037aec66ee2de3792561b62be537aaeef0e1d72"
    "00000000a3869f549a231369fcc1c32ccf958a260c66cecbf1316e00c78e7f536cc4af14",
    12: "394adfaa865449769bdbec6198d184a2fd37cfd09434710eec93b38adb6252e2"
    "95923729c412e2abe955a738936995c81442a8d8ee8bf355f049a1fb0732a285963a9f2c2010a000",
}

pytestmark = pytest.mark.parametrize("name", certificates.DEVICE)


@pytest.fixture
def chip(name: str) -> Iterator[Chip]:
    with driven(Chip(preset=name)) as chip:
        yield chip


def read(what: str) -> bytes:
    """A certificate as the library rebuilds it: `device` or `signer`; or the `root` that it knows."""
    function = (
        cal.tng_atcacert_root_cert if what == "root" else getattr(cal, f"tng_atcacert_read_{what}_cert")
    )
    certificate, size = bytearray(1024), AtcaReference(1024)
    ok(function(certificate, size))
    return bytes(certificate)


def parsed(what: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(read(what))


def point_of(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)[1:]


def verifies(certificate: x509.Certificate, issuer: bytes) -> bool:
    assert certificate.signature_hash_algorithm is not None
    method = ec.ECDSA(certificate.signature_hash_algorithm)
    try:
        public_key(issuer).verify(certificate.signature, certificate.tbs_certificate_bytes, method)
    except InvalidSignature:
        return False
    return True


def test_the_chain(chip: Chip) -> None:
    device, signer = parsed("device"), parsed("signer")
    device.verify_directly_issued_by(signer)
    assert verifies(signer, ROOT_POINT)
    assert not verifies(signer, point_of(parsed("root"))), "only Microchip has that key"
    assert signer.issuer == parsed("root").subject


def key_identifiers(certificate: bytes) -> tuple[bytes, bytes]:
    """The subject's and the issuer's, found by their extensions' first bytes.

    `cryptography` reads no extension of a Trust&GO certificate: its MAC address is a PrintableString with a `_`.
    """
    heads = bytes.fromhex("0603551D0E0416 0414"), bytes.fromhex("0603551D230418 30168014")
    subject, issuer = (certificate.partition(head)[2][:20] for head in heads)
    return subject, issuer


def test_key_identifiers_link_the_chain(chip: Chip) -> None:
    device, signer, root = (key_identifiers(read(what)) for what in ("device", "signer", "root"))
    assert device[1] == signer[0]
    assert signer[1] == root[0]
    for what, (subject, _) in (("device", device), ("signer", signer), ("root", root)):
        assert subject == hashlib.sha1(b"\x04" + point_of(parsed(what))).digest()


def test_the_device_certificate_names_the_chip(chip: Chip, name: str) -> None:
    serial = bytearray(9)
    ok(cal.atcab_read_serial_number(serial))
    device = parsed("device")
    assert f"CN=sn{serial.hex().upper()}" in device.subject.rfc4514_string()
    mac = bytearray(12)
    if name == "tngtls":
        ok(cal.atcab_read_bytes_zone(DATA_ZONE, 5, 0, mac, 12))
    assert (b"eui48_" + mac in read("device")) == (name == "tngtls")


def test_public_keys(chip: Chip) -> None:
    from_chip, from_certificate = bytearray(64), bytearray(64)
    ok(cal.tng_get_device_pubkey(from_chip))
    assert from_chip == point_of(parsed("device"))
    for function, what in (
        (cal.tng_atcacert_device_public_key, "device"),
        (cal.tng_atcacert_signer_public_key, "signer"),
    ):
        ok(function(from_chip))
        ok(function(from_certificate, read(what)))
        assert from_chip == from_certificate == point_of(parsed(what))


def test_the_chip_has_the_key_of_its_certificate(chip: Chip) -> None:
    """Challenge and response: the library signs with the certificate's slot, and the chip verifies the answer."""
    response = bytearray(64)
    ok(cal.atcacert_get_response(0, DIGEST, response))
    for what in ("device", "signer"):
        verified = certificates.response_verified_by_the_chip(point_of(parsed(what)), DIGEST, bytes(response))
        assert verified == (what == "device")


def test_the_chip_verifies_the_chain(chip: Chip, name: str) -> None:
    device, signer, signer_point = read("device"), read("signer"), point_of(parsed("signer"))
    assert certificates.verified_by_the_chip(certificates.DEVICE[name], device, signer_point)
    assert certificates.verified_by_the_chip(certificates.SIGNER, signer, ROOT_POINT)
    assert not certificates.verified_by_the_chip(certificates.DEVICE[name], device, ROOT_POINT)
    spoilt = bytearray(device)
    spoilt[100] ^= 1
    assert not certificates.verified_by_the_chip(certificates.DEVICE[name], bytes(spoilt), signer_point)


def test_a_real_signer_goes_back_to_microchips_root(name: str) -> None:
    """With the bytes of a real chip in its slots, the simulated one leads to the root that the library knows."""
    chip = Chip(preset=name)
    for slot, content in REAL_SIGNER.items():
        chip.image.slots[slot][:] = bytes.fromhex(content)
    with driven(chip):
        parsed("signer").verify_directly_issued_by(parsed("root"))
        assert certificates.verified_by_the_chip(
            certificates.SIGNER, read("signer"), point_of(parsed("root"))
        )
