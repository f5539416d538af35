"""Topic rules without a broker: what their SQL makes of a message."""

import pytest
from simcloud.rules import MalformedSql, Message, parse

SQL = (
    "SELECT topic(2) AS thing, clientid() AS client, principal() AS principal, jobId FROM 'things/+/rotated'"
)


def message(topic="things/a/rotated", payload=b'{"jobId": "7"}'):
    return Message(topic, payload, "a", "ab" * 32)


def test_what_aws_knows_and_what_the_device_says():
    expected = {"thing": "a", "client": "a", "principal": "ab" * 32, "jobId": "7"}
    assert parse(SQL).select(message()) == expected


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b'{"thing": "other", "client": "x"}'])
def test_a_device_says_nothing_in_aws_place(payload):
    assert parse(SQL).select(message(payload=payload)) == {
        "thing": "a",
        "client": "a",
        "principal": "ab" * 32,
    }


@pytest.mark.parametrize(
    ("topic", "takes"),
    [
        ("things/a/rotated", True),
        ("things/a/b/rotated", False),
        ("things/a", False),
        ("$aws/a/rotated", False),
    ],
)
def test_its_filter(topic, takes):
    assert parse(SQL).takes(topic) is takes


@pytest.mark.parametrize(
    "sql",
    ["", "SELECT * FROM 'a'", "SELECT a FROM b", "SELECT aws_lambda(1) AS x FROM 'a'", "SELECT clientid() FROM 'a'",
     "SELECT a FROM 'a' WHERE a = 1"],
)  # fmt: skip
def test_what_it_does_not_read(sql):
    with pytest.raises(MalformedSql):
        parse(sql)
