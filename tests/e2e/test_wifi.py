"""From no network to a call over the LAN, as the README has it: wifi set, provisioning, operator trust, wss."""

import json

import pytest
from openssl import make_ca
from simboard import Board
from simboard.tcpport import TcpPort
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, pem, server_certificate
from terminal import Terminal
from user import User

AIR = {
    "scan_ms": 20,
    "join_ms": 60,
    "networks": [
        # The address at which the simulated board's sockets are.
        {"ssid": "home", "key": "correct horse", "rssi": -50, "ip": "127.0.0.1"},
        {"ssid": "café", "rssi": -70, "ip": "127.0.0.1"},
    ],
}


@pytest.fixture
def user(tmp_path):
    air = tmp_path / "air.json"
    air.write_text(json.dumps(AIR))
    with Board(chip_options=["--preset=tls", "--locked"], air=air) as board:
        yield User(board.port, environment={"XDG_CONFIG_HOME": str(tmp_path)})


def test_a_network_is_chosen_from_what_the_board_sees(user):
    with Terminal(user.port, "wifi", "set") as screen:
        seen = screen.shows(b"Which network (1-2)? ").decode()
        assert seen.index("home") < seen.index("café"), "the strongest comes first"
        screen.types(b"1\r")
        screen.shows(b"Password of home: ")
        screen.types(b"correct horse\r")
        told = screen.shows(b"127.0.0.1")
        assert b"connected" in told and b"correct horse" not in told
        assert screen.process.wait(20) == 0
    assert user.succeeds("wifi", "status", "--json").json["ssid"] == "home"


def test_an_open_network_is_joined_without_a_password(user):
    with Terminal(user.port, "wifi", "set") as screen:
        screen.shows(b"Which network (1-2)? ")
        screen.types(b"2\r")
        screen.shows(b"127.0.0.1")
        assert screen.process.wait(20) == 0


def test_a_number_that_is_none_changes_nothing(user):
    with Terminal(user.port, "wifi", "set") as screen:
        screen.shows(b"Which network (1-2)? ")
        screen.types(b"3\r")
        screen.shows(b"none of the numbers")
        assert screen.process.wait(20) == 2
    assert user.succeeds("wifi", "status", "--json").json["state"] == "off"


def test_a_wrong_password_leaves_the_network_of_before(user, tmp_path):
    password = tmp_path / "password"
    password.write_text("correct horse")
    user.succeeds("wifi", "set", "home", "--password-file", password)
    password.write_text("wrong horse")
    said = user.fails(8, "wifi", "set", "home", "--password-file", password)
    assert "home does not accept the password" in said and "wrong horse" not in said
    assert "broker" not in said
    assert user.succeeds("wifi", "status", "--json").json["state"] == "connected"


def test_what_operator_trust_prints_works_as_it_stands(user, tmp_path):
    make_ca(tmp_path)
    password = tmp_path / "password"
    password.write_text("correct horse")
    root = Authority.root(name(common_name="Broker's root"))
    (tmp_path / "root.crt").write_bytes(pem(root.certificate))
    host = free_address()
    server = server_certificate(tmp_path, root, host)
    with TcpPort() as port, Broker(tmp_path, server, tmp_path / "ca.crt", address=host):
        user.succeeds("wifi", "set", "home", "--password-file", password)
        user.succeeds("operator", "init")
        user.succeeds("config", "set", f"rpc.wss.port={port.number}", "--save")
        user.succeeds(
            "provision", "ca", "--ca-cert", tmp_path / "ca.crt", "--ca-key", tmp_path / "ca.key", "--subject",
            "/CN=sensor-1", "--days", "5", "--broker", f"{host}:8883", "--server-ca", tmp_path / "root.crt",
        )  # fmt: skip
        said = user.succeeds("operator", "trust")
        command = said.err.partition("Try it: atecc ")[2].split()
        assert command[:2] == ["--port", f"wss://127.0.0.1:{port.number}"], said.err
        assert "sensor-1" in user.succeeds(*command).out
