"""How fast AWS is asked: what Service Quotas says, what is done where it says nothing, and what AWS throttles."""

import itertools
import time

import boto3
import pytest
from atecc.aws import pace
from atecc.aws.cloud import Cloud as Account
from atecc.aws.pace import AT_ONCE, USUAL, Limits, Pace
from atecc.errors import AwsError
from cloud.devices import csr
from simcloud.faults import ApiError


@pytest.fixture
def clock(monkeypatch):
    """A clock that only pauses turn; [now]."""
    now = [1000.0]

    def pause(seconds):
        now[0] += seconds

    monkeypatch.setattr(pace, "clock", lambda: now[0])
    monkeypatch.setattr(pace, "pause", pause)
    return now


def moments(clock, limit, calls=100):
    """When so many calls of one kind are made, by who has nothing else to do."""
    one = Pace(lambda action: limit)
    found = []
    for _ in range(calls):
        one.before("DescribeCertificate")
        found.append(clock[0])
    return found


@pytest.mark.parametrize(("limit", "rate"), [(10, 5), (40, 20), (None, USUAL), (500, 250)])
def test_after_the_first_the_pace_is_half_of_what_is_allowed_and_never_even(clock, limit, rate):
    found = moments(clock, limit)
    assert len(set(found[:AT_ONCE])) == 1, "the first at once"
    later = found[AT_ONCE:]
    assert rate * 0.8 < (len(later) - 1) / (later[-1] - later[0]) < rate * 1.05
    gaps = {round(after - before, 9) for before, after in itertools.pairwise(later)}
    assert len(gaps) > len(later) / 2


@pytest.mark.parametrize("limit", [10, 40, None])
def test_no_second_ever_has_more_calls_than_a_bucket_of_the_limit_has(clock, limit):
    """As AWS counts: full in the beginning, and filled anew at the limit's rate."""
    allowed, found = limit or 10, moments(clock, limit, 300)
    for number, moment in enumerate(found, 1):
        assert number <= allowed + (moment - found[0]) * allowed


def test_each_kind_of_call_has_a_pace_of_its_own_and_a_rest_gives_it_back(clock):
    one = Pace(lambda action: 10)
    for action in ("DescribeThing", "DescribeCertificate"):
        for _ in range(AT_ONCE):
            one.before(action)
    assert clock[0] == 1000
    one.before("DescribeThing")
    assert clock[0] > 1000
    clock[0] += 60
    before = clock[0]
    for _ in range(5):
        one.before("DescribeThing")
    assert clock[0] == before


def test_who_looks_now_and_then_asks_nobody_for_limits(clock):
    asked = []
    one = Pace(asked.append)
    for _ in range(100):
        one.before("DescribeJob")
        clock[0] += 2
    assert asked == []


def test_of_what_was_throttled_no_more_go_at_once(clock):
    one = Pace(lambda action: 40)
    one.before("DescribeThing")
    one.throttled("DescribeThing")
    one.before("DescribeThing")
    assert clock[0] > 1000


# What Service Quotas says


def limits(**answers):
    asked = []

    def pages(operation, part, **params):
        name = operation.partition(".")[2]
        asked.append((name, params["ServiceCode"]))
        answer = answers.get(name, [])
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Limits(pages), asked


def quota(name, value, **more):
    return {"QuotaName": name, "Value": value, **more}


def test_the_accounts_own_limit_comes_before_the_default():
    found, asked = limits(
        list_service_quotas=[quota("DescribeCertificate API TPS", 40.0)],
        list_aws_default_service_quotas=[
            quota("DescribeCertificate API TPS", 10.0),
            quota("DescribeThing API TPS", 9.0),
        ],
    )
    assert (found("DescribeCertificate"), found("DescribeThing"), found("DescribeThing")) == (40, 9, 9)
    assert asked == [("list_service_quotas", "iotcore"), ("list_aws_default_service_quotas", "iotcore")], (
        "once"
    )


def test_limits_of_jobs_are_those_of_device_management():
    found, asked = limits(list_service_quotas=[quota("DescribeJobExecution throttle limit", 20.0)])
    assert found("DescribeJobExecution") == 20
    assert asked == [("list_service_quotas", "iot")]


@pytest.mark.parametrize(
    ("one", "limit"),
    [
        (quota("DescribeThing API TPS", 60.0, Period={"PeriodValue": 1, "PeriodUnit": "MINUTE"}), 1),
        (quota("DescribeThing API TPS", 60.0, Period={"PeriodValue": 2, "PeriodUnit": "SECOND"}), 30),
        (quota("DescribeThing API TPS", 60.0, Period={"PeriodValue": 1, "PeriodUnit": "FORTNIGHT"}), None),
        (quota("DescribeThing API TPS", 0.0), None),
        (quota("Maximum size of what DescribeThing API TPS says", 60.0), None),
        (quota("Fleet Provisioning DescribeThing MQTT API TPS", 60.0), None),
        ({}, None),
    ],
)
def test_quotas_are_read_by_their_names(one, limit):
    assert limits(list_service_quotas=[one])[0]("DescribeThing") == limit


def test_denied_once_it_is_not_asked_again():
    found, asked = limits(list_service_quotas=AwsError("denied"))
    assert [found(action) for action in ("DescribeThing", "DescribeCertificate", "DescribeJobExecution")] == [
        None
    ] * 3
    assert len(asked) == 1


# On the stand-in


@pytest.fixture
def many(stand_in, iot):
    """Certificates, more than go at once, that none of them was limited for."""
    request = csr()
    made = [
        iot.create_certificate_from_csr(certificateSigningRequest=request, setAsActive=True)
        for _ in range(2 * AT_ONCE)
    ]
    yield made
    stand_in.faults.clear()
    stand_in.quotas.clear()
    for one in made:
        iot.update_certificate(certificateId=one["certificateId"], newStatus="INACTIVE")
        iot.delete_certificate(certificateId=one["certificateId"])


@pytest.fixture
def pauses(clock, monkeypatch):
    """Those that are really made; however slow the computer is, no other time passes."""
    found, turn = [], pace.pause

    def pause(seconds):
        found.append(seconds)
        turn(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(pace, "pause", pause)
    return found


def throttled(stand_in, since):
    return [one for one in stand_in.decisions[since:] if "Throttling" in one.reason]


def test_no_call_is_throttled_where_service_quotas_says_the_limit(run, stand_in, many, pauses):
    stand_in.quotas.limit("DescribeCertificate", 40)
    since = len(stand_in.decisions)
    ran = run(None, "aws", "expiring", "--within", "1d")
    assert ran.status == 0 and "throttled" not in ran.err
    assert throttled(stand_in, since) == []
    asked = [one.action for one in stand_in.decisions[since:]]
    assert (
        asked.count("DescribeCertificate") >= len(many)
        and asked.count("servicequotas:ListServiceQuotas") == 1
    )
    assert pauses and max(pauses) < 0.1


def test_the_default_is_found_page_by_page(stand_in, many):
    limit = Account()._pace._limit
    assert (limit("DescribeCertificate"), limit("UpdateThing"), limit("DescribeJobExecution")) == (10, 10, 10)


@pytest.mark.parametrize("denied", [True, False])
def test_without_an_answer_the_pace_is_a_fixed_one(run, stand_in, many, clock, denied):
    if denied:
        stand_in.faults.add("servicequotas:*", ApiError(403, "AccessDeniedException", "no"), 9)
    else:
        stand_in.faults.lose("servicequotas:*", 9)
    began = clock[0]
    ran = run(None, "aws", "expiring", "--within", "1d", "-v")
    assert ran.status == 0
    assert ran.err.count("Service Quotas does not say") == 1
    assert clock[0] - began > (len(many) - AT_ONCE - 1) / USUAL
    stand_in.faults.clear()
    assert "Service Quotas" not in run(None, "aws", "expiring", "--within", "1d").err


def test_what_aws_throttles_all_the_same_is_told_once(run, stand_in, many, pauses):
    stand_in.quotas.limit("DescribeCertificate", 200)
    stand_in.faults.throttle("DescribeCertificate", 2)
    ran = run(None, "aws", "expiring", "--within", "1d")
    assert ran.status == 0
    assert ran.err.count("AWS has throttled 2 calls, and was asked again.") == 1


def test_the_stand_in_throttles_who_is_faster_than_the_limit(stand_in, many):
    client = boto3.Session().client("iot", config=boto3.session.Config(retries={"total_max_attempts": 1}))
    stand_in.quotas.limit("DescribeCertificate", 5)
    for one in many[:5]:
        client.describe_certificate(certificateId=one["certificateId"])
    with pytest.raises(client.exceptions.ThrottlingException):
        client.describe_certificate(certificateId=many[0]["certificateId"])
