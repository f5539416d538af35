"""Who gets into the API, and the errors that a test can order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import botocore.auth
import pytest
import requests
from botocore.exceptions import ClientError
from cloud.devices import csr
from simcloud.access import AccessKey
from simcloud.faults import ApiError


def error_of(call, *arguments, **options):
    """The name and the HTTP status of the error that this call ends with."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **options)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_nobody_is_refused(cloud):
    answer = requests.get(f"{cloud.endpoint_url}/things", timeout=5)
    assert answer.status_code == 403
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"


def test_a_made_up_header_is_refused(cloud):
    answer = requests.get(f"{cloud.endpoint_url}/things", headers={"Authorization": "Bearer x"}, timeout=5)
    assert answer.status_code == 403


def test_an_unknown_key_is_refused(client):
    stranger = AccessKey.new("stranger", "*")
    assert error_of(client(stranger).list_things) == ("UnrecognizedClientException", 403)


def test_a_session_token_left_over_is_refused(client):
    assert error_of(client(token="left over").list_things) == ("UnrecognizedClientException", 403)


def test_a_wrong_secret_is_refused(client, cloud):
    wrong = replace(cloud.credentials, secret_access_key="x" * 40)
    assert error_of(client(wrong).list_things) == ("InvalidSignatureException", 403)


def test_a_request_changed_on_its_way_is_refused(cloud, client):
    calls = client()

    def change(request, **_):
        request.url = request.url.replace("one", "two")

    calls.meta.events.register("before-send.iot.CreateThing", lambda request, **_: change(request))
    assert error_of(calls.create_thing, thingName="one") == ("InvalidSignatureException", 403)


def test_another_region_is_refused(client):
    assert error_of(client(region="us-east-1").list_things) == ("InvalidSignatureException", 403)


def test_other_services_are_not_there(client):
    assert error_of(client(service="greengrass").list_groups)[1] == 403
    assert error_of(client(service="iot-data").get_thing_shadow, thingName="x")[1] == 404, "but Publish"
    jobs = client(service="iot-jobs-data")  # there is UpdateJobExecution, and nothing else of it
    assert error_of(jobs.get_pending_job_executions, thingName="x")[1] == 404


@pytest.mark.parametrize(("service", "good"), [("execute-api", True), ("s3", False)])
def test_the_scope_of_a_signature(client, service, good):
    """AWS's SDKs of before 2023, and so Mongoose OS's client, sign for execute-api."""
    calls = client()
    calls._request_signer._signing_name = service
    if good:
        assert isinstance(calls.list_things()["things"], list)
    else:
        assert error_of(calls.list_things) == ("InvalidSignatureException", 403)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_clock_that_is_off_is_refused(client, monkeypatch, minutes):
    there = datetime.now(UTC) + timedelta(minutes=minutes)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: there)
    assert error_of(client().list_things) == ("InvalidSignatureException", 403)


def test_a_key_without_rights_is_denied(client, cloud):
    visitor = client(cloud.powerless_credentials)
    calls = (
        (visitor.describe_endpoint, {"endpointType": "iot:Data-ATS"}),
        (visitor.create_thing, {"thingName": "x"}),
        (visitor.create_certificate_from_csr, {"certificateSigningRequest": csr()}),
    )
    for call, options in calls:
        assert error_of(call, **options) == ("AccessDeniedException", 403)


def test_the_denial_names_the_action(client, cloud):
    with pytest.raises(ClientError, match="not authorized to perform: iot:CreatePolicy because"):
        client(cloud.powerless_credentials).create_policy(policyName="p", policyDocument="{}")


def test_an_ordered_throttle_hits_the_operation_as_often_as_asked(client, cloud):
    cloud.faults.throttle("ListThings", times=2)
    calls = client(retries=0)
    for _ in range(2):
        assert error_of(calls.list_things) == ("ThrottlingException", 429)
    calls.list_policies()
    calls.list_things()


def test_boto3_gets_over_a_short_throttle(client, cloud):
    cloud.faults.throttle(times=1)
    client(retries=2).list_things()
    assert any("ThrottlingException" in each.reason for each in cloud.decisions)


def test_any_other_error_can_be_ordered(client, cloud):
    cloud.faults.add("Create*", ApiError(503, "ServiceUnavailableException", "Come back later"))
    assert error_of(client(retries=0).create_thing, thingName="x") == ("ServiceUnavailableException", 503)
    cloud.faults.fail("ListThings")
    assert error_of(client(retries=0).list_things) == ("InternalFailureException", 500)


def test_the_environment_is_all_that_boto3_needs(cloud, monkeypatch):
    import boto3

    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    address = boto3.Session().client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    assert address == cloud.broker_host
