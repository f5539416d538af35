"""The policy evaluator by itself: tables of patterns, conditions, documents."""

import json

import pytest
from simcloud.policy import MalformedPolicy, Request, evaluate, matches, parse

ARN = "arn:aws:iot:eu-west-1:123456789012:"


@pytest.mark.parametrize(
    ("pattern", "text", "match"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/B", False),
        ("a/b", "a/bc", False),
        ("a/b", "xa/b", False),
        ("*", "", True),
        ("*", "a/b/c\nd", True),
        ("a/*", "a/b/c", True),
        ("a/*/d", "a/b/c/d", True),
        ("a/?", "a/b", True),
        ("a/?", "a/", False),
        ("a.c", "abc", False),
        ("a+", "aa", False),
        ("a/+/#", "a/b/c", False),
        ("a/+/#", "a/+/#", True),
        ("$aws/things/x", "$aws/things/x", True),
        ("${name}/x", "me/x", True),
        ("${name}/x", "you/x", False),
        ("${star}", "anything", False),
        ("${star}", "*", True),
        ("${unknown}", "", False),
        ("*${unknown}*", "a", False),
        ("a${*}b${?}c${$}d", "a*b?c$d", True),
        ("a${*}b", "axb", False),
        ("${name", "${name", True),
    ],
)
def test_patterns(pattern, text, match):
    assert matches(pattern, text, {"name": "me", "star": "*"}) is match


VARIABLES = {"attached": "true", "name": "Me"}


@pytest.mark.parametrize(
    ("condition", "met"),
    [
        ({}, True),
        ({"Bool": {"attached": "true"}}, True),
        ({"Bool": {"attached": True}}, True),
        ({"Bool": {"attached": ["false", "TRUE"]}}, True),
        ({"Bool": {"attached": "false"}}, False),
        ({"Bool": {"missing": "false"}}, False),
        ({"StringEquals": {"name": "Me"}}, True),
        ({"StringEquals": {"name": "me"}}, False),
        ({"StringEquals": {"name": "M*"}}, False),
        ({"StringEquals": {"name": "${name}"}}, True),
        ({"StringEquals": {"name": "${missing}"}}, False),
        ({"StringEqualsIgnoreCase": {"name": "mE"}}, True),
        ({"StringLike": {"name": "M*"}}, True),
        ({"StringLike": {"name": "m*"}}, False),
        ({"StringNotEquals": {"name": "You"}}, True),
        ({"StringNotEquals": {"name": ["You", "Me"]}}, False),
        ({"StringNotEquals": {"missing": "x"}}, True),
        ({"StringNotLike": {"name": "M*"}}, False),
        ({"StringNotEqualsIgnoreCase": {"name": "ME"}}, False),
        ({"StringEquals": {"name": "Me"}, "Bool": {"attached": "false"}}, False),
        ({"StringEquals": {"name": "Me", "attached": "false"}}, False),
    ],
)
def test_conditions(condition, met):
    statements = parse(document(statement(Condition=condition)))
    request = Request("iot:Publish", ARN + "topic/a", VARIABLES)
    assert evaluate({"p": statements}, request).allowed is met


@pytest.mark.parametrize(
    ("actions", "action", "match"),
    [
        ("iot:Publish", "iot:Publish", True),
        ("iot:publish", "iot:Publish", True),
        ("iot:*", "iot:Publish", True),
        ("iot:Pub*", "iot:Publish", True),
        ("*", "iot:Publish", True),
        (["iot:Connect", "iot:Publish"], "iot:Publish", True),
        ("iot:Publish", "iot:RetainPublish", False),
        ("s3:*", "iot:Publish", False),
    ],
)
def test_actions(actions, action, match):
    statements = parse(document(statement(Action=actions)))
    assert evaluate({"p": statements}, Request(action, ARN + "topic/a")).allowed is match


def test_without_policies_the_answer_is_no():
    verdict = evaluate({}, Request("iot:Connect", ARN + "client/x"))
    assert not verdict.allowed
    assert "none" in verdict.reason


@pytest.mark.parametrize("order", [["yes", "no"], ["no", "yes"]])
def test_a_deny_wins_in_any_order(order):
    policies = {
        "yes": parse(document(statement())),
        "no": parse(document(statement(Effect="Deny", Resource=ARN + "topic/b"))),
    }
    policies = {name: policies[name] for name in order}
    assert evaluate(policies, Request("iot:Publish", ARN + "topic/a")).allowed
    denied = evaluate(policies, Request("iot:Publish", ARN + "topic/b"))
    assert not denied.allowed
    assert "policy no denies" in denied.reason


def statement(**changes):
    made = {"Effect": "Allow", "Action": "iot:Publish", "Resource": "*", **changes}
    return {key: value for key, value in made.items() if value is not None}


def document(*statements, **changes):
    made = {"Version": "2012-10-17", "Statement": list(statements), **changes}
    return json.dumps({key: value for key, value in made.items() if value is not None})


def test_a_single_statement_needs_no_list():
    assert len(parse(document(Statement=statement()))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "policy.json",
        "[]",
        "null",
        document(statement(), Version=None),
        document(statement(), Version="2008-10-17"),
        document(statement(), Extra=1),
        document(),
        document(Statement=None),
        document("x"),
        document(statement(Effect=None)),
        document(statement(Effect="allow")),
        document(statement(Action=None)),
        document(statement(Action=[])),
        document(statement(Action="Publish")),
        document(statement(Action=[1])),
        document(statement(Resource=None)),
        document(statement(Resource="topic/a")),
        document(statement(Resource="arn:aws:iot:eu-west-1:topic/a")),
        document(statement(Principal="*")),
        document(statement(NotAction="iot:Connect")),
        document(statement(Condition=[])),
        document(statement(Condition={"Bool": "true"})),
        document(statement(Condition={"NumericEquals": {"a": "1"}})),
        '{"Version":"2012-10-17","Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}',
        document(statement(Resource=ARN + "topic/" + "x" * 2048)),
    ],
)
def test_malformed_documents(text):
    with pytest.raises(MalformedPolicy):
        parse(text)


def test_white_space_does_not_count_for_the_size():
    assert parse(document(statement()) + " " * 5000)
