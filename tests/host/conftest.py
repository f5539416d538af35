"""What the host's tests share: a board in memory, the command line run on it, and CAs in files."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from atecc.cli import cli
from atecc.cli.app import App
from atecc.operators.operator import Names, Operator
from fakeaccess import named
from fakedevice import FakeDevice


@dataclass
class Ran:
    """What a user saw."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nobody's own files are read or written: an operator's directory is the test's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("ATECC_PORT", "ATECC_OPERATOR_DIR", "ATECC_MQTT_CERT", "ATECC_MQTT_KEY", "ATECC_MQTT_CA"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def stand_in():
    """A stand-in for AWS IoT, shared by a module's tests."""
    from simcloud import Cloud

    with Cloud() as running:
        yield running


@pytest.fixture
def iot(stand_in, monkeypatch):
    """A client of it; the environment leads `atecc` there too. No pause is waited for, and no fault is left behind."""
    import boto3

    for module in ("patience", "pace"):
        monkeypatch.setattr(f"atecc.aws.{module}.pause", lambda seconds: None)
    for variable, value in stand_in.environment().items():
        monkeypatch.setenv(variable, value)
    yield boto3.Session().client("iot")
    stand_in.faults.clear()


@pytest.fixture(scope="module")
def inside(stand_in):
    """It, for what runs in AWS Lambda and makes its clients as it is imported."""
    import boto3

    with pytest.MonkeyPatch.context() as patch:
        for variable, value in stand_in.environment().items():
            patch.setenv(variable, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # which may have another stand-in's credentials
        yield stand_in


@pytest.fixture
def operator(home):
    """An operator in the default directory."""
    made = Operator()
    made.make(Names("alice"))
    return made


@pytest.fixture
def networked():
    """A board that knows who calls, with an identity."""
    return named("sensor-1")


@pytest.fixture
def board():
    return FakeDevice()


@pytest.fixture
def blank():
    return FakeDevice(config_locked=False, data_locked=False)


@pytest.fixture
def run():
    """Run `atecc ARGS` on a board in memory, or on what a function (of port and access) gives; `typed` is what the user
    types when asked."""

    def run(device, *args, typed=None):
        opened = device if callable(device) else lambda port, access: device
        app = App(open_channel=opened, interactive=typed is not None)
        result = CliRunner().invoke(cli, [str(a) for a in args], obj=app, input=typed)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def call():
    """Run `atecc ARGS` with its real channels."""

    def call(*args, typed=None):
        app = App(interactive=typed is not None)
        result = CliRunner().invoke(cli, [str(a) for a in args], obj=app, input=typed)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return call


@pytest.fixture
def openssl(tmp_path):
    """Run openssl in the test's directory."""

    def openssl(*args):
        done = subprocess.run(
            ["openssl", *map(str, args)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return openssl


@dataclass
class CaFiles:
    cert: Path
    key: Path

    @property
    def options(self):
        return ["--ca-cert", self.cert, "--ca-key", self.key]


@pytest.fixture
def ca(openssl, tmp_path):
    """A v3 CA as `openssl req -x509` makes it."""
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ca.key.pem")
    openssl(
        "req",
        "-x509",
        "-key",
        "ca.key.pem",
        "-out",
        "ca.crt.pem",
        "-days",
        "3650",
        "-subj",
        "/O=ACME/CN=ACME CA",
    )
    return CaFiles(tmp_path / "ca.crt.pem", tmp_path / "ca.key.pem")


WISH = ["--subject", "/C=IE/O=ACME/CN=sensor-1", "--days", "365", "--broker", "broker.invalid:8883"]


@pytest.fixture
def wish():
    return list(WISH)
