"""`atecc aws fleet`: made, shown, taken away."""

import json
import stat

import boto3
import pytest
from atecc.aws import fleet as fleets
from atecc.aws.cloud import Cloud as Account
from atecc.cli import awscalls
from simcloud.faults import ApiError


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
