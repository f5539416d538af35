"""An order: what was typed, whole and judged before a board is opened, and carried out without a command line too."""

import re
from pathlib import Path

import pytest
from atecc.errors import ArgumentError, CertificateError
from atecc.provisioning.authority import Wish
from atecc.provisioning.order import Connection
from cryptography import x509

README = Path(__file__).parents[2] / "host" / "README.md"
CA = ["ca", "--ca-cert", "c", "--ca-key", "k", "--subject", "/CN=a", "--days", "9", "--broker", "b.invalid"]
AWS = ["aws", "--thing", "a"]
FACTORY = ["factory", "--broker", "b.invalid", "--server-ca", "ca.crt.pem"]


@pytest.mark.parametrize(
    ("command", "more", "status"),
    [
        (CA, ["--subject", "CN"], 2),
        (CA, ["--broker", "b:0"], 2),
        (CA, ["--san", "a"], 6),
        (CA, ["--server-ca", "none"], 6),
        (CA, ["--ca-key-password-file", "none"], 6),
        (AWS, ["--thing", "a/b"], 2),
        (AWS, ["--thing", "a/b", "--subject", "/CN=a"], 2),
        (AWS, ["--subject", "CN"], 2),
        (AWS, ["--endpoint", "b:0"], 2),
        (AWS, ["--san", "a"], 6),
        (AWS, ["--policy-file", "none"], 2),
        (AWS, ["--policy", "p", "--policy-file", "none"], 6),
        (FACTORY, ["--broker", "b:0"], 2),
        (FACTORY, ["--server-ca", "none"], 6),
        (FACTORY, ["--root", "none"], 6),
    ],
)
def test_what_is_wrong_with_it_is_told_before_a_board_is_opened(call, ca, monkeypatch, command, more, status):
    """The port would be another error, with another status."""
    monkeypatch.chdir(ca.cert.parent)
    seen = call("--port", "no-such-port", "provision", *command, *more)
    assert (seen.status, "no-such-port" in seen.err) == (status, False), seen.err


@pytest.mark.parametrize("command", [CA, AWS, FACTORY])
def test_a_board_that_is_not_there_is_told_after_that(call, ca, monkeypatch, command):
    """And before a password is asked for, or AWS."""
    monkeypatch.chdir(ca.cert.parent)
    seen = call("--port", "no-such-port", "provision", *command)
    assert seen.status == 3 and "no-such-port" in seen.err, seen.err


def test_a_wish_that_cant_be_is_not_made():
    with pytest.raises(CertificateError, match="no alternative name"):
        Wish([[("CN", "a")]], ["sensor-1"])


def test_a_thing_that_cant_be_is_not_ordered():
    from atecc.aws.thing import AwsOrder

    with pytest.raises(ArgumentError, match="not possible as a thing's name"):
        AwsOrder(Wish([[("CN", "a")]]), Connection(), "a/b")


def test_a_connection_is_completed_by_its_issuer():
    plain = Connection().target("a", ("b.invalid", 8883), [])
    assert (plain.name, plain.client_id, plain.endpoint, plain.port) == ("a", "a", "b.invalid", 8883)
    assert Connection(client_id="c").target("a", ("b.invalid", 8883), []).client_id == "c"


def test_the_example_for_programs(board, ca, monkeypatch, capsys):
    """As it stands in the README; only the board is not on a port."""
    example = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)[0]
    monkeypatch.chdir(ca.cert.parent)
    monkeypatch.setattr("atecc.channels.open_channel", lambda port: board)
    exec(example.replace("mqtt.acme.ie", "broker.invalid"), {})
    issued = x509.load_pem_x509_certificate(capsys.readouterr().out.encode())
    assert issued.public_key() == board.keys[0].public_key() and board.mqtt == "connected"
    assert board.records["a"]["name"] == board.records["a"]["client_id"] == "sensor-1"
