"""`atecc doctor`: everything well, and with one thing broken at a time, the right layer named first."""

import datetime
import json
import time
from contextlib import closing

import pytest
import serial
from atecc.channels.serial import SerialChannel
from atecc.chip.config.presets import preset
from atecc.device import Device
from atecc.device.replies import Stored
from atecc.x509.names import parse_subject
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from openssl import EC, sh
from ports import free_port
from repl import Repl
from simboard import Board
from simchip import statefile
from simchip.eeprom import Image
from simcloud.broker import Broker, free_address
from simcloud.pki import Authority, name, server_certificate
from user import User

WIRED = (
    "cable",
    "REPL",
    "firmware",
    "self-check",
    "pins",
    "pull-ups",
    "scan",
    "CRC",
    "chip",
    "configuration",
)
FROM_AFAR = ("cable", "REPL", "pins", "pull-ups", "scan")
HOME = {"ssid": "home", "key": "correct horse"}


class Clinic:
    """A board whose chip is locked, a broker, and a CA that lasts."""

    def __init__(self, folder, board):
        self.folder = folder
        self.board = board
        self.user = User(board.port)
        self.broker = self.make_broker(free_address())

    def make_broker(self, address):
        """With a certificate of a root of its own."""
        root = Authority.root(name(common_name="root"))
        (self.folder / "root.crt").write_bytes(root.certificate.public_bytes(Encoding.PEM))
        identity = server_certificate(self.folder, root, address)
        return Broker(self.folder, identity, self.folder / "ca.crt", address=address)

    def provision(self):
        self.user.succeeds(
            "provision", "ca", "--ca-cert", self.folder / "ca.crt", "--ca-key", self.folder / "ca.key",
            "--subject", "/CN=patient", "--days", "365", "--server-ca", self.folder / "root.crt",
            "--broker", f"{self.broker.address}:{self.broker.port}",
        )  # fmt: skip

    def examine(self, *options):
        """{layer: its verdict}, the first that failed, and the exit status."""
        said = self.user.types("--json", "doctor", *options)
        layers = {one["name"]: one for one in said.json["layers"]}
        return layers, said.json["first_failure"], said.status

    def finds(self, layer, status, *words, within=0):
        """The first failure is this one (after so many seconds at most); what the user reads of it."""
        deadline = time.monotonic() + within
        layers, first, ended = self.examine()
        while first != layer and time.monotonic() < deadline:
            layers, first, ended = self.examine()
        assert (first, ended) == (layer, status), json.dumps(layers, indent=1)
        said = " ".join(
            f"{one['say']} {one['error'].get('hint', '')}" for one in layers.values() if "error" in one
        )
        assert [word for word in words if word not in said] == [], said
        return layers


@pytest.fixture
def clinic(tmp_path):
    """Makes a clinic with a board of the given kind."""
    sh(f"openssl req -x509 {EC} -keyout ca.key -subj /CN=ca -days 3650 -out ca.crt", tmp_path)
    boards = []

    def make(**options):
        board = Board(**({"chip_options": ["--preset", "tls", "--locked"]} | options))
        board.start()
        boards.append(board)
        return Clinic(tmp_path, board)

    yield make
    for board in boards:
        board.stop()


@pytest.fixture
def patient(clinic):
    """A board that works, and its broker."""
    made = clinic()
    with made.broker:
        made.provision()
        yield made


def states(layers):
    return {name: one["state"] for name, one in layers.items()}


def test_a_board_of_which_everything_is_well(tmp_path, clinic):
    air = tmp_path / "air"
    air.write_text(json.dumps({"scan_ms": 10, "join_ms": 10, "networks": [HOME]}))
    made = clinic(air=air)
    with made.broker:
        made.provision()
        (tmp_path / "password").write_text(HOME["key"])
        made.user.succeeds("wifi", "set", "home", "--password-file", tmp_path / "password")
        layers, first, status = made.examine()
    assert (set(states(layers).values()), first, status) == ({"ok"}, None, 0), json.dumps(layers, indent=1)


def test_a_living_connection_is_left_alone(patient):
    before = patient.user.succeeds("--json", "mqtt", "status").json
    connections = patient.broker.log().count("New client connected")
    layers, first, _ = patient.examine()
    assert first is None, json.dumps(layers, indent=1)
    after = patient.user.succeeds("--json", "mqtt", "status").json
    assert (after["since"], after["state"]) == (before["since"], "connected")
    assert patient.broker.log().count("New client connected") == connections


def test_people_read_a_line_for_each_layer(patient):
    said = patient.user.succeeds("doctor")
    assert len(said.out.splitlines()) == 18
    assert "not checked  because Wi-Fi is switched off" in said.out
    assert said.err == ""


def test_from_afar_what_takes_the_cable_is_not_checked(patient, tmp_path):
    port = free_port()
    patient.user.environment["ATECC_OPERATOR_DIR"] = str(tmp_path / "operator")
    for command in (("operator", "init"), ("operator", "trust"), ("config", "set", f"rpc.wss.port={port}")):
        patient.user.succeeds(*command)
    patient.user.port = f"wss://127.0.0.1:{port}"
    layers, first, status = patient.examine()
    assert (first, status) == (None, 0), json.dumps(layers, indent=1)
    assert {name for name, one in layers.items() if one["state"] == "not checked"} == {*FROM_AFAR, "Wi-Fi"}


# From the cable to the chip.


def test_no_such_port(clinic):
    made = clinic()
    made.user.port = "/dev/ttyNOWHERE"
    layers = made.finds("cable", 3, "There is no serial port")
    assert set(states(layers).values()) == {"failed", "not checked"}


def test_another_program_on_the_port(clinic):
    made = clinic()
    with closing(serial.Serial(made.board.port, exclusive=True)):
        made.finds("cable", 3, "in use by another program")


def test_a_board_without_our_firmware(clinic):
    layers = clinic(bare=True).finds("firmware", 3, "not this project's firmware", "atecc install")
    assert states(layers)["REPL"] == "ok"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("version.py", "VERSION, RELEASED = '9.9.0', 1795305600", "The board's firmware is 9.9.0"),
        ("umqtt.py", "", "The board has no umqtt.simple"),
    ],
)
def test_a_firmware_that_does_not_fit(clinic, file, content, words):
    made = clinic()
    with Repl(made.board.port) as repl:
        repl.run(f"with open('/{file}', 'w') as f: f.write(given)", content)
    made.board.reset()
    made.finds("firmware", 3, words[4:], "atecc install")


def test_no_chip(clinic):
    layers = clinic(chip=False).finds("scan", 4, "Nothing answers on the I2C bus", "supplied")
    assert states(layers)["pull-ups"] == "ok"
    assert states(layers)["clock"] == "failed", "what does not need the chip is looked at all the same"


def test_no_pull_ups(clinic):
    clinic(pull_ups=False).finds("pull-ups", 4, "nothing pulls SCL (pin 22) up", "resistor")


def test_wrong_pins(clinic):
    made = clinic()
    with Repl(made.board.port) as repl:
        code = "import board\nwith open('/board.py', 'w') as f:\n for n in dir(board):\n  if n.isupper():"
        code += "\n   f.write('%s = %r\\n' % (n, {'SCL': 18, 'SDA': 19}.get(n, getattr(board, n))))"
        repl.run(code)
    made.board.reset()
    made.finds("pull-ups", 4, "nothing pulls SCL (pin 18) up and nothing pulls SDA (pin 19) up", "--pins")


@pytest.mark.parametrize(
    ("scl", "sda", "words"),
    [("21", "21", "the same pin"), ("'x'", "21", "no pin number"), ("34", "21", "only read")],
)
def test_pins_that_can_not_be(clinic, scl, sda, words):
    made = clinic()
    with Repl(made.board.port) as repl:
        code = "import board\nboard.ARCH = 'esp32'\n"
        repl.run(f"{code}board.SCL, board.SDA = {scl}, {sda}")
    made.finds("pins", 4, words)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("mangle-wake count=0", "answers the wake pulse with"),
        ("flip-read bit=80 skip=70 count=4", "arrived damaged"),
    ],
)
def test_a_bus_that_spoils_bytes(clinic, tmp_path, fault, words):
    faults = tmp_path / "faults"
    faults.write_text("")
    made = clinic(chip_options=["--preset", "tls", "--locked", f"--faults={faults}"])
    faults.write_text(fault + "\n")
    made.finds("CRC", 4, words, "pull-up")


def altered(folder, offset, data):
    """Options of a locked chip with these bytes in its configuration."""
    zone = (
        preset("tls").zone.patched(0, bytes.fromhex("0123a1b200006002c3d4e5f6ee015500")).patched(86, b"\0\0")
    )
    (folder / "chip").write_text(statefile.dump(Image(bytearray(zone.patched(offset, data).data))))
    return ["--state", str(folder / "chip")]


def test_a_chip_at_another_address(clinic, tmp_path):
    made = clinic(chip_options=altered(tmp_path, 16, b"\x20"))
    layers = made.finds("identity", 5, "no identity yet")
    assert {states(layers)[name] for name in WIRED} == {"ok"}
    assert layers["scan"]["say"].endswith("the chip is the one at 0x10")


def test_a_relative_of_the_chip(clinic, tmp_path):
    made = clinic(chip_options=altered(tmp_path, 4, b"\0\0\x50\0"))
    made.finds("scan", 4, "is no ATECC608 (ATECC508A, revision 00005000)", "Is it the chip you ordered?")


def test_an_unlocked_chip(clinic):
    layers = clinic(chip_options=["--preset", "tls"]).finds("configuration", 5, "config zone is not locked")
    assert states(layers)["identity"] == "not checked"


def test_no_identity(clinic):
    layers = clinic().finds("identity", 5, "no identity yet", "atecc provision")
    assert {states(layers)[name] for name in WIRED} == {"ok"}


# From the identity to the broker.


def stage(made, endpoint, days):
    """An active identity that nobody tried: a certificate from 9 days ago until in so many days."""
    now = datetime.datetime.now(datetime.UTC)
    with closing(SerialChannel(made.board.port)) as channel:
        device = Device(channel)
        device.set_time(int(now.timestamp()))
        begun = device.begin(parse_subject("CN=patient"))
        request = x509.load_der_x509_csr(begun.csr)
        ca = x509.load_pem_x509_certificate((made.folder / "ca.crt").read_bytes())
        key = load_pem_private_key((made.folder / "ca.key").read_bytes(), None)
        certificate = (
            x509.CertificateBuilder().subject_name(request.subject).issuer_name(ca.subject).serial_number(1)
            .public_key(request.public_key()).not_valid_before(now - datetime.timedelta(days=9))
            .not_valid_after(now + datetime.timedelta(days=days)).sign(key, SHA256())
        )  # fmt: skip
        root = x509.load_pem_x509_certificate((made.folder / "root.crt").read_bytes())
        stored = Stored(certificate.public_bytes(Encoding.DER), [], [root.public_bytes(Encoding.DER)])
        device.stage(stored, "patient", "patient", endpoint, made.broker.port)
        device.commit(untried=True)


@pytest.mark.parametrize(("days", "words"), [(-1, "ended on"), (10, "ends in 9 days")])
def test_a_certificate_that_has_ended_or_will_soon(clinic, days, words):
    made = clinic()
    stage(made, made.broker.address, days)
    made.finds("identity", 6, words, "makes a new key and certificate")


def test_a_clock_that_nobody_has_set(patient):
    patient.user.succeeds("config", "set", "mqtt.enable=false", "--save")
    patient.board.power_cycle()
    layers = patient.finds("clock", 8, "it shows 2000-01-01", "NTP", "The MQTT link is off")
    assert [states(layers)[name] for name in ("DNS", "TCP", "TLS", "MQTT")] == [
        "ok",
        "ok",
        "not checked",
        "failed",
    ]


def test_a_wrong_wifi_password(tmp_path, clinic):
    air = tmp_path / "air"
    air.write_text(json.dumps({"scan_ms": 10, "join_ms": 10, "networks": [HOME]}))
    made = clinic(air=air)
    with made.broker:
        made.provision()
        settings = {"wifi": {"sta": {"enable": True, "ssid": "home", "pass": "wrong horse"}}}
        made.user.succeeds("config", "set", "--from", "-", "--save", "--reboot", keys=json.dumps(settings))
        layers = made.finds("Wi-Fi", 8, "does not accept the password", "atecc wifi set")
    assert {states(layers)[name] for name in ("DNS", "TCP", "TLS", "MQTT")} == {"not checked"}


def test_a_broker_that_is_down(patient):
    patient.broker.stop()
    # First of all it was cut off; that nobody is there any more shows when it tries again.
    layers = patient.finds("TCP", 8, "can't be reached: connection refused", within=30)
    assert states(layers)["DNS"] == "ok"


def test_a_broker_whose_name_is_unknown(clinic):
    made = clinic()
    stage(made, "broker.invalid", 99)
    made.user.types("mqtt", "connect", "--timeout", "5")
    made.finds("DNS", 8, "can't be found")


def test_a_broker_with_another_ca(patient):
    patient.broker.stop()
    other = patient.make_broker(patient.broker.address)
    with other:
        layers = patient.finds("TLS", 8, "certificate", within=30)
    assert [states(layers)[name] for name in ("DNS", "TCP", "MQTT")] == ["ok", "ok", "not checked"]
