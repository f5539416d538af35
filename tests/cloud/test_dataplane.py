"""Publish over HTTPS: to whoever has subscribed, by whoever may; and a function with files beside it, which may not."""

import io
import zipfile

import pytest
from botocore.exceptions import ClientError
from cloud.devices import allow
from simcloud.functions import Function, Functions
from simcloud.roles import Roles


def test_it_comes_to_who_has_subscribed(client, fleet):
    device = fleet.connected(allow("*"))
    device.subscribe("a/+", 1)
    client(service="iot-data").publish(topic="a/b c", qos=1, payload=b"no JSON")
    assert device.received() == [("a/b c", b"no JSON")]


@pytest.mark.parametrize("topic", ["a/+", "#", "$aws/things/a/jobs/notify", "x" * 257])
def test_what_is_no_topic(client, topic):
    with pytest.raises(ClientError, match="is not possible"):
        client(service="iot-data").publish(topic=topic, payload=b"x")


def test_it_takes_the_right(client, cloud):
    with pytest.raises(ClientError, match="not authorized to perform"):
        client(cloud.powerless_credentials, service="iot-data").publish(topic="a", payload=b"x")


@pytest.mark.parametrize(("imports", "fails"), [("beside", False), ("cryptography", True)])
def test_a_function_has_what_is_beside_it_in_its_zip_and_no_more(cloud, imports, fails):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(
            "main.py", f"def handler(event, context):\n    import {imports}\n    return {imports}.SAID\n"
        )
        archive.writestr("beside.py", "import json\nSAID = json.dumps(7)\n")
    functions = Functions(
        cloud.region, cloud.account, Roles(cloud.account, cloud.region), {}, lambda *_: None
    )
    function = functions._functions["f"] = made(functions, packed.getvalue())
    if fails:
        with pytest.raises(ImportError, match="Lambda has no module"):
            functions.invoke(function.arn, {}, 5)
    else:
        assert functions.invoke(function.arn, {}, 5) == "7"


def made(functions, packed):
    return Function("f", functions._arn("f"), "role", "python3.13", "main.handler", packed)
