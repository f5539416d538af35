"""A board that answers on the network: whoever is handed its address, and its files, can call it."""

import http.client
import json
import socket
import ssl
import stat
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from atecc.channels import Access, open_channel
from atecc.device import Device
from atecc.errors import AteccError, RefusedError
from atecc.operators.operator import Names, Operator
from atecc.provisioning.trust import recognise
from simboard.board import BoardError
from simboard.examples import lines
from simboard.served import Served
from simboard.tcpport import LOOPBACK, PortTaken, TcpPort

PATIENCE_S = 20


def get(served: Served, method: str) -> tuple[int, bytes]:
    """GET /rpc/METHOD without TLS and without a password."""
    connection = http.client.HTTPConnection(LOOPBACK, served.port, timeout=PATIENCE_S)
    connection.request("GET", f"/rpc/{method}")
    answer = connection.getresponse()
    return answer.status, answer.read()


def caller(served: Served, address: str | None = None, **access: Any) -> Device:
    return Device(open_channel(address or served.address, Access(**access)), remote=True)


# ws:// on the bench


@pytest.fixture(scope="module")
def bench() -> Iterator[Served]:
    with Served(bench=True, chip_options=["--preset=mos"]) as served:
        yield served


def test_is_there_at_once(bench: Served) -> None:
    status, body = get(bench, "Sys.GetInfo")
    assert (status, json.loads(body)["board"]) == (200, "SIM")


def test_the_chip_is_as_the_preset_says(bench: Served) -> None:
    with caller(bench) as device:
        info, config = device.chip_info(), device.get_config()
    assert (info.config_locked, info.data_locked) == (False, False)
    lines = files("simchip").joinpath("presets", "mos.hex").read_text().splitlines()
    assert config[16:].hex() == bytes.fromhex("".join(line.partition("#")[0] for line in lines)).hex()


def test_may_what_the_bench_may_without_confirmation(bench: Served) -> None:
    with caller(bench) as device:
        assert device.access_status().bench.kept
        device.set_config(device.get_config())


def test_bench_and_address_outlive_a_reset(bench: Served) -> None:
    bench.board.reset()
    with bench.owner() as owner:
        bench.wait(owner)
        status = owner.access_status()
    assert (status.bench.on, status.ws.listening, status.ws.port) == (True, True, bench.port)
    assert get(bench, "Sys.GetInfo")[0] == 200


# ws:// with a password


@pytest.fixture(scope="module")
def password() -> Iterator[Served]:
    with Served(f"ws://alice:s%20cret@{LOOPBACK}:0") as served:
        yield served


def test_serves_whoever_knows_the_password(password: Served) -> None:
    with caller(password, f"ws://alice@{LOOPBACK}:{password.port}", password=lambda: "s cret") as device:
        assert not device.access_status().bench.on
        assert device.info().board == "SIM"


@pytest.mark.parametrize(("user", "word"), [("alice", "secret"), ("bob", "s cret")])
def test_serves_nobody_else(password: Served, user: str, word: str) -> None:
    with (
        caller(password, f"ws://{user}@{LOOPBACK}:{password.port}", password=lambda: word) as device,
        pytest.raises(RefusedError, match="does not accept this user and password"),
    ):
        device.info()
    assert get(password, "Sys.GetInfo")[0] == 401


def test_password_is_not_shown(password: Served) -> None:
    assert "cret" not in "".join([*lines(password), password.address, repr(password.wanted)])


# wss://


@pytest.fixture(scope="module")
def into(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("wss") / "files"


@pytest.fixture(scope="module")
def secure(into: Path) -> Iterator[Served]:
    with Served(f"wss://{LOOPBACK}:0", into=into) as served:
        yield served


def test_serves_the_operator(secure: Served, into: Path) -> None:
    with caller(secure, operator=into / "operator", device="bench-board") as device:
        chip, status = device.chip_info(), device.identity_status()
        assert device.mqtt_status().state == "connected"
    assert (chip.config_locked, chip.data_locked) == (True, True)
    assert status.identities[status.active or ""].name == "bench-board"


def test_has_the_certificate_that_it_left(secure: Served, into: Path) -> None:
    context = ssl.create_default_context(cafile=into / "ca.crt.pem")
    context.load_cert_chain(into / "operator/operator.crt.pem", into / "operator/operator.key.pem")
    with (
        socket.create_connection((LOOPBACK, secure.port), PATIENCE_S) as plain,
        context.wrap_socket(plain, server_hostname=LOOPBACK) as connection,
    ):
        shown = connection.getpeercert(binary_form=True)
    assert shown == ssl.PEM_cert_to_DER_cert((into / "device.crt.pem").read_text())


def test_serves_no_stranger(secure: Served, tmp_path: Path) -> None:
    stranger = Operator(tmp_path / "stranger")
    stranger.make(Names("mallory"))
    with secure.owner() as owner:
        introduced_to_one_side = recognise(owner)
    stranger.devices.learn(*introduced_to_one_side)
    with (
        caller(secure, operator=stranger.directory) as device,
        pytest.raises(AteccError, match="does not accept this operator's certificate"),
    ):
        device.info()


def test_secrets_are_for_their_owner_alone(secure: Served, into: Path) -> None:
    open_to_others = [
        str(path.relative_to(into))
        for path in into.rglob("*key*.pem")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) != 0o600
    ]
    assert (stat.S_IMODE(into.stat().st_mode), open_to_others) == (0o700, [])
    assert len(list(into.rglob("*key*.pem"))) >= 3


def test_a_board_that_is_started_again_is_the_same(tmp_path: Path) -> None:
    chip = ["--preset=tls", "--locked", f"--state={tmp_path / 'chip'}"]
    options = {"into": tmp_path / "files", "flash": tmp_path / "flash", "chip_options": chip}
    certificates = []
    for _ in range(2):
        with Served(f"wss://{LOOPBACK}:0", **options) as served:
            certificates.append((tmp_path / "files/device.crt.pem").read_text())
            with caller(served, operator=tmp_path / "files/operator", device="bench-board") as device:
                assert device.mqtt_status().endpoint
    assert certificates[0] == certificates[1]


def test_a_chip_that_came_with_a_key_keeps_it(tmp_path: Path) -> None:
    with (
        Served(f"wss://{LOOPBACK}:0", into=tmp_path / "files", chip_options=["--preset=trustflex"]) as served,
        caller(served, operator=tmp_path / "files/operator") as device,
    ):
        assert device.chip_info().address == 0x36


# What can't be


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://127.0.0.1:80", "that is no address"),
        ("ws://127.0.0.1", "that is no address"),
        ("ws://127.0.0.1:many", "that is no address"),
        ("ws://127.0.0.1:70000", "that is no address"),
        ("ws://127.0.0.1:0/rpc/Sys.GetInfo", "that is no address"),
        ("ws://0.0.0.0:0", "answers this computer alone"),
        ("ws://alice@127.0.0.1:0", "a user and a password go together"),
        ("wss://alice:secret@127.0.0.1:0", "wss:// takes no user and password"),
        ("ws://127.0.0.1:0", "only while the bench permission is on: add --bench"),
    ],
)
def test_wrong_addresses_are_explained(address: str, sentence: str) -> None:
    with pytest.raises(BoardError) as caught:
        Served(address)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_port_that_is_taken() -> None:
    with (
        TcpPort() as port,
        socket.create_server((LOOPBACK, port.number)),
        pytest.raises(PortTaken, match=f"port {port.number} can't be had"),
    ):
        Served(f"ws://{LOOPBACK}:{port.number}", bench=True).start()


def test_a_chip_that_can_have_no_identity(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="config zone is not locked"):
        Served(f"wss://{LOOPBACK}:0", into=tmp_path, chip_options=["--preset=blank"]).start()
