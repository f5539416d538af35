"""Boards and chips that can't do the job: what the user reads, and that nothing was lost."""

from pathlib import Path

import pytest
from atecc.channels.serial import SerialChannel
from atecc.chip import config
from atecc.device.rpc import Client
from atecc.errors import DeviceError
from bench import Babbler
from cryptography.hazmat.primitives.serialization import Encoding
from openssl import make_ca
from repl import Repl
from simboard import Board
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, server_certificate
from user import User

PROVISION = ("provision", "ca", "--subject", "/CN=x", "--days", "1", "--broker", "127.0.0.1:8883")


@pytest.fixture
def ca(tmp_path):
    """`atecc provision ca` with an ordinary CA."""
    make_ca(tmp_path)
    files = ("--ca-cert", tmp_path / "ca.crt", "--ca-key", tmp_path / "ca.key")
    return (*PROVISION, "--no-broker-check", *files)


def test_no_board():
    said = User("/dev/ttyNOWHERE").fails(3, "info")
    assert "/dev/ttyNOWHERE" in said


def test_a_board_without_our_firmware(user):
    with Repl(user.port) as repl:
        repl.run("open('/rpc.py', 'w').close()")  # hides the package, as if it were not there
    user.bench.board.reset()
    said = user.fails(3, "info")
    assert "not this project's firmware" in said


def test_a_micropython_that_cannot_let_the_chip_sign(user, ca):
    with Repl(user.port) as repl:
        repl.run("import rpc.services.system\nrpc.services.system.can_sign_outside = lambda: False")
    said = user.fails(3, *ca)
    assert "can't let the chip sign a TLS handshake" in said
    assert "MICROPY_PY_SSL_ECDSA_SIGN_ALT" in said
    assert user.bench.chip.keys_made == 0


def test_no_chip(ca):
    with Board(chip=False) as board:
        user = User(board.port)
        for command in (ca, ("chip", "lock", "config")):
            assert "no ATECC608 on the I2C bus" in user.fails(4, *command)
        said = user.types("info")
        assert "no ATECC608 on the I2C bus" in said.out + said.err


@pytest.mark.parametrize("byte", [0x00, 0xA5, 0xFF])
def test_something_that_answers_garbage(someone, ca, byte):
    user = someone(Babbler(byte))
    said = user.fails(4, *ca)
    assert "something at 0x60 answers the wake pulse with" in said


def test_an_unlocked_config_zone(someone, ca):
    user = someone(preset="tls")
    said = user.fails(5, *ca)
    assert "config zone is not locked" in said
    assert "atecc chip lock config" in said
    assert not user.bench.chip.keys_made
    assert not user.succeeds("--json", "info").json["chip"]["config_locked"]


def test_a_slot_that_holds_no_device_key(user, ca):
    said = user.fails(4, *ca, "--slot", "8")
    assert "Slot 8 can't sign" in said


def test_a_slot_that_cannot_generate(someone, ca):
    user = someone(preset="tls", locked=True)
    user.bench.chip.image.config[21] = 0x00
    said = user.fails(4, *ca)
    assert "Slot 0 holds no key, and its configuration lets the chip make none" in said


def test_a_key_that_somebody_else_made(user, ca):
    key = user.bench.value("chip.GenKey(0).hex()")
    user.bench.close()
    said = user.fails(5, *ca)
    assert "holds a key that no identity of this board knows" in said
    assert "--key existing" in said
    user.fails(5, *ca, "--key", "overwrite", "--yes-overwrite", "0123456789abcdefee")
    assert user.succeeds("--json", "rpc", "call", "ATCA.KeyInfo", '{"slot": 0}').json["in_use"] == "unknown"
    assert user.bench.chip.keys_made == 1
    del user.bench.__dict__["repl"]
    assert user.bench.value("chip.PublicKey(0).hex()") == key


def test_a_key_in_use_is_never_replaced(user, tmp_path):
    """Slot 0 holds the active identity's key; nothing talks the tool, or the device, into a new one there."""
    make_ca(tmp_path)
    host = free_address()
    root = Authority.root(name(common_name="root"))
    (tmp_path / "root.crt").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    identity = server_certificate(tmp_path, root, host)
    files = (
        "--ca-cert",
        tmp_path / "ca.crt",
        "--ca-key",
        tmp_path / "ca.key",
        "--server-ca",
        tmp_path / "root.crt",
    )
    command = (*PROVISION[:-1], f"{host}:8883", *files, "--renew")
    with Broker(tmp_path, identity, tmp_path / "ca.crt", address=host):
        user.succeeds(*command)
        said = user.fails(5, *command, "--slot", "0")
        assert "Slot 0 holds the key of the active identity: it is never replaced" in said
        serial = user.succeeds("--json", "info").json["chip"]["serial"]
        user.fails(5, *command, "--slot", "0", "--key", "overwrite", "--yes-overwrite", serial)
        assert user.bench.chip.keys_made == 1
        assert user.succeeds("--json", "mqtt", "connect").json["state"] == "connected"


# Locking.


def test_locking_is_a_dry_run_unless_confirmed(someone):
    user = someone(preset="tls")
    said = user.succeeds("chip", "lock", "config")
    assert "IRREVERSIBLE" in said.out
    assert "dry run" in said.out
    assert not user.succeeds("--json", "info").json["chip"]["config_locked"]


@pytest.mark.parametrize("typed", ["", "y", "yes", "0123456789abcdefee"])
def test_anything_but_the_serial_number_locks_nothing(someone, typed):
    user = someone(preset="tls")
    assert user.types("chip", "lock", "config", "--confirm", keys=typed + "\n").status != 0
    assert user.types("chip", "lock", "config", "--yes-lock", typed or "x").status != 0
    assert not user.succeeds("--json", "info").json["chip"]["config_locked"]


def test_data_is_not_locked_before_config(someone):
    user = someone(preset="tls")
    serial = user.succeeds("--json", "info").json["chip"]["serial"]
    said = user.fails(5, "chip", "lock", "data", "--yes-lock", serial)
    assert "config zone" in said


def test_what_is_locked_is_not_locked_again(user):
    serial = user.succeeds("--json", "info").json["chip"]["serial"]
    for zone in ("config", "data"):
        assert "locked already" in user.fails(5, "chip", "lock", zone, "--yes-lock", serial)


def test_another_configuration_is_not_written_into_a_locked_zone(user, tmp_path):
    preset = Path(config.__file__).with_name("data") / "tls.yaml"
    other = tmp_path / "other.yaml"
    other.write_text(preset.read_text().replace("use: [sign, attest, ECDH]", "use: [sign, attest]"))
    assert "locked" in user.fails(5, "chip", "config", "set", other, "--yes")
    user.succeeds("chip", "config", "set", "--yes")  # which is there already


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"zone": 0}, "give the serial number"),
        ({"zone": 0, "crc": 0x1234}, "give the serial number"),
        ({"zone": 0, "serial": "0123456789abcdefee", "crc": 0x1234}, "give the serial number"),
        ({"zone": 0, "serial": "its own"}, "give the CRC-16"),
        ({"zone": 0, "serial": "its own", "crc": 0x1234}, "nothing was locked"),
        ({"zone": 1}, "give the serial number"),
        ({"zone": 1, "serial": "its own"}, "the config zone has to be locked before"),
    ],
)
def test_the_device_itself_locks_nothing_that_was_not_checked(someone, params, complaint):
    """Whatever a caller's software forgets: the device asks for the serial number and for the checked CRC."""
    user = someone(preset="tls")
    client = Client(SerialChannel(user.port))
    if params.get("serial") == "its own":
        params = params | {"serial": client.call("ATCA.GetInfo")["serial"]}
    with pytest.raises(DeviceError, match=complaint):
        client.call("ATCA.LockZone", params)
    info = client.call("ATCA.GetInfo")
    client.close()
    assert (info["config_locked"], info["data_locked"]) == (False, False)


# The clock.


def test_a_clock_in_2000_is_refused(user):
    said = user.types("rpc", "call", "Sys.SetTime", '{"time": 946684800}')
    assert said.status != 0
    assert "is before this firmware was made" in said.err


def test_a_board_with_an_unset_clock_raises_it_to_what_must_have_passed(user):
    with Repl(user.port) as repl:
        code = "from link import clock\nclock.vouch(given)\nclock.ensure()\n"
        assert repl.value("clock.now()", "from link import clock") < 946684800 + 3600
        assert repl.value("clock.now() - given", code, 1900000000) in (0, 1)
        # It never goes back.
        assert repl.value("clock.now() - given >= 100000000", code, 1800000000) is True
