"""identity.csr and identity.names on MicroPython; what they make is read with cryptography and openssl."""

import ipaddress
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

KEY = ec.generate_private_key(ec.SECP256R1())
POINT = KEY.public_key().public_bytes(
    serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
)[1:]


def request(micropython, subject, san=(), key_usage=()):
    """A whole request: the device's encoder, a key of ours in the place of the chip's."""
    given = {"subject": subject, "point": POINT.hex(), "san": list(san), "usage": list(key_usage)}
    info_code = (
        "csr.request_info(given['subject'], bytes.fromhex(given['point']), given['san'], given['usage'])"
    )
    info = bytes.fromhex(micropython.value(info_code + ".hex()", "from identity import csr", given=given))
    r, s = utils.decode_dss_signature(KEY.sign(info, ec.ECDSA(hashes.SHA256())))
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    code = "csr.request(bytes.fromhex(given[0]), bytes.fromhex(given[1])).hex()"
    whole = micropython.value(code, "from identity import csr", given=[info.hex(), signature.hex()])
    return bytes.fromhex(whole)


def test_every_attribute_and_multi_valued_rdns(micropython):
    subject = [
        [["C", "IE"]], [["ST", "Leinster"]], [["L", "Baile Átha Cliath"]], [["O", "ACME, Ltd"], ["OU", "R+D"]],
        [["serialNumber", "0123-EE"]], [["DC", "example"]], [["emailAddress", "a@example.com"]], [["UID", "u"]],
        [["street", "Main St 1"]], [["title", "T"]], [["SN", "Byron"]], [["GN", "Ada"]], [["1.2.3.4.5", "own"]],
        [["CN", "thing-1"]],
    ]  # fmt: skip
    csr = x509.load_der_x509_csr(request(micropython, subject))
    assert csr.is_signature_valid
    assert [len(rdn) for rdn in csr.subject.rdns] == [len(rdn) for rdn in subject]
    assert {a.value for a in csr.subject} == {value for rdn in subject for _, value in rdn}
    assert csr.subject.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0]._type.name == "PrintableString"
    assert csr.subject.get_attributes_for_oid(NameOID.DOMAIN_COMPONENT)[0]._type.name == "IA5String"
    assert csr.public_key() == KEY.public_key()


def test_alternative_names_and_key_usage(micropython):
    san = [
        "DNS:thing.example",
        "IP:192.0.2.7",
        "IP:2001:db8::7",
        "IP:::1",
        "URI:urn:dev:1",
        "email:a@example.com",
    ]
    csr = x509.load_der_x509_csr(
        request(micropython, [[["CN", "x"]]], san, ["digitalSignature", "keyAgreement"])
    )
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert not names.critical
    assert names.value.get_values_for_type(x509.DNSName) == ["thing.example"]
    addresses = [ipaddress.ip_address(a) for a in ("192.0.2.7", "2001:db8::7", "::1")]
    assert names.value.get_values_for_type(x509.IPAddress) == addresses
    assert names.value.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:dev:1"]
    assert names.value.get_values_for_type(x509.RFC822Name) == ["a@example.com"]
    usage = csr.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.key_agreement, usage.value.key_cert_sign) == (
        True,
        True,
        False,
    )


def test_an_empty_subject_makes_the_alternative_name_critical(micropython):
    csr = x509.load_der_x509_csr(request(micropython, [], ["DNS:only.example"]))
    assert csr.subject == x509.Name([])
    assert csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


def test_decipher_only_needs_the_second_byte(micropython):
    csr = x509.load_der_x509_csr(
        request(micropython, [[["CN", "x"]]], key_usage=["keyAgreement", "decipherOnly"])
    )
    assert csr.extensions.get_extension_for_class(x509.KeyUsage).value.decipher_only


def test_any_length_of_request_hashes_right(micropython):
    """Peers' loops broke where the request info's length is a multiple of the hash's 64-byte block."""
    lengths = set()
    for n in range(1, 110):
        csr = x509.load_der_x509_csr(request(micropython, [[["street", "x" * n]]]))
        assert csr.is_signature_valid
        lengths.add(len(csr.tbs_certrequest_bytes) % 64)
    assert lengths == set(range(64))


def test_openssl_verifies_it(micropython, tmp_path):
    file = tmp_path / "csr.der"
    file.write_bytes(request(micropython, [[["C", "IE"]], [["CN", "thing-1"]]], ["DNS:thing.example"]))
    done = subprocess.run(
        ["openssl", "req", "-inform", "DER", "-in", file, "-verify", "-noout", "-subject"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "verify OK" in done.stderr + done.stdout
    assert "CN = thing-1" in done.stdout


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"subject": "CN=x"}, "a list of RDNs"),
        ({"subject": [["CN", "x"]]}, "each attribute is [type, value]"),
        ({"subject": [[["CN", ""]]]}, "two non-empty strings"),
        ({"subject": [[["CN", 7]]]}, "two non-empty strings"),
        ({"subject": [[["XX", "x"]]]}, "neither a known attribute"),
        ({"subject": [[["C", "Ireland"]]]}, "country code"),
        ({"subject": [[["serialNumber", "a_b"]]]}, "only hold letters"),
        ({"subject": [[["DC", "é"]]]}, "only hold ASCII"),
        ({"subject": [], "san": ["thing.example"]}, "none of DNS:name"),
        ({"subject": [], "san": ["DNS:"]}, "none of DNS:name"),
        ({"subject": [], "san": ["IP:300.1.1.1"]}, "not an IP address"),
        ({"subject": [], "san": ["IP:1:2"]}, "not an IP address"),
        ({"subject": [], "san": [5]}, "none of DNS:name"),
        ({"subject": [], "usage": ["signing"]}, "signing is none of"),
    ],
)
def test_bad_words_are_explained(micropython, given, complaint):
    code = "csr.request_info(given['subject'], bytes(64), given.get('san', ()), given.get('usage', ()))"
    assert complaint in micropython.error(code, "from identity import csr", given=given)
