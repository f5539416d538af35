"""Fleet provisioning end to end: set up, a board with a claim gets its certificate by itself, and all is taken away."""

import json
import time

import boto3
import pytest
from atecc.channels.serial import SerialChannel
from atecc.device import Device
from atecc.errors import DeviceError
from factoryroot import factory_root
from repl import Repl


@pytest.fixture(scope="module")
def iot(cloud):
    return boto3.Session().client(
        "iot", cloud.region, endpoint_url=cloud.endpoint_url,
        aws_access_key_id=cloud.credentials.access_key_id,
        aws_secret_access_key=cloud.credentials.secret_access_key,
    )  # fmt: skip


@pytest.fixture
def fleet(aws, request):
    """Set up, by a template that is this test's own."""
    name = "f" + str(abs(hash(request.node.name)))[:12]
    aws.succeeds("aws", "fleet", "setup", "--template", name, "--prefix", f"{name}-", "--yes")
    return name


def files_of(user):
    with Repl(user.port) as repl:
        return repl.value("[n for n in os.listdir('/') if n.startswith('claim')]", "import os")


def provision(user, cloud, fleet, *more):
    return user.types(
        "--json", "provision", "fleet", "--template", fleet, "--server-ca", cloud.server_ca_file, *more
    )


def test_from_nothing_to_a_device_that_renews_itself(aws, cloud, fleet, iot):
    serial = aws.succeeds("--json", "info").json["chip"]["serial"]
    done = provision(aws, cloud, fleet)
    assert done.status == 0, done.err
    thing = f"{fleet}-{serial}"
    assert (done.json["thing"], done.json["mqtt"]) == (thing, "connected")
    assert iot.describe_thing(thingName=thing)["attributes"] == {"chipSerial": serial}
    assert files_of(aws) == [], "the claim is gone"
    arn = iot.describe_thing(thingName=thing)["thingArn"]
    job = {"jobId": f"rotate-{serial}", "document": '{"operation": "rotate-certificate"}'}
    iot.create_job(**job, targets=[arn])
    cloud.jobs.update(thing, job["jobId"], {"status": "IN_PROGRESS"})
    with Repl(aws.port) as repl:
        code = (
            "import device\nfrom job import complete\nfrom renewal.obtain import renew\n"
            f"said = complete(renew(device, {fleet!r}))"
        )
        assert repl.value("said['identity']", code) == "b"
    assert len(iot.list_thing_principals(thingName=thing)["principals"]) == 2
    shown = aws.succeeds("--json", "aws", "fleet", "show", "--template", fleet).json
    assert all(shown["parts"].values()) and shown["claims"] == []
    aws.succeeds("aws", "fleet", "remove", "--template", fleet, "--yes")
    assert "There is no fleet" in aws.fails(5, "aws", "fleet", "show", "--template", fleet)
    assert aws.succeeds("--json", "mqtt", "connect").json["state"] == "connected", (
        "the device is still itself"
    )


def test_a_claim_of_a_batch_waits_for_the_network_and_survives_a_power_cut(aws, cloud, fleet, iot, tmp_path):
    claim = "--claim-cert", tmp_path / "claim.crt.pem", "--claim-key", tmp_path / "claim.key.pem"
    aws.succeeds("aws", "fleet", "claim", "--template", fleet, *claim)
    assert (tmp_path / "claim.key.pem").stat().st_mode & 0o777 == 0o600
    cloud.faults.lose("mqtt:RegisterThing")  # it is registered, and never hears of it
    provision(aws, cloud, fleet, *claim, "--endpoint", cloud.broker_host, "--no-wait")
    until(lambda: [d for d in cloud.decisions if d.action == "mqtt:RegisterThing" and d.who.startswith("claim-")
                   and "lost" in d.reason])  # fmt: skip
    assert files_of(aws) != []
    aws.bench.board.power_cycle()
    aws.port = aws.bench.board.port
    status = until(lambda: (s := aws.succeeds("--json", "identity", "status").json)["active"] and s)
    thing = status["identities"]["a"]["name"]
    assert thing.startswith(fleet) and files_of(aws) == []
    of_thing = [arn.rpartition("/")[2] for arn in iot.list_thing_principals(thingName=thing)["principals"]]
    used = status["identities"]["a"]["sha256"]
    (lost,) = set(of_thing) - {used}
    swept = aws.succeeds("--json", "aws", "sweep", "--thing", thing).json
    assert (swept["deactivated"], swept["unsure"]) == ([lost], []), "its answer never came to the device"
    counts = {
        one: iot.describe_certificate(certificateId=one)["certificateDescription"]["status"]
        for one in of_thing
    }
    assert counts == {used: "ACTIVE", lost: "INACTIVE"}
    assert aws.succeeds("--json", "mqtt", "connect").json["state"] == "connected"


def until(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)
    return found


def test_a_claim_that_is_refused_is_told_and_kept_or_forgotten(aws, cloud, fleet, iot):
    serial = aws.succeeds("--json", "info").json["chip"]["serial"]
    thing = f"{fleet}-{serial}"
    iot.create_thing(thingName=thing)
    made = iot.create_keys_and_certificate(setAsActive=True)
    iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
    said = provision(aws, cloud, fleet)
    assert said.status == 7 and json.loads(said.out)["error"]["kind"] == "rejected", said.err
    assert files_of(aws) == [], "a claim for five minutes is taken back"
    assert aws.succeeds("--json", "identity", "status").json["active"] is None


def test_a_chip_from_the_factory_asks_with_the_certificate_it_has(someone, cloud, iot, tmp_path):
    user = someone(preset="tngtls", locked=True)
    user.environment.update(cloud.environment())
    user.succeeds("aws", "fleet", "setup", "--template", "factory", "--prefix", "go-", "--yes")
    done = provision(user, cloud, "factory", "--claim-factory", "--root", factory_root(tmp_path))
    assert done.status == 0, done.err
    serial = user.succeeds("--json", "info").json["chip"]["serial"]
    assert (done.json["thing"], done.json["mqtt"]) == (f"go-{serial}", "connected")
    assert user.succeeds("--json", "aws", "fleet", "show", "--template", "factory").json["claims"] == []


def test_a_ca_of_ones_own_whose_devices_are_registered_when_they_first_connect(aws, cloud, iot, tmp_path):
    ca = "--ca-cert", tmp_path / "ca.crt.pem", "--ca-key", tmp_path / "ca.key.pem"
    aws.succeeds("aws", "ca", "create", "--subject", "/O=ACME/CN=in time", *ca)
    assert "becomes the thing" in aws.succeeds("aws", "ca", "register", *ca, "--jitp").err
    done = aws.succeeds(
        "--json", "provision", "ca", *ca, "--days", "30", "--subject", "/O=ACME/CN=in-time-1",
        "--broker", cloud.broker_host, "--server-ca", cloud.server_ca_file,
    ).json  # fmt: skip
    assert done["mqtt"] == "connected"
    assert len(iot.list_thing_principals(thingName="in-time-1")["principals"]) == 1
    assert aws.succeeds("--json", "mqtt", "connect").json["client_id"] == "in-time-1"


def test_a_claim_that_has_ended_is_forgotten_and_what_is_half_said_is_refused(user):
    with Device(SerialChannel(user.port)) as device:
        key, now = b"0", int(time.time())
        with pytest.raises(DeviceError, match="endpoint: missing"):
            device.call("Identity.Claim", {"template": "t", "certificate": "MAA="})
        with pytest.raises(DeviceError, match="or the slot"):
            device.call("Identity.Claim", {"template": "t", "certificate": "MAA=", "endpoint": "e"})
        device.set_time(now)
        device.claim("t", [b"0\x00"], key, [], "127.0.0.1", 1, until=now - 1)
        claim = until(lambda: (c := device.identity_status().claim) and not c.under_way and c)
    assert claim.attempts == 1 and claim.last_error["kind"] == "tls"
    assert files_of(user) == []
