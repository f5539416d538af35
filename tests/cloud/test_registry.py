"""The API through boto3: certificates as AWS issues them, and errors where AWS has them."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from cloud.devices import EVERYTHING, csr, document
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding

POLICY = document(EVERYTHING)
ISSUER = "OU=Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US"


def refused(code, status=400):
    """`with refused(...)`: boto3 raises an error of this name, which came with this HTTP status."""

    def check(error):
        response = error.response
        return (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)

    return pytest.raises(ClientError, check=check)


@pytest.fixture(scope="module")
def issued(iot):
    return iot.create_certificate_from_csr(certificateSigningRequest=csr(), setAsActive=True)


@pytest.fixture
def thing(iot, fleet):
    return iot.create_thing(thingName=fleet.name())["thingName"]


@pytest.fixture
def policy(iot, fleet):
    return iot.create_policy(policyName=fleet.name(), policyDocument=POLICY)["policyName"]


def test_the_endpoint_is_a_bare_address(iot, cloud):
    endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert endpoint == cloud.broker_host
    assert endpoint.startswith("127.")


def test_other_endpoint_types_lead_elsewhere(iot, cloud):
    for options in ({"endpointType": "iot:Data"}, {"endpointType": "iot:Jobs"}, {}):
        assert iot.describe_endpoint(**options)["endpointAddress"].endswith(".invalid")
    with refused("InvalidRequestException"):
        iot.describe_endpoint(endpointType="iot:Nonsense")


# --- certificates


@pytest.mark.parametrize(
    ("key", "hash_algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), SHA256()),
        (ec.generate_private_key(ec.SECP384R1()), SHA384()),
        (rsa.generate_private_key(65537, 2048), SHA256()),
    ],
    ids=["P-256", "P-384", "RSA-2048"],
)
def test_the_certificate_is_for_the_key_of_the_csr(iot, cloud, key, hash_algorithm):
    made = iot.create_certificate_from_csr(certificateSigningRequest=csr(key, hash_algorithm))
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(cloud.device_ca.certificate)


def test_the_fields_are_those_of_aws(issued):
    certificate = x509.load_pem_x509_certificate(issued["certificatePem"].encode())
    assert certificate.subject.rfc4514_string() == "CN=AWS IoT Certificate"
    assert certificate.issuer.rfc4514_string() == ISSUER
    assert certificate.not_valid_after_utc == datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)
    age = datetime.now(UTC) - certificate.not_valid_before_utc
    assert timedelta(minutes=1) < age < timedelta(minutes=4)
    assert certificate.version == x509.Version.v3
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert issued["certificateId"] == hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()
    assert issued["certificateArn"].endswith(f":cert/{issued['certificateId']}")


def test_the_same_csr_gives_another_certificate(iot):
    request = csr()
    first, second = (iot.create_certificate_from_csr(certificateSigningRequest=request) for _ in range(2))
    assert first["certificateId"] != second["certificateId"]


@pytest.mark.parametrize(
    ("options", "status"),
    [({"setAsActive": True}, "ACTIVE"), ({"setAsActive": False}, "INACTIVE"), ({}, "INACTIVE")],
)
def test_a_certificate_is_active_only_if_asked_for(iot, options, status):
    made = iot.create_certificate_from_csr(certificateSigningRequest=csr(), **options)
    described = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
    assert described["status"] == status
    assert described["validity"]["notAfter"].year == 2049


def test_keys_made_by_the_cloud_are_certified_by_its_ca(iot, cloud):
    made = iot.create_keys_and_certificate(setAsActive=True)
    x509.load_pem_x509_certificate(made["certificatePem"].encode()).verify_directly_issued_by(
        cloud.device_ca.certificate
    )


def damaged(request):
    """The same CSR with one bit of its signature changed."""
    der = bytearray(x509.load_pem_x509_csr(request.encode()).public_bytes(Encoding.DER))
    der[-1] ^= 1
    return x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM).decode()


BAD_CSRS = {
    "text": "request.csr",
    "truncated": csr()[:200],
    "base64 of nothing": "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
    "signature": damaged(csr()),
    "text around it": "Certificate Request:\n    Data:\n" + csr(),
    "two of them": csr() + csr(),
    "weak RSA": csr(rsa.generate_private_key(65537, 1024)),
    "secp256k1": csr(ec.generate_private_key(ec.SECP256K1())),
    "too long": csr() + " " * 4096,
}


@pytest.mark.parametrize("request_pem", BAD_CSRS.values(), ids=BAD_CSRS)
def test_bad_csrs_are_refused_and_register_nothing(iot, request_pem):
    before = len(iot.list_certificates(pageSize=250)["certificates"])
    with refused("InvalidRequestException"):
        iot.create_certificate_from_csr(certificateSigningRequest=request_pem, setAsActive=True)
    assert len(iot.list_certificates(pageSize=250)["certificates"]) == before


def test_ed25519_is_refused(iot):
    key = ed25519.Ed25519PrivateKey.generate()
    unsigned = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = unsigned.sign(key, None).public_bytes(Encoding.PEM).decode()
    with refused("InvalidRequestException"):
        iot.create_certificate_from_csr(certificateSigningRequest=request)


def test_an_active_certificate_is_not_deleted(iot):
    made = iot.create_certificate_from_csr(certificateSigningRequest=csr(), setAsActive=True)
    with refused("CertificateStateException", 406):
        iot.delete_certificate(certificateId=made["certificateId"])


def test_an_attached_certificate_is_not_deleted(iot, thing, policy):
    made = iot.create_certificate_from_csr(certificateSigningRequest=csr())
    identifier, arn = made["certificateId"], made["certificateArn"]
    iot.attach_thing_principal(thingName=thing, principal=arn)
    iot.attach_policy(policyName=policy, target=arn)
    with refused("DeleteConflictException", 409):
        iot.delete_certificate(certificateId=identifier, forceDelete=True)
    iot.detach_thing_principal(thingName=thing, principal=arn)
    with refused("DeleteConflictException", 409):
        iot.delete_certificate(certificateId=identifier)
    iot.delete_certificate(certificateId=identifier, forceDelete=True)
    assert iot.list_targets_for_policy(policyName=policy)["targets"] == []


def test_a_status_that_does_not_exist(iot, issued):
    with refused("InvalidRequestException"):
        iot.update_certificate(certificateId=issued["certificateId"], newStatus="SLEEPING")


def test_registering_what_is_no_certificate(iot):
    with refused("CertificateValidationException"):
        iot.register_certificate_without_ca(certificatePem="no certificate", status="ACTIVE")


# --- things and policies


def test_creating_a_thing_again_gives_the_same_thing(iot, fleet):
    name = fleet.name()
    payload = {"attributes": {"serial": "0123"}}
    first, second = (iot.create_thing(thingName=name, attributePayload=payload) for _ in range(2))
    assert first["thingId"] == second["thingId"]


def test_another_thing_of_the_same_name_is_an_error(iot, thing):
    with refused("ResourceAlreadyExistsException", 409):
        iot.create_thing(thingName=thing, attributePayload={"attributes": {"serial": "0123"}})


@pytest.mark.parametrize("name", ["a b", "a/b", "ü", "x" * 129])
def test_bad_thing_names(iot, name):
    with refused("InvalidRequestException"):
        iot.create_thing(thingName=name)


def test_a_malformed_policy(iot, fleet, policy):
    for call in (iot.create_policy, iot.create_policy_version):
        with refused("MalformedPolicyException"):
            call(policyName=policy, policyDocument="policy.json")


def test_a_policy_that_exists(iot, policy):
    with refused("ResourceAlreadyExistsException", 409):
        iot.create_policy(policyName=policy, policyDocument=POLICY)


def test_a_policy_has_five_versions_at_most(iot, policy):
    for _ in range(4):
        iot.create_policy_version(policyName=policy, policyDocument=POLICY)
    with refused("VersionsLimitExceededException", 409):
        iot.create_policy_version(policyName=policy, policyDocument=POLICY)


def test_ten_policies_are_the_most(iot, fleet):
    made = iot.create_certificate_from_csr(certificateSigningRequest=csr())
    for _ in range(10):
        fleet.attach(made["certificateArn"], POLICY)
    with refused("LimitExceededException", 410):
        fleet.attach(made["certificateArn"], POLICY)


def test_an_attached_policy_is_not_deleted(iot, issued, policy):
    iot.attach_policy(policyName=policy, target=issued["certificateArn"])
    with refused("DeleteConflictException", 409):
        iot.delete_policy(policyName=policy)
    iot.detach_policy(policyName=policy, target=issued["certificateArn"])
    iot.delete_policy(policyName=policy)


def test_attaching_what_does_not_exist(iot, cloud, issued, thing, policy):
    arn = issued["certificateArn"]
    gone = arn[:-4] + "0000"
    for call in (
        lambda: iot.attach_policy(policyName="nowhere", target=arn),
        lambda: iot.attach_policy(policyName=policy, target=gone),
        lambda: iot.attach_thing_principal(thingName="nowhere", principal=arn),
        lambda: iot.attach_thing_principal(thingName=thing, principal=gone),
    ):
        with refused("ResourceNotFoundException", 404):
            call()
    with refused("InvalidRequestException"):
        iot.attach_policy(policyName=policy, target=issued["certificateId"])


def test_an_attached_thing_is_not_deleted(iot, issued, thing):
    iot.attach_thing_principal(thingName=thing, principal=issued["certificateArn"])
    with pytest.raises(iot.exceptions.InvalidRequestException):
        iot.delete_thing(thingName=thing)


KINDS = ("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING")


@pytest.mark.parametrize(("first", "then"), [KINDS, KINDS[::-1]])
def test_an_attachment_of_another_kind_has_to_be_taken_away_first(iot, thing, first, then):
    arn = iot.create_certificate_from_csr(certificateSigningRequest=csr())["certificateArn"]
    for _ in range(2):  # the same again is no other
        iot.attach_thing_principal(thingName=thing, principal=arn, thingPrincipalType=first)
    with refused("InvalidRequestException"):
        iot.attach_thing_principal(thingName=thing, principal=arn, thingPrincipalType=then)
    iot.detach_thing_principal(thingName=thing, principal=arn)
    iot.attach_thing_principal(thingName=thing, principal=arn, thingPrincipalType=then)
    [shown] = iot.list_thing_principals_v2(thingName=thing)["thingPrincipalObjects"]
    assert shown["thingPrincipalType"] == then
