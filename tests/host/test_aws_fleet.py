"""`atecc aws fleet`: made, shown, taken away; and its hook, at which one device tries to become another."""

import json
import stat
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from atecc.aws import fleet as fleets
from atecc.aws.cloud import Cloud as Account
from atecc.cli import awscalls
from cloud.devices import Fleet as Devices
from cloud.devices import csr
from cloud.test_provisioning import Asker
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from fakedevice import FakeDevice
from simcloud.faults import ApiError
from simcloud.pki import Authority, Validity, name, pem

SERIAL, OTHER = "0123a1b2c3d4e5f6ee", "0123ffffffffffffee"


@pytest.fixture
def atecc(run, iot):
    """Run `atecc aws fleet …`; the board isn't asked."""
    return lambda *words, **more: run(FakeDevice(), "aws", "fleet", *words, **more)


def test_shown_first_then_made_and_made_once(atecc, iot, stand_in):
    seen = atecc("setup", "--template", "shown", "--prefix", "s-", typed="n\n")
    assert seen.status == 5 and "iam:CreateRole" in seen.err and "iot:CreateProvisioningTemplate" in seen.err
    assert atecc("show", "--template", "shown").status == 5, "nothing was made"
    seen = atecc("setup", "--template", "shown", "--prefix", "s-", typed="y\n")
    assert seen.status == 0, seen.err
    again = atecc("setup", "--template", "shown", "--prefix", "s-", "--json")
    assert again.status == 0 and again.json["calls"] == [], "and nobody is asked"
    shown = atecc("show", "--template", "shown", "--json").json
    assert shown["prefix"] == "s-" and "" not in shown["parts"].values()


def test_what_is_shown_can_be_read_at_80_columns(atecc, iot):
    seen = atecc("setup", "--template", "read", "--prefix", "s-", typed="n\n")
    assert [line for line in seen.err.splitlines() if len(line) > 80] == [] and '{"' not in seen.err
    for line in (
        "role read-hook-eu-west-1: what the hook may do",
        "    lambda.amazonaws.com may sts:AssumeRole",
        "policy read-claim: a claim may ask for a device's certificate",
        "    may iot:Connect on client/claim-*",
        "      topic/$aws/provisioning-templates/read/provision/json",
        "    iot.amazonaws.com may lambda:InvokeFunction for provisioningtemplate/read",
        "topic rule read_rotated: hears devices that have renewed theirs",
    ):
        assert line in seen.err.splitlines()
    assert "PREFIX = s-" in seen.err
    whole = atecc("setup", "--template", "read", "-v", typed="n\n").err
    assert '"PolicyArn": "arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration"' in whole


def test_each_part_has_its_purpose_and_all_calls_are_shown(iot):
    fleet, account = fleets.Fleet("all"), Account()
    account.rehearse()
    fleets.set_up(account, fleet, b"def sign(request, thing): ...")
    purposes = fleets.purposes(fleet, account.region)
    lines = list(awscalls.readable(account.planned, purposes))
    parts = [line for line in lines if not line.startswith(" ")]
    shared = {"atecc-device"}  # which another fleet may have made
    told = {name for name in purposes for part in parts if part.endswith(f" {name}: {purposes[name]}")}
    assert len(parts) == len(told) and told | shared == set(purposes)
    made = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert made == [awscalls.named(action) for action, _ in account.planned]


def test_in_a_script_it_takes_yes(atecc):
    assert "--yes" in atecc("setup", "--template", "script").err
    assert atecc("setup", "--template", "script", "--yes").status == 0


def test_another_rule_or_an_older_hook_is_replaced(atecc, iot):
    atecc("setup", "--template", "rule", "--prefix", "a-", "--yes")
    functions = boto3.Session().client("lambda")
    functions.update_function_code(FunctionName="rule-hook", ZipFile=zipped("def handler(e, c): return 1"))
    seen = atecc("setup", "--template", "rule", "--prefix", "b-", "--listed", "--yes", "--json")
    assert seen.json["calls"] == ["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration"]
    shown = atecc("show", "--template", "rule", "--json").json
    assert (shown["prefix"], shown["listed"]) == ("b-", True)


def zipped(source):
    from cloud.templates import zipped

    return zipped(source)


@pytest.mark.parametrize(
    "operation", ["iam:PutRolePolicy", "lambda:AddPermission", "CreateProvisioningTemplate"]
)
def test_what_is_denied_is_named_and_the_next_run_does_the_rest(atecc, iot, stand_in, operation):
    from simcloud.faults import ApiError

    name = operation.replace(":", "-")
    code = "AccessDenied" if operation.startswith("iam") else "AccessDeniedException"
    stand_in.faults.add(operation, ApiError(403, code, "no"), 2)
    seen = atecc("setup", "--template", name, "--yes")
    action = operation if ":" in operation else f"iot:{operation}"
    assert seen.status == 7 and action in seen.err, seen.err
    stand_in.faults.clear()
    assert atecc("setup", "--template", name, "--yes").status == 0
    assert "" not in atecc("show", "--template", name, "--json").json["parts"].values()


def test_what_is_somebody_elses_is_left_alone(atecc, iot):
    iot.create_policy(policyName="theirs-claim", policyDocument=json.dumps(fleets._policy([])
                      | {"Statement": {"Effect": "Deny", "Action": "iot:*", "Resource": "*"}}))  # fmt: skip
    seen = atecc("setup", "--template", "theirs", "--yes")
    assert seen.status == 5 and "theirs-claim" in seen.err
    assert atecc("setup", "--template", "no such name", "--yes").status == 2


def test_taken_away_with_its_claims(atecc, iot, tmp_path):
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    assert atecc("claim", "--template", "away", *files).status == 5, "there is no such fleet"
    atecc("setup", "--template", "away", "--yes")
    made = atecc("claim", "--template", "away", *files, "--json").json["certificate_id"]
    assert stat.S_IMODE((tmp_path / "c.key").stat().st_mode) == 0o600
    assert atecc("claim", "--template", "away", *files).status == 5, "never over a file"
    assert atecc("show", "--template", "away", "--json").json["claims"] == [made]
    seen = atecc("remove", "--template", "away", "--yes")
    assert seen.status == 0 and "1 claims" in seen.err
    assert made not in [one["certificateId"] for one in iot.list_certificates()["certificates"]]
    assert [p for p in iot.list_policies()["policies"] if p["policyName"].startswith("away")] == []
    iam = boto3.Session().client("iam")
    assert [r for r in iam.list_roles()["Roles"] if r["RoleName"].startswith("away")] == []
    assert atecc("remove", "--template", "away", "--yes").status == 5


# A signer of one's own

SIGN = "def sign(request, thing):\n    raise ValueError('nobody')\n"


def test_a_signer_is_set_up_stays_is_replaced_and_is_taken_away(atecc, iot, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(SIGN)
    here = "--template", "sig-ned"
    assert atecc("setup", *here, "--yes").status == 0
    parts = atecc("show", *here, "--json").json["parts"]
    assert "signing rule" not in parts, "a fleet need not have one"
    made = atecc("setup", *here, "--signer", file, "--yes", "--json").json["calls"]
    assert made[-1] == "iot:CreateTopicRule" and "lambda:CreateFunction" in made
    assert atecc("setup", *here, "--signer", file, "--yes", "--json").json["calls"] == []
    assert atecc("setup", *here, "--yes", "--json").json["calls"] == [], "it stays"
    file.write_text(SIGN + "# better\n")
    seen = atecc("setup", *here, "--signer", file, "--yes", "--json")
    assert seen.json["calls"] == ["lambda:UpdateFunctionCode"]
    parts = atecc("show", *here, "--json").json["parts"]
    assert (parts["signing rule"], parts["signing function"]) == ("sig_ned_sign", "sig-ned-sign")
    assert atecc("remove", *here, "--yes").status == 0
    assert "sig_ned_sign" not in [one["ruleName"] for one in iot.list_topic_rules()["rules"]]
    assert atecc("show", *here).status == 5


@pytest.mark.parametrize(
    ("source", "why"),
    [
        (None, "can't be read"),
        ("def sign(request, thing) return 1", "is not Python"),
        ("\0", "is not Python"),
        ("def sing(request, thing): return 1", "defines no function sign"),
        ("async def sign(request, thing): return 1", "defines no function sign"),
        ("def sign(request): return 1", "takes other parameters"),
    ],
)
def test_what_is_no_signer_is_refused_before_anything_is_made(atecc, stand_in, tmp_path, source, why):
    file = tmp_path / "sign.py"
    if source is not None:
        file.write_text(source)
    before = len(stand_in.decisions)
    seen = atecc("setup", "--template", "no-signer", "--signer", file, "--yes")
    assert seen.status == 2 and why in seen.err and "def sign(request: str, thing: str)" in seen.err
    assert len(stand_in.decisions) == before


# The hook


@pytest.fixture
def devices(stand_in, iot, tmp_path):
    made = Devices(stand_in, iot, tmp_path)
    yield made
    made.close()


class Rig:
    """A fleet, and whoever asks it for certificates."""

    def __init__(self, stand_in, iot, devices, fleet):
        self.iot, self.devices, self.fleet = iot, devices, fleet
        fleets.set_up(Account(), fleet)

    def thing(self, serial):
        return self.fleet.prefix + serial

    def claim(self, client_id):
        """Somebody who has a claim, connected."""
        got = self.iot.create_provisioning_claim(templateName=self.fleet.template)
        key = load_pem_private_key(got["keyPair"]["PrivateKey"].encode(), None)
        device = self.devices.device(self.devices.files(key, got["certificatePem"]), client_id)
        assert device.connect()
        return Asker(device)

    def member(self, serial):
        """A device of the fleet, connected with its own certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        asker = self.claim(f"claim-{serial}")
        issued = asker.certificate(key)
        thing = self.ask(asker, issued, SerialNumber=serial)["thingName"]
        device = self.devices.device(self.devices.files(key, issued["certificatePem"]), thing)
        assert device.connect()
        return Asker(device), key

    def ask(self, asker, issued, **parameters):
        token = issued["certificateOwnershipToken"]
        return asker.register(self.fleet.template, token, **parameters)[1]

    def denied(self, asker, **parameters):
        """Whether the hook says no; the certificate stays as it was, inactive."""
        issued = asker.certificate()
        answer = self.ask(asker, issued, **parameters)
        described = self.iot.describe_certificate(certificateId=issued["certificateId"])
        waits = described["certificateDescription"]["status"] == "PENDING_ACTIVATION"
        return answer.get("errorCode") == "ACCESS_DENIED" and waits


@pytest.fixture
def rig(stand_in, iot, devices, request):
    def make(**settings):
        name = devices.name()
        return Rig(stand_in, iot, devices, fleets.Fleet(name, f"{name}-", **settings))

    return make


def test_a_claim_makes_the_thing_of_its_chip_whatever_it_says(rig, iot):
    made = rig()
    asker = made.claim(f"claim-{SERIAL}")
    said = made.ask(asker, asker.certificate(), SerialNumber=SERIAL, ThingName="the-director")
    assert said["thingName"] == made.thing(SERIAL)
    assert made.denied(made.claim(f"claim-{SERIAL}"), SerialNumber=OTHER), "it isn't connected as that"
    for odd in ("", "../x", SERIAL.upper(), SERIAL + "00"):
        assert made.denied(made.claim(f"claim-{odd}"), SerialNumber=odd), odd


def test_a_claim_takes_no_thing_that_has_a_certificate(rig):
    made = rig()
    member, key = made.member(SERIAL)
    thief = made.claim(f"claim-{SERIAL}")
    assert made.denied(thief, SerialNumber=SERIAL)
    # The device itself may have another one, for its key.
    assert made.ask(thief, thief.certificate(key), SerialNumber=SERIAL)["thingName"] == made.thing(SERIAL)
    assert member.device.publish(made.thing(SERIAL) + "/x", b"still there")


# A certificate that never came to its device


def asked_again(made, times=1, key=None):
    """A device's key, and the IDs of the certificates it asked for; the answers to all but the last were lost."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    found = []
    for _ in range(times + 1):
        issued = (asker := made.claim(f"claim-{SERIAL}")).certificate(key)
        made.ask(asker, issued, SerialNumber=SERIAL)
        found.append(issued["certificateId"])
    return key, found


def states(iot, made):
    """Of the thing's certificates, by ID."""
    arns = iot.list_thing_principals(thingName=made.thing(SERIAL))["principals"]
    described = [iot.describe_certificate(certificateId=arn.rpartition("/")[2]) for arn in arns]
    return {
        one["certificateDescription"]["certificateId"]: one["certificateDescription"]["status"]
        for one in described
    }


@pytest.fixture
def sweep(run):
    return lambda made, *words: run(None, "aws", "sweep", "--thing", made.thing(SERIAL), "--json", *words)


def test_what_never_came_to_the_device_is_deactivated_and_deleted_later(rig, iot, sweep):
    made = rig()
    _, (first, second, used) = asked_again(made, 2)
    planned = sweep(made, "--dry-run").json["calls"]
    assert [one["action"] for one in planned] == ["UpdateCertificate"] * 2
    assert states(iot, made) == dict.fromkeys((first, second, used), "ACTIVE")
    swept = sweep(made).json
    assert (swept["deleted"], swept["unsure"]) == ([], []) and sorted(swept["deactivated"]) == sorted(
        [first, second]
    )
    assert states(iot, made) == {first: "INACTIVE", second: "INACTIVE", used: "ACTIVE"}
    assert sweep(made).json == {"deleted": [], "deactivated": [], "unsure": []}, "it is kept for a while"
    for one in (first, second):
        made.devices.cloud._registry.certificates[one].last_modified_date -= timedelta(days=8)
    assert sorted(sweep(made).json["deleted"]) == sorted([first, second])
    assert states(iot, made) == {used: "ACTIVE"}


def test_at_once_if_nothing_is_to_be_kept(rig, iot, sweep):
    made = rig()
    _, (lost, used) = asked_again(made)
    assert sweep(made, "--keep-previous", "0").json["deleted"] == [lost]
    assert states(iot, made) == {used: "ACTIVE"}


def attached(made, key):
    """One more for the key, as nobody's template makes it."""
    issued = made.iot.create_certificate_from_csr(certificateSigningRequest=csr(key), setAsActive=True)
    made.iot.attach_thing_principal(thingName=made.thing(SERIAL), principal=issued["certificateArn"])
    return issued["certificateId"]


def other_key(made, _key, _used):
    attached(made, ec.generate_private_key(ec.SECP256R1()))


def by_hand(made, key, _used):
    attached(made, key)


def a_day_later(made, key, used):
    certificates = made.devices.cloud._registry.certificates
    certificates[used].creation_date -= timedelta(days=1)
    asked_again(made, 0, key)


def without_its_template(made, key, _used):
    asked_again(made, 0, key)
    made.iot.delete_provisioning_template(templateName=made.fleet.template)


def of_two_things(made, key, used):
    asked_again(made, 0, key)
    made.iot.create_thing(thingName=made.thing("other"))
    arn = made.iot.describe_certificate(certificateId=used)["certificateDescription"]["certificateArn"]
    made.iot.attach_thing_principal(thingName=made.thing("other"), principal=arn)


def without_rights(made, key, _used):
    asked_again(made, 0, key)
    denied = ApiError(403, "AccessDeniedException", "no")
    made.devices.cloud.faults.add("DescribeProvisioningTemplate", denied, 9)


@pytest.mark.parametrize(
    "more", [other_key, by_hand, a_day_later, without_its_template, of_two_things, without_rights]
)
def test_what_a_device_may_use_is_left_alone_and_told(rig, iot, sweep, more):
    made = rig()
    key, (used,) = asked_again(made, 0)
    more(made, key, used)
    before = states(iot, made)
    swept = sweep(made, "--keep-previous", "0").json
    assert (swept["deleted"], swept["deactivated"], states(iot, made)) == ([], [], before)
    (told,) = swept["unsure"]
    assert "2 active certificates" in told and used[:8] in told and "atecc identity status" in told


def test_if_the_last_one_does_not_count_the_ones_before_may_be_in_use(rig, iot, sweep):
    made = rig()
    _, (used, last) = asked_again(made)
    iot.update_certificate(certificateId=last, newStatus="INACTIVE")
    assert sweep(made, "--keep-previous", "0").json == {"deleted": [], "deactivated": [], "unsure": []}
    assert states(iot, made) == {used: "ACTIVE", last: "INACTIVE"}


def test_a_device_renews_itself_and_nobody_else(rig, iot, devices):
    made = rig()
    (mine, _), (other, _) = made.member(OTHER), made.member(SERIAL[:-4] + "aaee")
    theirs = other.device.client_id
    assert made.denied(mine, ThingName=theirs), "another's thing"
    assert made.denied(mine, ThingName=theirs, SerialNumber=OTHER)
    assert made.denied(mine, ThingName="a-new-one"), "a device is no claim"
    assert made.denied(mine, SerialNumber=SERIAL), "nor by way of a serial number"
    own = mine.device.client_id
    assert made.denied(mine, ThingName=own), "nobody renews it now"
    in_a_job(iot, devices.cloud, own, {"operation": "something-else"})
    assert made.denied(mine, ThingName=own), "nor does any job"
    in_a_job(iot, devices.cloud, own, {"operation": "rotate-certificate"})
    issued = mine.certificate()
    assert made.ask(mine, issued, ThingName=own)["thingName"] == own
    again = made.ask(mine, issued, ThingName=mine.device.client_id)
    assert again["errorCode"] == "InvalidCertificateOwnershipToken", "a token is used once"


def in_a_job(iot, cloud, thing, document):
    """The thing has begun with it."""
    job = f"{document['operation']}-{thing}"[-64:]
    arn = iot.describe_thing(thingName=thing)["thingArn"]
    iot.create_job(jobId=job, targets=[arn], document=json.dumps(document))
    cloud.jobs.update(thing, job, {"status": "IN_PROGRESS"})


@pytest.mark.parametrize(("days", "renews"), [(89, True), (91, False)])
def test_before_its_certificate_ends_a_device_renews_itself_without_a_job(rig, iot, devices, days, renews):
    made = rig()
    (mine, _) = made.member(SERIAL)
    own = mine.device.client_id
    arn = iot.list_thing_principals(thingName=own)["principals"][0]
    certificate = devices.cloud._registry.certificates[arn.rpartition("/")[2]]
    certificate.validity_not_after = datetime.now(UTC) + timedelta(days=days)
    assert made.denied(mine, ThingName=own) is not renews


def test_with_the_token_of_another_a_device_gets_no_other_name(rig, iot, devices):
    """Somebody's certificate, registered by somebody else: for the thing of who asks, or not at all."""
    made = rig()
    (mine, _), (other, _) = made.member(OTHER), made.member(SERIAL)
    stolen = other.certificate()
    assert made.ask(mine, stolen, ThingName=other.device.client_id)["errorCode"] == "ACCESS_DENIED"


def test_the_claims_policy_lets_it_ask_and_nothing_else(rig, atecc, devices, tmp_path):
    made = rig()
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    assert atecc("claim", "--template", made.fleet.template, *files).status == 0
    key = load_pem_private_key((tmp_path / "c.key").read_bytes(), None)
    identity = devices.files(key, (tmp_path / "c.crt").read_text())
    assert not devices.device(identity, made.thing(SERIAL)).connect(), "as a thing of the fleet"
    device = devices.device(identity, f"claim-{SERIAL}")
    assert device.connect()
    asker = Asker(device)
    assert made.ask(asker, asker.certificate(), SerialNumber=SERIAL)["thingName"] == made.thing(SERIAL)
    assert not device.publish(made.thing(SERIAL) + "/rpc", b"x")


@pytest.mark.parametrize("words", ["sn{}", "{} ATECC"])
def test_a_chips_own_certificate_is_a_claim_for_that_chip_alone(rig, iot, devices, words):
    made = rig()
    key = ec.generate_private_key(ec.SECP256R1())
    subject = name(organization_name="Microchip Technology Inc", common_name=words.format(SERIAL.upper()))
    own = Authority.root(name(common_name="a signer")).sign(key.public_key(), subject, Validity.days(-1, 30))
    fleets.admit(Account(), made.fleet.template, own)
    files = devices.files(key, pem(own).decode())

    def asker(serial):
        device = devices.device(files, f"claim-{serial}")
        assert device.connect()
        return Asker(device)

    assert made.denied(asker(OTHER), SerialNumber=OTHER)
    mine = asker(SERIAL)
    assert made.ask(mine, mine.certificate(), SerialNumber=SERIAL)["thingName"] == made.thing(SERIAL)


def test_of_a_list_only_what_is_on_it(rig, iot):
    made = rig(listed=True)
    assert made.denied(made.claim(f"claim-{SERIAL}"), SerialNumber=SERIAL)
    iot.create_thing(thingName=made.thing(OTHER))
    asker = made.claim(f"claim-{OTHER}")
    assert made.ask(asker, asker.certificate(), SerialNumber=OTHER)["thingName"] == made.thing(OTHER)


# A board is given a claim


def test_a_board_gets_a_claim(run, atecc, iot, stand_in, tmp_path):
    seen = run(FakeDevice(), "provision", "fleet", "--template", "given")
    assert seen.status == 5 and "atecc aws fleet setup --template given" in seen.err
    atecc("setup", "--template", "given", "--yes")
    board = FakeDevice()
    seen = run(
        board, "provision", "fleet", "--template", "given", "--server-ca", stand_in.server_ca_file, "--json"
    )
    assert seen.status == 0, seen.err
    assert board.claim["until"] and seen.json["thing"] == "claimed"
    board = FakeDevice()
    board.claim_error = {"code": 403, "kind": "rejected", "message": "no (ACCESS_DENIED)"}
    seen = run(board, "provision", "fleet", "--template", "given", "--server-ca", stand_in.server_ca_file)
    assert seen.status == 7 and "ACCESS_DENIED" in seen.err and board.claim is None
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    atecc("claim", "--template", "given", *files)
    seen = run(board, "provision", "fleet", *files, "--endpoint", "broker.acme.ie", "--template", "given")
    assert seen.status == 7 and "keeps the claim" in seen.err and board.claim["until"] is None
    status = run(board, "identity", "status").out
    assert "asks AWS for a certificate, 1 attempt: no (ACCESS_DENIED)" in status
    assert run(board, "provision", "fleet", "--forget").status == 0 and board.claim is None


def test_a_board_that_is_a_thing_already_gets_no_claim_unasked(run, atecc, stand_in, tmp_path):
    def provision(board, *more):
        return run(board, "provision", "fleet", "--template", "once", *more, "--json")

    atecc("setup", "--template", "once", "--yes")
    board = FakeDevice()
    board.identity("sensor-1")
    seen = provision(board)
    assert seen.status == 5 and board.claim is None and "Identity.Claim" not in board.calls
    assert "This board is sensor-1 already, at old.example" in seen.err and "--take-over" in seen.err
    asked = len(stand_in.decisions)
    board.identity(f"once-{SERIAL}")
    seen = provision(board, "--endpoint", "old.example")
    assert seen.status == 0 and (seen.json["changed"], seen.json["thing"]) == (False, f"once-{SERIAL}")
    assert board.claim is None and len(stand_in.decisions) == asked, "AWS makes no claim either"
    assert provision(board, "--endpoint", "b.acme.ie").status == 5, "it is that of another account"
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    atecc("claim", "--template", "once", *files)
    for thing, days, how in (f"once-{SERIAL}", -1, "--no-wait"), ("sensor-1", 9, "--take-over"):
        board.identity(thing, days)
        assert provision(board, *files, "--endpoint", "old.example", "--no-wait", how).status == 0
        assert board.calls[-1] == "Identity.Claim"


def test_ctrl_c_leaves_no_claim_that_is_of_no_use(run, atecc, stand_in, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("atecc.provisioning.claim.wait", interrupt)
    files = "--claim-cert", tmp_path / "c.crt", "--claim-key", tmp_path / "c.key"
    atecc("setup", "--template", "cut", "--yes")
    atecc("claim", "--template", "cut", *files)
    for given, kept in ((), False), ((*files, "--endpoint", "broker.acme.ie"), True):
        board = FakeDevice()
        trusted = "--server-ca", stand_in.server_ca_file
        seen = run(board, "provision", "fleet", "--template", "cut", *given, *trusted)
        assert seen.status == 130 and (board.claim is not None) == kept == ("keeps the claim" in seen.err)


def test_what_is_registered_for_a_run_is_waited_for(run):
    seen = run(FakeDevice(), "provision", "fleet", "--claim-factory", "--no-wait")
    assert seen.status == 2 and "--endpoint" in seen.err


def test_half_a_claim_another_key_or_a_password(run, tmp_path, openssl):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=c",
            "-keyout", "c.key", "-out", "c.crt")  # fmt: skip
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-out", "other.key")
    openssl("pkcs8", "-topk8", "-in", "c.key", "-passout", "pass:x", "-out", "locked.key")
    cert = "provision", "fleet", "--endpoint", "x", "--claim-cert", tmp_path / "c.crt"
    assert run(FakeDevice(), *cert).status == 2
    assert "is not that of" in run(FakeDevice(), *cert, "--claim-key", tmp_path / "other.key").err
    assert "has a password" in run(FakeDevice(), *cert, "--claim-key", tmp_path / "locked.key").err
