"""The look before there is a key: the board's own, and who has the last word where it and this computer differ."""

import base64
import socket
import time

import pytest
from atecc.broker.probe import probe
from atecc.errors import ArgumentError, DeviceError, NetworkError
from atecc.provisioning import look
from atecc.provisioning.authority import Target
from atecc.provisioning.look import look_at_broker
from atecc.steps import Steps
from atecc.x509.library import certificate
from derpki import CA, cert, cn, ec_key, san
from repl import Repl
from servers import HOST, Server, closing, tls
from simboard import Board

ROOT, KEY = ec_key(), ec_key()
ROOT_CERT = cert("Root", ROOT, exts=CA)
CHAIN = [cert("broker", KEY, "Root", ROOT, exts=(san(f"IP:{HOST}"),))]
OLD = [cert("broker", KEY, "Root", ROOT, exts=(san(f"IP:{HOST}"),), since=-9, until=-1)]
OTHER = cert("Other", ec_key(), exts=CA)

BOARD = """
import binascii
from link import clock
from link.look import look
from link.mqtt import LinkError
clock.set_time(given["now"])
def looked():
    try:
        look(given["host"], given["port"], [binascii.a2b_base64(given["ca"])], 2)
    except LinkError as e:
        return [e.kind, str(e), e.stage]
"""


@pytest.fixture(scope="module")
def board():
    with Board(chip=False) as board, Repl(board.port) as repl:
        yield repl


@pytest.fixture
def serve():
    servers = []

    def start(what):
        servers.append(Server(what))
        return servers[-1].port

    yield start
    for server in servers:
        server.close()


def seen(board, port, ca=ROOT_CERT, host=HOST):
    given = {"now": int(time.time()), "ca": base64.b64encode(ca).decode(), "host": host, "port": port}
    return board.value("looked()", BOARD, given)


@pytest.mark.parametrize("client_ca", [None, ROOT_CERT], ids=["takes anybody", "wants a certificate"])
def test_the_board_accepts_a_broker(board, serve, tmp_path, client_ca):
    assert seen(board, serve(tls(tmp_path, CHAIN, KEY, client_ca=client_ca))) is None


def test_what_the_board_says_of_others(board, serve, tmp_path):
    kind, message, stage = seen(board, serve(tls(tmp_path, CHAIN, KEY, client_ca=ROOT_CERT)), OTHER)
    assert (kind, stage) == ("tls", "tls") and "was not accepted" in message
    kind, message, _ = seen(board, serve(tls(tmp_path, OLD, KEY)))
    assert kind == "clock" and "expired" in message
    assert seen(board, serve(closing))[0] == "tls"
    kind, message, _ = seen(board, serve(tls(tmp_path, CHAIN, KEY)), cert("x", KEY)[:-1])
    assert kind == "tls" and "can't use this CA" in message


def test_nothing_listens(board):
    with socket.create_server((HOST, 0)) as listening:
        port = listening.getsockname()[1]
    assert seen(board, port) == ["network", f"{HOST}:{port} can't be reached: connection refused", "tcp"]
    assert seen(board, port, host="no-such-host.invalid")[::2] == ["network", "dns"]


# Who has the last word


class Eyes:
    """A board that accepts, or says this."""

    def __init__(self, kind=None):
        self.kind = kind
        self.asked = 0

    def __call__(self, host, port, ca):
        self.asked += 1
        if self.kind:
            raise DeviceError(503, self.kind, "the board says no")


def looked_at(port, eyes, ca=ROOT_CERT, host=HOST):
    steps = Steps()
    target = Target("d", "d", host, port, [certificate(ca, "it")])
    look_at_broker(target, steps, eyes)
    return steps


@pytest.fixture
def good(serve, tmp_path):
    return serve(tls(tmp_path, CHAIN, KEY, client_ca=ROOT_CERT))


def free():
    with socket.create_server((HOST, 0)) as listening:
        return listening.getsockname()[1]


def test_where_there_is_no_doubt_the_board_is_not_asked(good):
    eyes = Eyes("tls")
    steps = looked_at(good, eyes)
    assert steps.done[0].meaning == "the broker's certificate fits its name and the CA"
    assert not eyes.asked and not steps.warnings


def test_both_refuse_and_this_computer_says_why(good):
    eyes = Eyes("tls")
    with pytest.raises(NetworkError, match="does not come from the CA"):
        looked_at(good, eyes, OTHER)
    assert eyes.asked == 1


def test_the_board_accepts_what_this_computer_would_not(good):
    steps = looked_at(good, Eyes(), OTHER)
    assert steps.done[0].doubtful and "but the board accepts it" in steps.done[0].meaning


def test_firmware_that_can_not_look(good):
    with pytest.raises(NetworkError, match="does not come from the CA"):
        looked_at(good, Eyes("method"), OTHER)
    steps = looked_at(free(), Eyes("method"))
    assert steps.done[0].doubtful and "can't reach" in steps.done[0].meaning
    assert steps.done[0].meaning.endswith("the board will try for itself.")


def test_only_the_board_can_reach_it():
    steps = looked_at(free(), Eyes())
    assert not steps.done[0].doubtful
    assert steps.done[0].meaning.startswith(
        "the board accepts the broker's certificate (this computer can't reach"
    )


def test_nobody_can_reach_it():
    with pytest.raises(DeviceError, match="the board says no") as caught:
        looked_at(free(), Eyes("network"))
    assert "This computer can't reach" in caught.value.notes[0]


def test_a_broker_that_asks_for_no_certificate(serve, tmp_path):
    steps = looked_at(serve(tls(tmp_path, CHAIN, KEY)), Eyes())
    assert "asks for no certificate of the device" in steps.warnings[0]


@pytest.mark.parametrize(("issuer", "warned"), [(OTHER, True), (ROOT_CERT, False)], ids=["another", "this"])
def test_a_broker_that_asks_for_another_cas_certificates(good, monkeypatch, issuer, warned):
    """As brokers in Java do; Python's servers and mosquitto name nobody."""

    def naming(host, port):
        sight = probe(host, port)
        sight.flight.authorities.append(cn("Root"))
        return sight

    monkeypatch.setattr(look, "probe", naming)
    steps = Steps()
    target = Target("d", "d", HOST, good, [certificate(ROOT_CERT, "it")])
    look_at_broker(target, steps, Eyes(), certificate(issuer, "it"))
    said = ["asks for a certificate of CN=Root; the device's is of CN=Other" in one for one in steps.warnings]
    assert said == ([True] if warned else [])


def test_aws_on_the_port_that_wants_alpn():
    eyes = Eyes()
    with pytest.raises(ArgumentError, match="only with ALPN"):
        looked_at(443, eyes, host="a1b2c3-ats.iot.eu-west-1.amazonaws.com")
    assert not eyes.asked
