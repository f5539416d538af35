"""Mongoose OS's commands against the device, on every channel where they make sense."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from foreign_rpc import frames
from foreign_rpc.frames import BadReply, Refused, Silence, text
from foreign_rpc.mos import LOCK_CONFIG, LOCK_VALUE, LOCKED, UNLOCKED, GivesUp, Mos, b64
from foreign_rpc.mqttchannel import MqttChannel
from foreign_rpc.rpcbench import HOST, Device, der, give_identity, until
from ports import free_port
from simchip.presets import fresh_image
from simchip.quirks import Quirks
from simchip.rng import random_source
from simcloud import Cloud
from simcloud.broker import Broker
from simcloud.pki import Authority, Validity, name, pem, private_pem, server_certificate, write_secret

MPREMOTE = Path(sys.executable).with_name("mpremote")
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}
)
Client = Callable[[Device], Mos]
CLIENTS: dict[str, Client] = {
    "serial": lambda device: device.serial(),
    "ws": lambda device: device.ws(),
    "http": lambda device: Mos(device.http()),
}


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param]


@pytest.fixture
def device(board: Callable[..., Device]) -> Device:
    """A board with a chip as Mongoose OS's test configuration wants it, nothing locked, open to everybody."""
    made = board(preset="mos")
    made.open_ws()
    return made


def test_from_a_blank_configuration_to_a_certificate(device: Device, client: Client) -> None:
    """In the order of Mongoose OS's own guide."""
    write_key = os.urandom(32)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    with client(device) as mos:
        before = mos.atca_get_config()
        assert (before[LOCK_VALUE], before[LOCK_CONFIG]) == (UNLOCKED, UNLOCKED)
        mos.atca_set_config(before)
        assert mos.atca_get_config() == before
        mos.atca_lock_zone(0)
        with pytest.raises(GivesUp):
            mos.atca_set_config(before)
        mos.atca_set_key(4, write_key)
        mos.atca_lock_zone(1)
        after = mos.atca_get_config()
        assert (after[LOCK_VALUE], after[LOCK_CONFIG]) == (LOCKED, LOCKED)
        made = mos.atca_gen_key(0)
        assert mos.atca_get_pub_key(0) == made
        assert mos.atca_gen_csr(0, "device-1").subject.rfc4514_string() == "CN=device-1"
        certificate = mos.atca_gen_cert(1, "mos.crt.pem", ca_key)
        assert mos.get("mos.crt.pem") == der(certificate)


def test_a_key_of_ones_own_before_and_after_the_lock(device: Device) -> None:
    write_key = os.urandom(32)
    with device.ws() as mos:
        mos.atca_lock_zone(0)
        mos.atca_set_key(4, write_key)
        for slot, seal in ((0, None), (1, write_key)):
            key = ec.generate_private_key(ec.SECP256R1())
            numbers = key.public_key().public_numbers()
            if seal:
                mos.atca_lock_zone(1)
            mos.atca_set_key(slot, key.private_numbers().private_value.to_bytes(32), seal)
            assert mos.atca_get_pub_key(slot) == numbers.x.to_bytes(32) + numbers.y.to_bytes(32)


def test_another_configuration(board: Callable[..., Device]) -> None:
    """The file that `mos` ships, written to a blank chip."""
    device = board(preset="blank")
    device.open_ws()
    wanted = bytearray(
        fresh_image("mos", random_source(None), blank_data=Quirks().blank_data, locked=False).config
    )
    with device.ws() as mos:
        mos.atca_set_config(bytes(wanted))
        assert mos.atca_get_config()[16:84] == bytes(wanted)[16:84]


@pytest.mark.parametrize("size", [0, 512, 1300])
def test_files_there_and_back(device: Device, client: Client, size: int) -> None:
    content = os.urandom(size)
    with client(device) as mos:
        mos.put("blob.bin", os.urandom(700))
        mos.put("blob.bin", content)
        assert mos.get("blob.bin") == content
        assert "blob.bin" in mos.ls()
        assert mos.ls_l()["blob.bin"] == size
        mos.rm("blob.bin")
        assert "blob.bin" not in mos.ls()
        with pytest.raises(Refused) as refused:
            mos.get("blob.bin")
        assert (refused.value.code, refused.value.kind) == (404, "file")


def test_settings(device: Device, client: Client) -> None:
    with client(device) as mos:
        everything = mos.config_get()
        assert mos.config_get("mqtt") == everything["mqtt"]
        mos.config_set({"device.id": "from-mos", "mqtt.server": "broker.invalid:8883"})
        assert mos.config_get("device.id") == "from-mos"
        assert mos.config_get("mqtt.server") == "broker.invalid:8883"
        with pytest.raises(GivesUp):
            mos.config_set({"no.such.key": 1})
        with pytest.raises(Refused) as refused:
            mos.call("Config.Set", {"config": {"device": {"id": "half"}, "no": {"such": 1}}})
        assert refused.value.kind == "argument"
        assert mos.config_get("device.id") == "from-mos"


def test_settings_that_restart_the_device(device: Device) -> None:
    with device.owner() as owner:
        owner.channel.run("import time; time.sleep(3600)")
    with device.serial() as mos:
        mos.config_set({"device.id": "after-restart", "mqtt.enable": False}, reboot=True)
    # Nobody asks at the prompt: who does that while a device starts may stop it.
    until(lambda: young(device) == "after-restart", "the device has started anew, with its new name")
    with device.serial() as mos:
        assert mos.config_get("mqtt.enable") is False


def test_without_save_there_is_no_restart(device: Device) -> None:
    """`mos config-set --no-save` asks for a restart all the same: what it has set would be gone."""
    with device.serial() as mos:
        mos.config_set({"device.id": "unsaved"}, save=False, reboot=True)
    # A restart comes half a second later, of the device's own time.
    assert device.asks("Config.Get", {"key": "device.id"}) == "unsaved"
    with device.owner() as owner:
        owner.channel.run("import time; time.sleep(2)")
    assert device.asks("Config.Get", {"key": "device.id"}) == "unsaved"


def test_a_network_to_join(device: Device, client: Client) -> None:
    with client(device) as mos:
        assert mos.config_get("wifi.ap.enable") is False
        mos.config_set(
            {"wifi.ap.enable": False, "wifi.sta.ssid": "home 😀", "wifi.sta.pass": "correct horse"}
        )
        assert mos.config_get("wifi.sta") == {"enable": False, "ssid": "home 😀", "pass": "********"}


def young(device: Device) -> str | None:
    """Its name, when it has just started; None before, and while it starts: what is sent then is lost, or the prompt
    echoes it."""
    try:
        with device.serial() as mos:
            info = mos.call("Sys.GetInfo", timeout=2)
    except (Silence, BadReply):
        return None
    return str(info["id"]) if info["uptime"] < 3600 else None


def test_call_with_and_without_parameters(device: Device, client: Client) -> None:
    with client(device) as mos:
        methods = mos.call("RPC.List")
        assert mos.call("RPC.Describe", {"name": methods[0]})["name"] == methods[0]
        with pytest.raises(Refused) as refused:
            mos.call("Sys.NoSuch")
        assert (refused.value.code, refused.value.message) == (404, "No handler for Sys.NoSuch")


def test_the_device_says_everywhere_the_same_of_itself(device: Device) -> None:
    told = []
    for client in CLIENTS.values():
        with client(device) as mos:
            info = mos.call("Sys.GetInfo")
            told.append({name: info[name] for name in ("arch", "mac", "app", "id", "fw_version")})
    assert told == [told[0]] * len(CLIENTS)
    assert re.fullmatch(r"[0-9A-Fa-f]{12}", told[0]["mac"].replace(":", ""))


# --- one port for both worlds


def mpremote(device: Device, *command: str) -> str:
    done = subprocess.run(
        [MPREMOTE, "connect", device.port, *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_alternating_with_mpremote(device: Device) -> None:
    for turn in range(3):
        assert mpremote(device, "resume", "exec", f"print('turn', {turn})") == f"turn {turn}\n"
        with device.serial() as mos:
            mos.put(f"turn-{turn}.txt", b"from mos")
            assert f"turn-{turn}.txt" in mos.ls()


def test_names_at_the_prompt_outlive_a_visit(device: Device) -> None:
    mpremote(device, "resume", "exec", "kept = 42")
    with device.serial() as mos:
        mos.call("RPC.List")
    assert mpremote(device, "resume", "exec", "print(kept)") == "42\n"


def test_ctrl_c_gives_the_prompt_back(device: Device) -> None:
    with device.serial() as mos:
        mos.call("RPC.List")
        line = mos.channel.line
        line.write(b"\x03")
        line.write(b"print(6*7)\r\n")
        heard = bytearray()
        until(
            lambda: heard.extend(line.read(line.in_waiting or 1)) or b"\n42\r\n" in heard,
            f"the REPL: {heard}",
        )
        assert mos.call("RPC.List")


# --- through a broker


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[Broker, Authority]]:
    """A plain one, and the CA of everybody who may connect."""
    ca = Authority.root(name(common_name="Foreign CA"))
    (tmp_path / "ca.pem").write_bytes(pem(ca.certificate))
    server = server_certificate(tmp_path, ca, HOST)
    with Broker(tmp_path, server, tmp_path / "ca.pem", port=free_port()) as broker:
        yield broker, ca


def visitor(directory: Path, ca: Authority) -> tuple[Path, Path]:
    """A certificate and a key for somebody at the broker."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = ca.sign(key.public_key(), name(common_name="visitor"), Validity.days(-1, 10))
    files = directory / "visitor.crt.pem", directory / "visitor.key.pem"
    files[0].write_bytes(pem(certificate))
    write_secret(files[1], private_pem(key))
    return files


def test_through_a_broker(
    board: Callable[..., Device], broker: tuple[Broker, Authority], tmp_path: Path
) -> None:
    running, ca = broker
    device = board(preset="tls", locked=True)
    with device.owner() as owner:
        owner.call("Sys.SetTime", {"time": int(time.time())})
        give_identity(owner, ca, "through-mqtt", HOST, running.port)
        mqtt = {"enable": True, "unsigned": True}
        owner.call("Config.Set", {"config": {"rpc": {"mqtt": mqtt}}})
        owner.call("MQTT.Connect")
    certificate, key = visitor(tmp_path, ca)
    channel = MqttChannel(
        HOST, running.port, "through-mqtt", ca=tmp_path / "ca.pem", certificate=certificate, key=key
    )
    with Mos(channel) as mos:
        assert mos.atca_get_config()[LOCK_CONFIG] == LOCKED
        assert mos.call("Sys.GetInfo")["app"]
        assert len(mos.atca_get_pub_key(0)) == 64
        mos.put("via-mqtt.txt", os.urandom(1300))
        assert mos.ls_l()["via-mqtt.txt"] == 1300
        assert mos.config_get("device.id") is not None
        for method, params in (
            ("Access.Bench", {"on": True}),
            ("ATCA.LockSlot", {"slot": 2}),
            ("ATCA.SetKey", {"slot": 9, "key": ""}),
        ):
            with pytest.raises(Refused) as refused:
                mos.call(method, params)
            assert refused.value.code in (400, 403), refused.value.error
        # Text beyond U+FFFF, in both of JSON's ways to write it: in frames and in messages, there and back.
        for written in (text, lambda frame: json.dumps(frame).encode()):
            channel.send(written(frames.request("RPC.List", src=channel.src, tag="😀 \U0010ffff")))
            assert channel.receive()["tag"] == "😀 \U0010ffff"
        mos.call("MQTT.Subscribe", {"topic": "through-mqtt/😀"})
        for told in ('"😀"', r'"\ud83d\uDE00"'):
            params = f'{{"topic":"through-mqtt/😀","message":{told}}}'.encode()
            channel.send(
                text(frames.request("MQTT.Publish", 7, src=channel.src)).replace(b"7}", params + b"}")
            )
            assert "result" in channel.receive()
            got = mos.call("MQTT.Receive", {"timeout": 5})
            assert (got["topic"], got["message"]) == ("through-mqtt/😀", "😀")
        channel.send(b'{"id":1,"src":"%s","method":"RPC.List","tag":"\\ud83d"}' % channel.src.encode())
        assert channel.receive()["error"]["kind"] == "frame"


# --- the command that makes a thing of it


def left_without_ca(mos: Mos, slot: int) -> None:
    """As `mos aws-iot-setup` leaves it where nobody has put a ca.pem there."""
    certificate = mos.atca_gen_cert(slot, "aws.crt.pem", ec.generate_private_key(ec.SECP256R1()))
    assert certificate
    mos.config_set(
        {
            "mqtt.enable": True,
            "mqtt.server": "broker.invalid:8883",
            "mqtt.ssl_cert": "aws.crt.pem",
            "mqtt.ssl_key": f"ATCA:{slot}",
            "mqtt.ssl_ca_cert": "ca.pem",
            "aws.thing_name": "thing",
        }
    )


def test_a_setup_that_came_to_nothing_is_told_everywhere(board: Callable[..., Device]) -> None:
    device = board(preset="tls", locked=True)
    device.asks("Access.Bench", {"on": True})
    with device.serial() as mos:
        left_without_ca(mos, 0)
    device.bench.board.reset()
    with device.owner() as owner:
        told = owner.call("Identity.Status")
        assert told["active"] is None and told["not_adopted"]["kind"] == "certificate"
        said = told["not_adopted"]["message"]
        assert said.startswith("mqtt.ssl_ca_cert: the file ca.pem can't be read")
        assert owner.call("MQTT.Status")["last_error"]["message"] == said
        found = {one["name"]: one for one in owner.call("Sys.Check")}
        assert not found["identity"]["ok"] and said in found["identity"]["say"]
        with pytest.raises(Refused, match=r"ca\.pem"):
            owner.call("MQTT.Connect")
        line = owner.channel.run(
            "import selfcheck, device; print(selfcheck.line(selfcheck.run(device.chip, device.store)))"
        ).decode()
        assert "look at" in line and said in line
        # Put right, it becomes one at the next start, and nobody complains any more.
        owner.call("FS.Put", {"filename": "ca.pem", "data": b64(certificate_of("CA"))})
    device.bench.board.reset()
    with device.owner() as owner:
        told = owner.call("Identity.Status")
        assert told["active"] == "a" and told["not_adopted"] is None
        assert all(one["ok"] for one in owner.call("Sys.Check") if one["name"] == "identity")
        # With an identity that works it is a remark.
        owner.call("FS.Remove", {"filename": "ca.pem"})
        owner.call("Config.Set", {"config": {"mqtt.ssl_cert": "other.pem"}, "save": True})
    device.bench.board.reset()
    with device.owner() as owner:
        found = {one["name"]: one for one in owner.call("Sys.Check")}
        assert found["identity"]["ok"] and "other.pem can't be read" in found["identity"]["say"]


def certificate_of(common_name: str) -> bytes:
    return der(Authority.root(name(common_name=common_name)).certificate)


def test_aws_iot_setup(board: Callable[..., Device]) -> None:
    device = board(preset="tls", locked=True)
    device.open_ws()
    with Cloud() as cloud:
        iot = boto3.client(
            "iot",
            region_name=cloud.region,
            endpoint_url=cloud.endpoint_url,
            aws_access_key_id=cloud.credentials.access_key_id,
            aws_secret_access_key=cloud.credentials.secret_access_key,
        )
        with device.ws() as mos:
            mos.config_set({"device.id": "mos-thing"})
            ca = cloud.server_root.certificate.public_bytes(Encoding.PEM)
            thing = mos.aws_iot_setup(iot, 0, f"{cloud.broker_host}:{cloud.broker_port}", ca, POLICY)
        device.bench.board.reset()
        with device.serial() as mos:
            mos.call("Sys.SetTime", {"time": int(time.time())})
            until(
                lambda: mos.call("MQTT.Status")["state"] == "connected",
                f"the device is connected to AWS: {[str(d) for d in cloud.decisions]}",
            )
            status = mos.call("Identity.Status")
            assert status["identities"][status["active"]]["name"] == thing
