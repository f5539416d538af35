"""`atecc operator register`: known to AWS IoT with a policy, once, and without a trace afterwards."""

import pytest
from fakedevice import FakeDevice


@pytest.fixture
def register(run, operator, iot):
    def register(*more):
        return run(FakeDevice(), "operator", "register", *more, "--json")

    yield register
    register("--withdraw")


def attached(iot, seen):
    described = iot.describe_certificate(certificateId=seen.json["certificate_id"])["certificateDescription"]
    assert described["status"] == "ACTIVE"
    listed = iot.list_attached_policies(target=described["certificateArn"])["policies"]
    return [one["policyName"] for one in listed]


@pytest.mark.parametrize(
    "things", [["--thing", "a"], ["--all"], [f"--thing={'x' * 100}{n}" for n in range(9)]]
)
def test_registered_once_and_away_again(register, iot, things):
    seen = register(*things)
    assert seen.status == 0, seen.err
    names = attached(iot, seen)
    assert sorted(names) == sorted(seen.json["policies"]) and (len(names) > 1) == (len(things) > 2)
    assert register(*things).json == seen.json
    assert register("--thing", "other").status == 5
    assert register("--withdraw").json["policies"] == names
    assert iot.list_certificates()["certificates"] == iot.list_policies()["policies"] == []
    assert register("--withdraw").status == 0, "and there is nothing to do"


def test_it_counts_only_when_all_of_it_is_done(register, iot, stand_in):
    stand_in.faults.fail("AttachPolicy", 20)
    seen = register("--all")
    assert seen.status == 7
    stand_in.faults.clear()
    assert [one["status"] for one in iot.list_certificates()["certificates"]] == ["INACTIVE"]
    assert register("--all").status == 0


def test_what_makes_no_sense(register):
    assert register().status == 2 and register("--all", "--thing", "a").status == 2
    assert register("--thing", "a b").status == 2
