"""What a broker does after TLS, in the device's own words: each its sentence, its kind, and how far it came."""

import base64
import socket
import struct
import time

import pytest
from derpki import CA, cert, ec_key, san
from repl import Repl
from servers import HOST, SERVER_HELLO, Server, dying, saying, tls
from simboard import Board

ROOT, KEY = ec_key(), ec_key()
ROOT_CERT = cert("Root", ROOT, exts=CA)
CHAIN = [cert("broker", KEY, "Root", ROOT, exts=(san(f"IP:{HOST}"),))]

BOARD = """
import errno
from link import clock
from link.mqtt import Connection, LinkError
clock.set_time(given["now"])
record = {"certificate": given["certificate"], "cas": [given["ca"]], "slot": 0, "chip": None, "client_id": "d",
          "endpoint": given["host"], "port": given["port"]}
record.update(given["more"])
said = []
def attempt(*steps):
    try:
        connection = Connection(None, record, timeout=1)
        for step in steps:
            try:
                step(connection)
            except LinkError as e:
                if not connection.alive:
                    raise
                said.append([e.kind, str(e), e.stage])
        said.append("alive" if connection.alive else "dead")
        connection.close()
    except LinkError as e:
        said.append([e.kind, str(e), e.stage])
    return said
subscribe = lambda connection: connection.subscribe("t", 0)
publish = lambda connection: connection.publish("t", "m", 1, False)
"""


@pytest.fixture(scope="module")
def board():
    with Board(chip=False) as board, Repl(board.port) as repl:
        yield repl


@pytest.fixture
def against(board, tmp_path):
    """What the device says of a broker that serves so, once TLS is there."""
    servers = []

    def run(serve, steps="", more=None, port=None, instead=None):
        """`instead`: what is served instead of TLS."""
        handshake = tls(tmp_path, CHAIN, KEY)

        def after(plain):
            handshake(plain, serve)

        servers.append(Server(instead or after))
        given = {
            "now": int(time.time()),
            "certificate": base64.b64encode(cert("d", ec_key())).decode(),
            "ca": base64.b64encode(ROOT_CERT).decode(),
            "host": HOST,
            "port": port or servers[-1].port,
            "more": more or {},
        }
        return board.value(f"attempt({steps})", BOARD, given)

    yield run
    for server in servers:
        server.close()


def connack(code=0):
    return bytes([0x20, 2, 0, code])


def says(*answers):
    """Answers one packet after another, then closes."""

    def serve(secure):
        for answer in answers:
            secure.recv(1000)
            secure.sendall(answer)
        secure.recv(1000)

    return serve


def silent(secure):
    secure.settimeout(3)
    while secure.recv(1000):
        pass


def gone(secure):
    secure.recv(1000)


def reset(secure):
    secure.recv(1000)
    secure.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    socket.socket(fileno=secure.detach()).close()


def one_by_one(secure, *answers):
    """Reads whole packets: umqtt writes them in pieces."""
    data = b""
    for head, answer in answers:
        while not (data and data[0] & 0xF0 == head and len(data) >= 2 + data[1]):
            more = secure.recv(1000)
            if not more:
                return
            data += more
        data = data[2 + data[1] :]
        secure.sendall(answer)
    secure.settimeout(2)
    secure.recv(1000)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("data", [b"", SERVER_HELLO[:3], SERVER_HELLO[:30], SERVER_HELLO], ids=len)
def test_a_broker_that_dies_in_the_middle_of_the_handshake(against, data, reset):
    """It has not seen the device's certificate, which is nobody's fault then."""
    [[kind, said, stage]] = against(None, instead=dying(data, reset))
    assert (kind, stage) == ("tls", "tls") and "in the middle of the TLS handshake" in said, said
    assert "certificate" not in said


def test_a_broker_that_refuses_the_handshake(against):
    [[kind, said, _]] = against(None, instead=saying(b"\x15\x03\x03\0\x02\x02\x28"))
    assert kind == "tls" and "refused the TLS handshake" in said and "certificate" not in said


CONNECT, SUBSCRIBE, PUBLISH = 0x10, 0x80, 0x30
REFUSALS = {1: "mqtt", 2: "client-id", 3: "mqtt", 4: "login", 5: "login", 99: "mqtt"}


@pytest.mark.parametrize("code", REFUSALS)
def test_it_refuses(against, code):
    [[kind, message, stage]] = against(lambda s: one_by_one(s, (CONNECT, connack(code))))
    assert (kind, stage) == (REFUSALS[code], "mqtt") and "refused the MQTT connection" in message


def test_a_password_is_wanted_or_wrong(against):
    def refuses(secure):
        one_by_one(secure, (CONNECT, connack(5)))

    [[_, message, _]] = against(refuses)
    assert "it may want a user name and a password" in message
    [[kind, message, _]] = against(refuses, more={"username": "u", "password": "pass-word"})
    assert kind == "login" and "does not take the user name and password" in message
    assert "pass-word" not in message


def test_user_name_and_password_are_sent(against):
    seen = []

    def serve(secure):
        data = b""
        while b"secret" not in data and (more := secure.recv(1000)):
            data += more
        seen.append(data)
        secure.sendall(connack())
        secure.settimeout(1)
        secure.recv(1000)

    assert against(serve, more={"username": "ü", "password": "secret"}) == ["alive"]
    assert seen[0][9] & 0xC0 == 0xC0 and seen[0].endswith(b"\0\2\xc3\xbc\0\6secret")


@pytest.mark.parametrize("serve", [gone, reset], ids=["closed", "reset"])
def test_it_hangs_up_instead_of_an_answer(against, serve):
    [[kind, message, stage]] = against(serve)
    assert (kind, stage) == ("closed", "mqtt")
    assert "closed the connection instead of answering MQTT's CONNECT" in message and "ALPN" not in message


def test_it_says_nothing(against):
    [[kind, message, stage]] = against(silent)
    assert (kind, stage) == ("timeout", "mqtt") and "accepts TLS, and then says nothing" in message


def test_it_speaks_something_else(against):
    [[kind, message, _]] = against(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert kind == "mqtt" and "does not speak MQTT" in message


def test_a_subscription_that_is_refused_costs_no_more_than_that(against):
    def serve(secure):
        one_by_one(secure, (CONNECT, connack()), (SUBSCRIBE, b"\x90\3\0\1\x80"), (PUBLISH, b"\x40\2\0\2"))

    refused, alive = against(serve, "subscribe, publish")
    assert refused[0] == "topic" and "does not let this device subscribe to t" in refused[1]
    assert alive == "alive"


@pytest.mark.parametrize("step", ["subscribe", "publish"])
def test_it_cuts_the_device_off_later(against, step):
    [[kind, message, stage]] = against(lambda s: one_by_one(s, (CONNECT, connack())), step)
    assert (kind, stage) == ("closed", "mqtt")
    assert "without a word: " in message and "allows this client ID and topic" in message


def test_it_is_silent_later(against):
    def serve(secure):
        one_by_one(secure, (CONNECT, connack()))
        silent(secure)

    [[kind, message, _]] = against(serve, "publish")
    assert kind == "timeout" and "has stopped answering" in message
