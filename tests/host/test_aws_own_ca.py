"""One's own CA at AWS IoT: what AWS refuses is refused here, with the line that makes what it takes."""

import datetime as dt
import json
import shlex
import subprocess

import boto3
import pytest
from atecc.aws import justintime
from cryptography import x509
from fakedevice import FakeDevice
from simcloud.faults import ApiError
from simcloud.pki import Authority, name, pem, private_pem

THE_CASE = """
openssl ecparam -out ca.key.pem -name prime256v1 -genkey
openssl req -new -subj "/C=IE/L=Dublin/O=ACME Ltd/OU=Testing/" -sha256 -key ca.key.pem -text -out ca.csr.tmpl
openssl x509 -in ca.csr.tmpl -text -out ca.crt.pem -req -signkey ca.key.pem
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return ["--ca-cert", "ca.crt.pem", "--ca-key", "ca.key.pem"]


def provision(run, board, thing, *more):
    return run(board, "provision", "aws", "--thing", thing, "--no-broker-check", *more)


def sh(text):
    subprocess.run(["bash", "-ec", text], check=True, capture_output=True)


def test_the_case_is_refused_and_mended_by_the_line_that_it_says(run, iot, files, tmp_path):
    sh(THE_CASE)
    board = FakeDevice()
    seen = provision(run, board, "the-case", *files, "--json")
    assert seen.status == 6 and "X.509 v1" in seen.err and not board.keys
    line = seen.json["error"]["hint"].splitlines()[-1].strip()
    subprocess.run(shlex.split(line), check=True, capture_output=True)
    assert (
        "O=ACME Ltd"
        in x509.load_pem_x509_certificate((tmp_path / "ca-v3.crt.pem").read_bytes()).subject.rfc4514_string()
    )
    seen = provision(run, board, "the-case", "--ca-cert", "ca-v3.crt.pem", "--ca-key", "ca.key.pem", "--json")
    assert seen.status == 0, seen.err
    described = iot.describe_certificate(certificateId=seen.json["certificate_id"])["certificateDescription"]
    assert described["status"] == "ACTIVE"
    on_board = x509.load_pem_x509_certificate(seen.json["certificate_pem"].encode())
    assert 364 <= (on_board.not_valid_after_utc - dt.datetime.now(dt.UTC)).days <= 365
    assert on_board.subject.rfc4514_string() == "CN=the-case"
    assert [
        p["policyName"] for p in iot.list_attached_policies(target=described["certificateArn"])["policies"]
    ]


@pytest.mark.parametrize(
    "half", [["--days", "30"], ["--ca-cert", "x.pem"], ["--ca-key", "x.pem", "--days", "30"]]
)
def test_half_a_ca_is_none(run, iot, half):
    board = FakeDevice()
    seen = provision(run, board, "half", *half)
    assert seen.status == 2 and "--ca-cert FILE and --ca-key FILE" in seen.err and not board.calls


@pytest.mark.parametrize("sni_only", [False, True])
def test_made_registered_and_used(run, iot, files, sni_only):
    board = FakeDevice()
    subject = f"/O=ACME/CN=devices {sni_only}"
    assert run(board, "aws", "ca", "create", "--subject", subject, *files).status == 0
    assert run(board, "aws", "ca", "create", "--subject", subject, *files).status != 0, "never over another"
    how = ["--ca-cert", "ca.crt.pem", "--sni-only"] if sni_only else files
    seen = run(board, "aws", "ca", "register", *how, "--json")
    assert seen.status == 0, seen.err
    again = run(board, "aws", "ca", "register", *how)
    assert again.status == 5 and "knows this CA already" in again.err
    listed = run(board, "aws", "ca", "list", "--json").json["cas"]
    assert seen.json["ca_certificate_id"] in [one["ca_certificate_id"] for one in listed]
    used = provision(run, board, f"made-{sni_only}", *files, "--json")
    assert used.status == 0 and "is registered" in used.err, used.err
    renewed = provision(run, board, f"made-{sni_only}", *files, "--renew", "--json")
    assert renewed.json["retired"] == [used.json["certificate_id"]]


@pytest.mark.parametrize(
    ("registered", "action"), [(True, "RegisterCertificate"), (False, "RegisterCertificateWithoutCA")]
)
def test_a_dry_run_shows_how_it_is_registered(run, iot, files, registered, action):
    run(FakeDevice(), "aws", "ca", "create", "--subject", f"/CN=shown {registered}", *files)
    if registered:
        assert run(FakeDevice(), "aws", "ca", "register", *files).status == 0
    seen = provision(run, FakeDevice(), f"shown-{registered}", *files, "--dry-run", "--json")
    assert next(call["action"] for call in seen.json["calls"] if "Certificate" in call["action"]) == action


def test_a_certificate_of_another_ca_is_left_alone_and_told(run, iot, files):
    board = FakeDevice()
    assert provision(run, board, "of-aws").status == 0
    run(board, "aws", "ca", "create", "--subject", "/CN=z", *files)
    [told] = [
        one for one in provision(run, board, "of-aws", *files, "--json").json["warnings"] if "CA" in one
    ]
    assert "is not from that CA: --renew" in told
    assert provision(run, board, "of-aws", *files, "--renew").status == 0
    assert "not from that CA" not in provision(run, board, "of-aws", *files).err


def test_what_was_registered_is_taken_back(run, iot, files):
    board = FakeDevice()
    run(board, "aws", "ca", "create", "--subject", "/CN=x", *files)
    board.faults["Identity.Try"] = {"code": 503, "kind": "tls", "message": "no"}
    before = {one["certificateId"] for one in iot.list_certificates()["certificates"]}
    seen = provision(run, board, "taken-back", *files)
    assert seen.status == 8 and "was deactivated and deleted" in seen.err
    assert {one["certificateId"] for one in iot.list_certificates()["certificates"]} == before


def test_an_answer_that_is_lost_registers_nothing_twice(run, iot, files, stand_in):
    board = FakeDevice()
    run(board, "aws", "ca", "create", "--subject", "/CN=y", *files)
    stand_in.faults.lose("RegisterCertificateWithoutCA", 2)
    before = len(iot.list_certificates()["certificates"])
    assert provision(run, board, "lost", *files).status == 0
    assert len(iot.list_certificates()["certificates"]) == before + 1


def test_devices_just_in_time(run, iot, files):
    board = FakeDevice()
    run(board, "aws", "ca", "create", "--subject", "/CN=in time", *files)
    register = "aws", "ca", "register", *files
    assert run(board, *register, "--jitp", "--auto-registration").status == 2
    seen = run(board, *register, "--jitp", "--json")
    assert seen.status == 0 and seen.json["template"] == "atecc-jitp", seen.err
    described = iot.describe_ca_certificate(certificateId=seen.json["ca_certificate_id"])
    assert described["registrationConfig"]["templateName"] == "atecc-jitp"
    assert described["certificateDescription"]["autoRegistrationStatus"] == "ENABLE"
    run(
        board,
        "aws",
        "ca",
        "create",
        "--subject",
        "/CN=told",
        "--ca-cert",
        "2.crt.pem",
        "--ca-key",
        "2.key.pem",
    )
    other = "aws", "ca", "register", "--ca-cert", "2.crt.pem", "--ca-key", "2.key.pem"
    assert "PENDING_ACTIVATION" in run(board, *other, "--auto-registration").err


@pytest.fixture
def in_time(run, iot, files):
    """A CA's registration by --jitp: the CA's ID."""
    board = FakeDevice()
    run(board, "aws", "ca", "create", "--subject", "/CN=while", *files)
    return run(board, "aws", "ca", "register", *files, "--jitp", "--json").json["ca_certificate_id"]


def left(iot):
    """Of just-in-time provisioning, at AWS: templates and roles."""
    templates = [one["templateName"] for one in iot.list_provisioning_templates()["templates"]]
    roles = [one["RoleName"] for one in boto3.Session().client("iam").list_roles()["Roles"]]
    return [name for name in templates + roles if name.startswith("atecc-jitp")]


def disuse(iot):
    """No CA registers devices any more."""
    for one in iot.list_ca_certificates()["certificates"]:
        iot.update_ca_certificate(certificateId=one["certificateId"], removeAutoRegistration=True)


def test_just_in_time_is_taken_away_when_no_ca_uses_it(run, iot, in_time):
    remove = "aws", "fleet", "remove", "--jitp"
    seen = run(None, *remove, "--yes")
    assert seen.status == 5 and in_time in seen.err and "--remove-auto-registration" in seen.err
    assert len(left(iot)) == 2
    disuse(iot)
    assert run(None, *remove).status == 5, "nobody can be asked"
    assert run(None, *remove, typed="n\n").status == 5 and len(left(iot)) == 2
    seen = run(None, *remove, "--yes", "--json")
    assert seen.status == 0 and seen.json["removed"] == ["atecc-jitp", "atecc-jitp-eu-west-1"]
    assert left(iot) == [] and iot.get_policy(policyName="atecc-device"), "devices have it"
    again = run(None, *remove, "--json")
    assert (again.status, again.json["removed"]) == (0, []), "nobody is asked"


def test_what_a_removal_has_left_the_next_one_takes_away(run, iot, stand_in, in_time):
    disuse(iot)
    stand_in.faults.add("iam:DeleteRole", ApiError(403, "AccessDenied", "no"))
    assert run(None, "aws", "fleet", "remove", "--jitp", "--yes").status == 7
    assert len(left(iot)) == 1
    assert run(None, "aws", "fleet", "remove", "--jitp", "--yes", "--json").json["removed"] == [
        "atecc-jitp-eu-west-1"
    ]
    assert left(iot) == []


def test_a_template_of_that_name_that_is_somebody_elses_stays(run, iot, in_time):
    disuse(iot)
    iot.delete_provisioning_template(templateName="atecc-jitp")
    (role,) = [
        one for one in boto3.Session().client("iam").list_roles()["Roles"] if one["RoleName"] in left(iot)
    ]
    body = justintime.body()
    del body["Resources"]["policy"]
    iot.create_provisioning_template(
        templateName="atecc-jitp", templateBody=json.dumps(body), provisioningRoleArn=role["Arn"], type="JITP"
    )
    seen = run(None, "aws", "fleet", "remove", "--jitp", "--yes")
    assert seen.status == 5 and "says something else" in seen.err and len(left(iot)) == 2
    iot.delete_provisioning_template(templateName="atecc-jitp")


def test_it_is_no_fleet(run, iot, in_time):
    for command in ("show", "remove"):
        seen = run(None, "aws", "fleet", command, "--template", "atecc-jitp")
        assert seen.status == 5 and "atecc aws fleet remove --jitp" in seen.err and len(left(iot)) == 2


def test_the_stand_in_wants_a_proof(iot):
    """A verification certificate by that very CA, with the account's code."""
    mine, other = Authority.root(name(common_name="mine")), Authority.root(name(common_name="other"))
    assert private_pem(mine.key)
    with pytest.raises(iot.exceptions.ClientError, match="required"):
        iot.register_ca_certificate(caCertificate=pem(mine.certificate).decode(), setAsActive=True)
    with pytest.raises(iot.exceptions.RegistrationCodeValidationException):
        iot.register_ca_certificate(
            caCertificate=pem(mine.certificate).decode(), setAsActive=True,
            verificationCertificate=pem(other.certificate).decode(),
        )  # fmt: skip
