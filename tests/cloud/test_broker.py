"""Brokers with the faults that a device must notice, and the life and death of the processes."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cloud.devices import EVERYTHING, Device, Fleet
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from simcloud import Authority, Broker, BrokerError, Cloud, server_certificate
from simcloud.broker import free_address
from simcloud.pki import Validity, name, pem

SIM = Path(__file__).parents[2] / "boards/SIM"


@pytest.fixture
def root():
    return Authority.root(name(organization_name="ACME Ltd", common_name="ACME CA"))


@pytest.fixture
def plain(tmp_path, root, fleet):
    """plain(server) runs a broker with this server certificate, and a device of the same CA tries it."""
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(pem(root.certificate))
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = root.sign(key.public_key(), name(common_name="device-1"), Validity.days(-1, 1))
    identity = fleet.files(key, pem(certificate).decode())

    def connect(server, address, **options):
        with Broker(tmp_path, server, ca_file, address=address, **options) as broker:
            device = Device(address, broker.port, ca_file, identity, "device-1")
            try:
                return device.connect() and device.publish("any/topic", b"x"), broker.log()
            finally:
                device.close()

    return connect


def test_whoever_has_a_certificate_may_use_a_plain_broker(plain, tmp_path, root):
    address = free_address()
    connected, log = plain(server_certificate(tmp_path, root, address), address)
    assert connected
    assert "device-1" in log


def test_any_port_will_do(plain, tmp_path, root):
    address = free_address()
    assert plain(server_certificate(tmp_path, root, address), address, port=18883)[0]


def test_a_certificate_for_another_name(plain, tmp_path, root):
    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        plain(server_certificate(tmp_path, root, "broker.example", "127.0.0.1"), free_address())


def test_a_certificate_by_another_ca(plain, tmp_path, root):
    address = free_address()
    other = Authority.root(root.certificate.subject)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"signature failure|self-signed|unable to get"):
        plain(server_certificate(tmp_path, other, address), address)


@pytest.mark.parametrize(("days", "message"), [((-10, -1), "expired"), ((1, 10), "not yet valid")])
def test_a_certificate_out_of_its_time(plain, tmp_path, root, days, message):
    address = free_address()
    with pytest.raises(ssl.SSLCertVerificationError, match=message):
        plain(server_certificate(tmp_path, root, address, validity=Validity.days(*days)), address)


def test_extra_configuration_reaches_mosquitto(plain, tmp_path, root):
    address = free_address()
    server = server_certificate(tmp_path, root, address)
    with pytest.raises(BrokerError, match="Unknown configuration variable"):
        plain(server, address, extra=["no_such_option true"])


def test_an_address_that_is_taken(plain, tmp_path, root, cloud):
    server = server_certificate(tmp_path, root, cloud.broker_host)
    with pytest.raises(BrokerError, match="Address already in use"):
        plain(server, cloud.broker_host)


def test_without_mosquitto_the_error_says_what_to_do(tmp_path, root):
    server = server_certificate(tmp_path, root, "127.0.0.1")
    with pytest.raises(BrokerError, match="make mosquitto"):
        Broker(tmp_path, server, tmp_path / "ca.pem", build=tmp_path).start()


# --- the cloud's own


def test_the_chain_leads_to_the_root_through_an_intermediate(cloud):
    """Which the broker sends along, as Amazon's does."""
    context = ssl.create_default_context(cafile=str(cloud.server_ca_file))
    with (
        socket.create_connection((cloud.broker_host, cloud.broker_port)) as plain_socket,
        context.wrap_socket(plain_socket, server_hostname=cloud.broker_host) as tls,
    ):
        certificate = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True))
    assert certificate.issuer != cloud.server_root.certificate.subject
    assert certificate.not_valid_before_utc < datetime.now(UTC) - timedelta(days=1)


@pytest.mark.parametrize(
    ("cipher", "accepted"),
    [("ECDHE-ECDSA-AES128-GCM-SHA256", True), ("ECDHE-ECDSA-CHACHA20-POLY1305", False)],
)
def test_the_ciphers_of_tls_1_2(cloud, fleet, cipher, accepted):
    device = fleet.device(fleet.identity(EVERYTHING))
    device.mqtt._ssl_context.maximum_version = ssl.TLSVersion.TLSv1_2
    device.mqtt._ssl_context.set_ciphers(cipher)
    if accepted:
        assert device.connect()
    else:
        with pytest.raises(ssl.SSLError, match="handshake failure"):
            device.connect()


def test_secret_files_are_their_owners_alone(cloud):
    secret = [
        path for path in cloud.directory.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]
    assert secret
    assert all(path.stat().st_mode & 0o077 == 0 for path in secret)


@pytest.fixture
def own_cloud():
    with Cloud() as cloud:
        yield cloud


def test_the_broker_can_go_away_and_come_back(own_cloud, tmp_path, iot_of):
    fleet = Fleet(own_cloud, iot_of(own_cloud), tmp_path)
    identity = fleet.identity(EVERYTHING)
    device = fleet.device(identity)
    assert device.connect()
    own_cloud.stop_broker()
    assert device.cut.wait(5)
    with pytest.raises(ConnectionRefusedError):
        fleet.device(identity).connect()
    own_cloud.start_broker()
    assert fleet.device(identity).connect()
    fleet.close()


def test_the_broker_can_come_back_as_somebody_else(own_cloud, tmp_path, iot_of):
    fleet = Fleet(own_cloud, iot_of(own_cloud), tmp_path)
    device = fleet.device(fleet.identity(EVERYTHING))
    impostor = Authority.root(own_cloud.server_root.certificate.subject)
    own_cloud.stop_broker()
    own_cloud.start_broker(server_certificate(tmp_path, impostor, own_cloud.broker_host))
    with pytest.raises(ssl.SSLCertVerificationError):
        device.connect()


def test_when_nobody_answers_everything_is_refused(own_cloud, tmp_path, iot_of):
    fleet = Fleet(own_cloud, iot_of(own_cloud), tmp_path)
    identity = fleet.identity(EVERYTHING)
    own_cloud._wire.close()
    assert not fleet.device(identity).connect()
    assert "doesn't answer" in own_cloud.broker_log
    own_cloud._wire = None
    fleet.close()


def test_two_clouds_know_nothing_of_each_other(cloud, own_cloud, iot, iot_of):
    other = iot_of(own_cloud)
    other.create_thing(thingName="only-there")
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName="only-there")
    assert own_cloud.broker_host != cloud.broker_host


@pytest.fixture
def iot_of():
    import boto3

    def make(cloud):
        key = cloud.credentials
        session = boto3.Session(key.access_key_id, key.secret_access_key, region_name=cloud.region)
        return session.client("iot", endpoint_url=cloud.endpoint_url)

    return make


def test_nothing_is_left_after_the_block():
    with Cloud() as cloud:
        directory, pid = cloud.directory, cloud._broker.pid
    assert not directory.exists()
    assert not alive(pid)


# --- the command


@pytest.fixture
def command(tmp_path):
    """`python -m simcloud`, once it runs; yields the process and the broker's process ID."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simcloud", "--directory", tmp_path / "cloud"],
        env={**os.environ, "PYTHONPATH": str(SIM)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = ""
    while "Ctrl-C" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    process.said = said
    yield process, int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text())
    process.kill()
    process.communicate()


def alive(pid):
    return Path(f"/proc/{pid}").exists()


def gone(pid):
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not alive(pid)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_with_all_it_started(command, end):
    process, broker = command
    process.send_signal(end)
    out, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert not alive(broker)
    exports = dict(line.removeprefix("export ").split("=", 1) for line in out.splitlines())
    assert len(exports) == 5
    assert exports["AWS_ENDPOINT_URL"] in process.said
    assert Path(exports["ATECC_AWS_SERVER_CA"]).name == "server-root-ca.pem"


def test_even_a_killed_command_leaves_no_broker(command):
    process, broker = command
    process.kill()
    assert gone(broker)


def test_a_command_that_cannot_start_says_why(cloud):
    done = subprocess.run(
        [sys.executable, "-m", "simcloud", "--address", cloud.broker_host],
        env={**os.environ, "PYTHONPATH": str(SIM)},
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 1
    assert "Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
