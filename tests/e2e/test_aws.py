"""From a blank chip to MQTT on the stand-in for AWS IoT, and AWS's ways to say no."""

import json
import subprocess
import time
from pathlib import Path

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from simchip import TIMINGS

DER = serialization.Encoding.DER


def provision(user, cloud, thing, *more):
    return user.types(
        "--json", "provision", "aws", "--thing", thing, "--server-ca", cloud.server_ca_file, *more
    )


def openssl(*command):
    return subprocess.run(["openssl", *map(str, command)], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("timing", TIMINGS)
def test_the_whole_job(someone, cloud, tmp_path, timing):
    user = someone(preset="blank", timing=timing)
    user.starts = timing == "typical"
    user.environment.update(cloud.environment())
    serial = user.succeeds("--json", "info").json["chip"]["serial"]
    user.succeeds("chip", "config", "set", "--yes")
    user.succeeds("chip", "lock", "config", "--yes-lock", serial)
    user.succeeds("chip", "lock", "data", "--yes-lock", serial)
    done = provision(user, cloud, f"whole-job-{timing}").json
    for name in ("csr", "certificate", "ca"):
        (tmp_path / f"{name}.pem").write_text(done[f"{name}_pem"])
    # openssl's word for it, not ours.
    assert "verify OK" in openssl("req", "-in", tmp_path / "csr.pem", "-verify", "-noout").stderr
    openssl("verify", "-CAfile", cloud.device_ca_file, tmp_path / "certificate.pem")
    asked = openssl("req", "-in", tmp_path / "csr.pem", "-pubkey", "-noout").stdout
    assert asked == openssl("x509", "-in", tmp_path / "certificate.pem", "-pubkey", "-noout").stdout
    # The key is the chip's own.
    x, y = (user.bench.value(f"chip.PublicKey(0)[{part}].hex()") for part in ("0:32", "32:64"))
    numbers = x509.load_pem_x509_csr(done["csr_pem"].encode()).public_key().public_numbers()
    assert (numbers.x, numbers.y) == (int(x, 16), int(y, 16))
    assert done["tls"] == {
        "version": "TLSv1.2",
        "cipher": "TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
        "signed": True,
    }
    assert done["chip"]["serial"] == serial


def test_a_message_makes_the_round_trip(aws, cloud):
    assert provision(aws, cloud, "round-trip").status == 0
    message = "Grüße, \"quoted\" and 'so' \\n"
    said = aws.succeeds("--json", "mqtt", "publish", "things/round-trip/x", message, "--round-trip")
    assert said.json["received"] == message


def test_the_device_connects_again_by_itself_after_a_power_cut(aws, cloud):
    assert provision(aws, cloud, "power-cut").status == 0
    aws.bench.board.power_cycle()
    aws.port = aws.bench.board.port
    said = aws.succeeds("--json", "mqtt", "connect")
    assert (said.json["state"], said.json["client_id"]) == ("connected", "power-cut")


def test_rotation_gives_a_new_key_and_the_old_certificate_works_until_then(aws, cloud):
    first = provision(aws, cloud, "rotation").json
    second = provision(aws, cloud, "rotation", "--renew").json
    assert (first["slot"], second["slot"]) == (0, 1)
    keys = [
        x509.load_pem_x509_certificate(d["certificate_pem"].encode()).public_key() for d in (first, second)
    ]
    assert keys[0] != keys[1]
    assert aws.succeeds("--json", "mqtt", "connect").json["identity"] == "b"


def test_a_ca_of_ones_own_at_aws(aws, cloud, tmp_path):
    files = ["--ca-cert", tmp_path / "ca.crt.pem", "--ca-key", tmp_path / "ca.key.pem"]
    aws.succeeds("aws", "ca", "create", "--subject", "/O=ACME/CN=ACME devices", *files)
    aws.succeeds("aws", "ca", "register", *files)
    said = provision(aws, cloud, "own-ca", *files, "--days", "30")
    assert said.status == 0, said.err
    openssl("verify", "-CAfile", files[1], write(tmp_path / "c.pem", said.json["certificate_pem"]))
    assert aws.succeeds("--json", "mqtt", "status").json["state"] == "connected"


def write(path, text):
    path.write_text(text)
    return path


def test_a_forbidden_topic_is_explained_and_the_link_recovers(aws, cloud):
    assert provision(aws, cloud, "forbidden").status == 0
    said = aws.fails(8, "mqtt", "publish", "things/somebody-else/x", "no")
    assert "closed the connection without a word" in said
    assert "is a policy attached that allows this client ID and topic" in said
    aws.bench.board.reset()
    aws.succeeds("mqtt", "publish", "things/forbidden/x", "yes")


def test_no_credentials(aws, cloud):
    del aws.environment["AWS_ACCESS_KEY_ID"], aws.environment["AWS_SECRET_ACCESS_KEY"]
    said = provision(aws, cloud, "nobody")
    assert said.status == 7
    assert "credentials" in said.err.lower()
    assert aws.bench.chip.keys_made == 0


def test_credentials_without_rights(aws, cloud):
    aws.environment.update(cloud.environment(cloud.powerless_credentials))
    said = provision(aws, cloud, "powerless")
    assert said.status == 7
    assert "iot:" in said.err
    assert aws.bench.chip.keys_made == 0


def test_a_throttled_call_is_retried_and_then_named(aws, cloud):
    cloud.faults.throttle("CreateCertificateFromCsr", 2)
    said = provision(aws, cloud, "throttled")
    assert said.status == 0 and "AWS has throttled 2 calls, and was asked again" in " ".join(said.err.split())
    cloud.faults.throttle("AttachPolicy", 1000)
    said = provision(aws, cloud, "throttled", "--renew")
    assert said.status == 7
    assert "throttl" in said.err.lower()
    assert aws.succeeds("--json", "identity", "status").json["active"] == "a"


def test_after_a_failure_on_the_way_nothing_is_left_behind(aws, cloud):
    cloud.faults.fail("AttachThingPrincipal", 1000)
    said = provision(aws, cloud, "half-way")
    assert said.status == 7
    cloud.faults.clear()
    client = boto3.client("iot", **boto_arguments(cloud))
    assert client.list_thing_principals(thingName="half-way")["principals"] == []
    assert aws.succeeds("--json", "identity", "status").json["active"] is None
    assert provision(aws, cloud, "half-way").status == 0  # and the next run just works


def boto_arguments(cloud):
    environment = cloud.environment()
    return {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "aws_access_key_id": environment["AWS_ACCESS_KEY_ID"],
        "aws_secret_access_key": environment["AWS_SECRET_ACCESS_KEY"],
        "region_name": environment["AWS_DEFAULT_REGION"],
    }


def test_an_unreachable_endpoint(aws, cloud):
    said = aws.fails(7, "provision", "aws", "--thing", "x", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert "127.0.0.1:9" in said
    assert aws.bench.chip.keys_made == 0


@pytest.mark.parametrize("thing", ["", "a b", "x" * 129, "ä"])
def test_names_that_no_thing_can_have(aws, cloud, thing):
    said = provision(aws, cloud, thing)
    assert said.status in (2, 7)
    assert "thing's name" in said.err
    assert aws.bench.chip.keys_made == 0


def test_the_longest_name_a_thing_can_have(aws, cloud):
    assert provision(aws, cloud, "x" * 128).status == 0


def test_the_wrong_root_ca_is_noticed_before_a_key_is_made(aws, cloud):
    said = aws.fails(8, "provision", "aws", "--thing", "x", "--server-ca", Path(cloud.device_ca_file))
    assert "does not come from the CA that the board would trust" in said
    assert aws.bench.chip.keys_made == 0


def test_a_policy_that_knows_nothing_of_the_rpc_costs_the_rpc_and_not_the_connection(aws, cloud):
    """AWS cuts off who subscribes to what its policy does not name; devices out there have such policies."""
    environment = cloud.environment()
    iot = boto3.client(
        "iot", region_name=environment["AWS_DEFAULT_REGION"], endpoint_url=environment["AWS_ENDPOINT_URL"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )  # fmt: skip
    thing = iot.create_thing(thingName="narrow-thing")["thingArn"].partition(":thing/")[0]
    data = [f"{thing}:topic/data/*", f"{thing}:topicfilter/data/*"]
    narrow = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
            {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive", "iot:Subscribe"], "Resource": data},
        ],
    }
    iot.create_policy(policyName="narrow", policyDocument=json.dumps(narrow))
    said = provision(aws, cloud, "narrow-thing", "--policy", "narrow")
    aws.succeeds("config", "set", "rpc.mqtt.enable=true")
    deadline = time.monotonic() + 30
    # Before that it is connected now and then, for a moment.
    while "closed the connection 3 times" not in aws.succeeds("info").out:
        assert time.monotonic() < deadline, said.err
        time.sleep(0.3)
    while aws.succeeds("--json", "mqtt", "status").json["state"] != "connected":
        assert time.monotonic() < deadline, said.err
        time.sleep(0.3)
    said = aws.succeeds("--json", "mqtt", "publish", "data/x", "still here", "--round-trip")
    assert said.json["received"] == "still here"


def test_what_aws_hangs_up_on_again_and_again_is_not_tried_for_ever(aws, cloud):
    assert provision(aws, cloud, "stubborn").status == 0

    def connected():
        return aws.succeeds("--json", "mqtt", "status").json["state"] == "connected"

    def until(condition):
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.2)

    for _ in range(3):
        until(connected)
        assert "closed the connection" in aws.fails(8, "mqtt", "publish", "things/somebody-else/x", "no")
    until(connected)
    said = aws.fails(5, "mqtt", "publish", "things/somebody-else/x", "no")
    assert "closed the connection 3 times in a row" in said and "publish to this topic" in said
    status = aws.succeeds("--json", "mqtt", "status").json
    assert status["state"] == "connected"
    assert [one["topic"] for one in status["dropped"]] == ["things/somebody-else/x"]
    aws.succeeds("mqtt", "publish", "things/stubborn/x", "yes")
