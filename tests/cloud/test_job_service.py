"""Jobs as an account's owner creates them and a device does them: API, broker, and a rule with its function."""

import json

import pytest
from botocore.exceptions import ClientError
from cloud.devices import EVERYTHING
from cloud.templates import hook


def refused(code):
    return pytest.raises(ClientError, check=lambda error: error.response["Error"]["Code"] == code)


@pytest.fixture
def thing(fleet, iot):
    """A thing and its device, connected, which hears what is next."""
    name = fleet.name()
    device = fleet.device(fleet.identity(EVERYTHING, thing=name), name)
    assert device.connect()
    for topic in ("notify-next", "start-next/accepted"):
        assert device.subscribe(f"$aws/things/{name}/jobs/{topic}", 1)
    return device


def create(iot, identifier, *targets, **more):
    arns = [
        target if target.startswith("arn:") else iot.describe_thing(thingName=target)["thingArn"]
        for target in targets
    ]
    return iot.create_job(jobId=identifier, targets=arns, document='{"do": "it"}', **more)["jobArn"]


def said(device, number):
    """The last of so many messages that the service has sent it: (the topic's end, document)."""
    topic, payload = device.received(number)[number - 1]
    return topic.partition("/jobs/")[2], json.loads(payload)


def test_one_job_from_its_creation_to_its_end(iot, thing, cloud):
    name = thing.client_id
    arn = create(
        iot, f"job-{name}", name, description="what for", timeoutConfig={"inProgressTimeoutInMinutes": 5}
    )
    rest, notice = said(thing, 1)
    assert (rest, notice["execution"]["jobDocument"]) == ("notify-next", {"do": "it"})
    assert thing.publish(f"$aws/things/{name}/jobs/start-next", "{}")
    rest, started = said(thing, 2)
    assert (rest, started["execution"]["status"]) == ("start-next/accepted", "IN_PROGRESS")
    shown = iot.describe_job_execution(jobId=f"job-{name}", thingName=name)["execution"]
    assert (shown["status"], shown["versionNumber"]) == ("IN_PROGRESS", 2)
    assert 290 < shown["approximateSecondsBeforeTimedOut"] <= 300
    cloud.pass_time(300)
    assert said(thing, 3)[1]["execution"] == {}  # nobody has asked for anything
    job = iot.describe_job(jobId=f"job-{name}")["job"]
    assert (job["jobArn"], job["status"], job["description"]) == (arn, "COMPLETED", "what for")
    assert job["jobProcessDetails"]["numberOfTimedOutThings"] == 1
    listed = iot.list_job_executions_for_job(jobId=f"job-{name}", status="TIMED_OUT")["executionSummaries"]
    assert [one["thingArn"].rpartition("/")[2] for one in listed] == [name]
    mine = iot.list_job_executions_for_thing(thingName=name)["executionSummaries"]
    assert [one["jobId"] for one in mine] == [f"job-{name}"]


def test_a_group_page_by_page(iot, fleet):
    group = iot.create_thing_group(thingGroupName=fleet.name())
    names = [fleet.name() for _ in range(5)]
    for name in names:
        iot.create_thing(thingName=name)
        iot.add_thing_to_thing_group(thingGroupName=group["thingGroupName"], thingName=name)
    create(iot, fleet.name() + "-job", group["thingGroupArn"])
    identifier = iot.list_jobs(status="IN_PROGRESS", maxResults=1)["jobs"][0]["jobId"]
    found, token = [], {}
    while True:
        got = iot.list_job_executions_for_job(jobId=identifier, maxResults=2, **token)
        found += [one["thingArn"].rpartition("/")[2] for one in got["executionSummaries"]]
        if not got.get("nextToken"):
            break
        token = {"nextToken": got["nextToken"]}
    assert sorted(found) == sorted(names)
    assert json.loads(iot.get_job_document(jobId=identifier)["document"]) == {"do": "it"}
    iot.cancel_job(jobId=identifier, reasonCode="NO")
    assert iot.describe_job(jobId=identifier)["job"]["jobProcessDetails"]["numberOfCanceledThings"] == 5
    iot.delete_job(jobId=identifier)


def test_a_job_for_a_group_is_for_the_groups_in_it_too(iot, fleet):
    above, below, name = (fleet.name() for _ in range(3))
    group = iot.create_thing_group(thingGroupName=above)
    iot.create_thing_group(thingGroupName=below, parentGroupName=above)
    iot.create_thing(thingName=name)
    iot.add_thing_to_thing_group(thingGroupName=below, thingName=name)
    create(iot, f"{above}-job", group["thingGroupArn"])
    (told,) = iot.list_job_executions_for_job(jobId=f"{above}-job")["executionSummaries"]
    assert told["thingArn"].endswith(f":thing/{name}")
    assert iot.list_things_in_thing_group(thingGroupName=above)["things"] == []
    assert iot.list_things_in_thing_group(thingGroupName=above, recursive=True)["things"] == [name]
    iot.delete_job(jobId=f"{above}-job", force=True)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"targets": ["arn:aws:iot:eu-west-1:1:thing/nobody"]}, "ResourceNotFoundException"),
        ({"document": "no JSON"}, "InvalidRequestException"),
        ({"targetSelection": "CONTINUOUS"}, "InvalidRequestException"),
        ({"jobExecutionsRolloutConfig": {"maximumPerMinute": 1001}}, "InvalidRequestException"),
        ({"timeoutConfig": {"inProgressTimeoutInMinutes": 10081}}, "InvalidRequestException"),
        ({"jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "ALL", "numberOfRetries": 1}]}},
         "InvalidRequestException"),
    ],
)  # fmt: skip
def test_jobs_that_are_refused(iot, fleet, more, code):
    name = fleet.name()
    arn = iot.create_thing(thingName=name)["thingArn"]
    with refused(code):
        iot.create_job(**({"jobId": name, "targets": [arn], "document": "{}"} | more))


def test_what_is_not_there(iot):
    for call in (iot.describe_job, iot.cancel_job, iot.delete_job, iot.get_job_document):
        with refused("ResourceNotFoundException"):
            call(jobId="nothing")


SQL = "SELECT topic(2) AS thing, clientid() AS client, principal() AS principal, word FROM 'things/+/said'"
ANSWER = "def handler(event, context):\n    return event\n"


@pytest.mark.parametrize("allowed", [True, False])
def test_a_rule_has_a_function_run_that_it_may_invoke(iot, client, fleet, cloud, allowed):
    name = fleet.name()
    function = hook(client(service="lambda"), client(service="iam"), f"answers-{name}", ANSWER)
    if not allowed:
        client(service="lambda").remove_permission(FunctionName=function, StatementId="iot")
    rule = name.replace("-", "_")
    iot.create_topic_rule(
        ruleName=rule, topicRulePayload={"sql": SQL, "actions": [{"lambda": {"functionArn": function}}]}
    )
    identity = fleet.identity(EVERYTHING)
    device = fleet.device(identity, name)
    assert device.connect() and device.publish("things/other/said", '{"word": "x", "client": "not me"}')
    while not (found := [one for one in cloud.decisions if one.action == f"rule:{rule}"]):
        pass
    assert found[0].allowed is allowed
    if allowed:
        expected = {"thing": "other", "client": name, "principal": identity.certificate_id, "word": "x"}
        assert json.loads(found[0].reason) == expected
    iot.delete_topic_rule(ruleName=rule)
    with refused("UnauthorizedException"):
        iot.get_topic_rule(ruleName=rule)


def test_rules_that_are_refused(iot):
    def make(sql="SELECT a FROM 'b'", **action):
        iot.create_topic_rule(ruleName="refused", topicRulePayload={"sql": sql, "actions": [action]})

    with refused("SqlParseException"):
        make("SELECT * FROM 'b'", **{"lambda": {"functionArn": "arn"}})
    with refused("InvalidRequestException"):
        make(republish={"roleArn": "arn", "topic": "t"})
