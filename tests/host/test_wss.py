"""wss://, against a real TLS and WebSocket server: whom it talks to, and what it says when it can't."""

import hashlib
import json
import os
import signal
import ssl
import subprocess
import sys
import time

import pytest
from atecc.channels import Access, open_channel
from atecc.device import Device
from atecc.errors import CertificateError, ChannelError, ChannelTimeout, ConnectionLost, CorruptReply
from atecc.operators.operator import Names, Operator
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from fakedevice import SERIAL
from ports import free_port
from rpcserver import Listener, RpcServer, device_context
from simcloud.pki import Authority, Validity, name, pem

ATECC = [sys.executable, "-c", "from atecc.cli import main; main()"]


def spki_hash(key):
    return hashlib.sha256(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()


@pytest.fixture
def issuer():
    return Authority.root(name(common_name="whoever"))


@pytest.fixture
def on_the_lan(tmp_path, networked, operator, issuer):
    """on_the_lan(...) makes the server of the board; its key is known here unless that is said."""

    def make(known=True, clients=operator, **options):
        key = networked.keys[0]
        if known:
            operator.devices.learn("sensor-1", [spki_hash(key)])
        context = device_context(tmp_path, issuer, key, clients.ca_file.read_text(), **options)
        return RpcServer(networked, "wss", context)

    return make


def test_commands_work_over_it_with_a_device_whose_certificate_is_expired(on_the_lan, call):
    with on_the_lan() as server:
        seen = call("--port", server.url, "info", "--json")
        assert seen.status == 0, seen.err
        assert seen.json["chip"]["serial"] == SERIAL
        assert call("--port", f"{server.url}/rpc", "--device", "sensor-1", "mqtt", "status").status == 0


def test_one_connection_carries_many_requests(on_the_lan):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        for _ in range(3):
            assert device.chip_info().serial == SERIAL
        assert server.connections == 1


def test_an_unknown_key_is_refused_before_anything_is_sent(on_the_lan, call, networked):
    with on_the_lan(known=False) as server:
        seen = call("--port", server.url, "info")
        fingerprint = spki_hash(networked.keys[0])
        assert seen.status == 6 and fingerprint in seen.err and "atecc operator trust" in seen.err
        assert server.frames == [] and server.connections == 0
        assert call("--port", server.url, "--device-key", fingerprint.upper(), "info").status == 0
        assert call("--port", server.url, "--device-key", "00" * 32, "info").status == 6


def test_nothing_is_accepted_on_first_use(on_the_lan, call, operator):
    with on_the_lan(known=False) as server:
        assert call("--port", server.url, "info").status == call("--port", server.url, "info").status == 6
    assert not operator.devices.names()


def test_another_known_device_is_not_the_one_that_is_wanted(on_the_lan, call, operator):
    operator.devices.learn("sensor-2", ["ab" * 32])
    with on_the_lan() as server:
        seen = call("--port", server.url, "--device", "sensor-2", "info")
        assert seen.status == 6 and "is sensor-1, not sensor-2" in seen.err and server.frames == []
        seen = call("--port", server.url, "--device", "sensor-3", "info")
        assert seen.status == 6 and "Known: sensor-1, sensor-2" in seen.err and server.connections == 0


OTHER = "ab" * 32


@pytest.mark.parametrize(
    ("device", "key", "accepted"),
    [
        (None, "its", True),
        (None, OTHER, False),  # though the device is known
        ("sensor-1", "its", True),
        ("sensor-1", OTHER, False),
        ("sensor-2", "its", False),  # though the key is the one that answers
        ("sensor-2", OTHER, False),
        ("sensor-9", OTHER, False),
        ("sensor-9", "its", False),  # it is sensor-1's
    ],
)
def test_a_name_and_a_key_have_to_be_true_both(on_the_lan, call, operator, networked, device, key, accepted):
    operator.devices.learn("sensor-2", [OTHER])
    named = ["--device", device] if device else []
    with on_the_lan() as server:
        options = [*named, "--device-key", spki_hash(networked.keys[0]) if key == "its" else key]
        assert call("--port", server.url, *options, "info").status == (0 if accepted else 6)
        assert bool(server.frames) == accepted


def test_where_a_device_was_reached_is_noted(on_the_lan, call, operator):
    with on_the_lan() as server:
        assert operator.devices.address_of("sensor-1") is None
        assert call("--port", server.url, "info").status == 0
        assert operator.devices.address_of("sensor-1") == server.url


@pytest.mark.parametrize("highest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_device_that_does_not_trust_the_operator(on_the_lan, call, tmp_path, highest):
    stranger = Operator(tmp_path / "stranger")
    stranger.make(Names("mallory"))
    with on_the_lan(clients=stranger, highest=highest) as server:
        seen = call("-vv", "--port", server.url, "info")
    assert seen.status == 6 and "does not accept this operator's certificate" in seen.err
    assert "atecc operator trust" in seen.err and server.frames == []


def test_tls_below_1_2_is_not_spoken(on_the_lan):
    with on_the_lan() as server:
        with pytest.warns(DeprecationWarning):
            server.context.minimum_version = ssl.TLSVersion.TLSv1
            server.context.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((CertificateError, ChannelError)):
            Device(open_channel(server.url)).info()
        assert server.frames == []


def test_without_an_operator_it_says_how_to_make_one(call):
    seen = call("--port", "wss://127.0.0.1:1", "info")
    assert seen.status == 6 and "There is no operator in" in seen.err and "atecc operator init" in seen.err


@pytest.mark.parametrize(
    ("since", "until_day", "said"), [(-30, -1, "expired on"), (2, 9, "is not valid before")]
)
def test_an_operators_certificate_out_of_its_time_is_said_before_connecting(
    on_the_lan, call, operator, since, until_day, said
):
    key = load_pem_private_key(operator.key_file.read_bytes(), None)
    authority = Authority(load_pem_private_key(operator.ca_key_file.read_bytes(), None), operator.ca())
    certificate = authority.sign(key.public_key(), name(common_name="alice"), Validity.days(since, until_day))
    operator.certificate_file.write_bytes(pem(certificate))
    with on_the_lan() as server:
        seen = call("--port", server.url, "info")
        assert seen.status == 6 and said in seen.err and server.connections == 0


def test_a_key_that_is_not_the_certificates(on_the_lan, call, operator, tmp_path):
    other = Operator(tmp_path / "other")
    other.make(Names("bob"))
    operator.key_file.write_bytes(other.key_file.read_bytes())
    seen = call("--port", "wss://127.0.0.1:1", "info")
    assert seen.status == 6 and "is not the key of" in seen.err


def test_a_damaged_list_of_devices(call, operator):
    (operator.directory / "devices.json").write_text('{"devices": {"sensor-1": ["short"]}}')
    seen = call("--port", "wss://127.0.0.1:1", "--device", "sensor-1", "info")
    assert seen.status == 6 and "devices.json is damaged" in seen.err


# Trouble on the way


def test_nothing_listens(call, operator):
    seen = call("--port", f"wss://127.0.0.1:{free_port()}", "info")
    assert seen.status == 3 and "nothing listens on its port" in seen.err and "operator list" in seen.err


def test_a_name_that_nobody_knows(call, operator):
    seen = call("--port", "wss://device.invalid", "info")
    assert seen.status == 3 and "No network name device.invalid is known" in seen.err


def test_what_listens_does_not_speak_tls(call, operator):
    with Listener(lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n")) as other:
        seen = call("--port", f"wss://127.0.0.1:{other.port}", "info")
    assert seen.status == 3 and "does not speak TLS" in seen.err


def test_a_handshake_that_is_broken_off(call, operator):
    with Listener(lambda connection: connection.recv(1)) as other:
        seen = call("--port", f"wss://127.0.0.1:{other.port}", "info")
    assert seen.status == 3 and "broke the TLS handshake off" in seen.err


def test_a_handshake_that_never_ends(call, operator, monkeypatch):
    monkeypatch.setattr("atecc.channels.pinned.HANDSHAKE_TIMEOUT", 0.2)
    with Listener(lambda connection: connection.recv(65536) and connection.recv(1)) as other:
        seen = call("--port", f"wss://127.0.0.1:{other.port}", "info")
    assert seen.status == 3 and "did not finish the TLS handshake" in seen.err


def silence(connection, frame, reply):
    return None


def test_no_answer_in_time(on_the_lan):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        server.misbehave = [silence]
        with pytest.raises(ChannelTimeout, match="did not answer within"):
            device.call("Sys.GetInfo", timeout=0.3)
        assert device.info().board == "FAKE"
        assert server.connections == 2, "what comes late must not be taken for the next answer"


def close(connection, frame, reply):
    connection.close()


def cut(connection, frame, reply):
    connection.socket.shutdown(2)


@pytest.mark.parametrize("fault", [close, cut])
def test_a_read_is_repeated_when_the_connection_breaks_in_the_middle(on_the_lan, fault):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        server.misbehave = [fault, fault]
        assert device.chip_info().serial == SERIAL
        assert len(server.frames) == 3


@pytest.mark.parametrize("fault", [close, cut])
def test_a_change_is_not(on_the_lan, fault):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        server.misbehave = [fault]
        with pytest.raises(ConnectionLost, match="closed the connection before it answered") as caught:
            device.set_time(1)
        assert len(server.frames) == 1 and "not known" in caught.value.hint


def test_a_connection_that_was_closed_while_idle_is_made_anew_for_changes_too(on_the_lan):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        device.info()
        server.hang_up()
        until(lambda: device._client._channel._connection.state.name == "CLOSED")
        device.set_time(1)
        assert server.connections == 2 and len(server.frames) == 2


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def another_id(connection, frame, reply):
    return json.dumps(json.loads(reply) | {"id": 999})


def garbage(connection, frame, reply):
    return "\0 no JSON"


@pytest.mark.parametrize(("fault", "said"), [(another_id, "another request"), (garbage, "not JSON")])
def test_replies_that_make_no_sense(on_the_lan, fault, said):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        server.misbehave = [fault]
        assert device.info().board == "FAKE"
        server.misbehave = [fault] * 3
        with pytest.raises(CorruptReply, match=said):
            device.info()
        server.misbehave = [fault]
        with pytest.raises(CorruptReply, match=said):
            device.set_time(1)


def test_a_reply_too_large_for_sense(on_the_lan):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        server.misbehave = [lambda *_: "x" * (1 << 20) + "x"] * 3
        with pytest.raises(ConnectionLost):
            device.info()


def test_binary_messages_are_as_good(on_the_lan):
    with on_the_lan() as server, Device(open_channel(server.url)) as device:
        server.misbehave = [lambda connection, frame, reply: reply.encode()]
        assert device.info().board == "FAKE"


@pytest.mark.parametrize("method", ["trust", "bench", "web_socket"])
def test_what_works_over_usb_only_is_said_so(on_the_lan, method):
    arguments = {"trust": (b"0",), "bench": (True,), "web_socket": (True,)}[method]
    with on_the_lan() as server, Device(open_channel(server.url), remote=True) as device:
        with pytest.raises(Exception, match="works over USB only") as caught:
            getattr(device, method)(*arguments)
        assert caught.value.exit_status == 5 and "plug the board in" in caught.value.hint


def test_what_needs_the_bench_permission_is_said_so(on_the_lan, call, networked):
    with on_the_lan() as server:
        seen = call("--port", server.url, "chip", "lock", "slot", "0", "--yes-lock", SERIAL)
        assert seen.status == 5 and "needs the bench permission" in seen.err and "atecc bench on" in seen.err
        seen = call("--port", server.url, "bench", "on")
        assert seen.status == 5 and "plug the board in" in seen.err


def test_ctrl_c(on_the_lan, operator):
    with on_the_lan() as server:
        server.misbehave = [silence]
        environment = os.environ | {"ATECC_OPERATOR_DIR": str(operator.directory)}
        process = subprocess.Popen(
            [*ATECC, "--port", server.url, "info"], stderr=subprocess.PIPE, text=True, env=environment
        )
        until(lambda: server.frames)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Interrupted" in err and "Traceback" not in err


def test_provisioning_over_it_makes_the_new_key_known(on_the_lan, call, operator, ca, wish, networked):
    with on_the_lan() as server:
        seen = call("--port", server.url, "provision", "ca", *ca.options, *wish)
    assert seen.status == 0, seen.err
    slot = networked.records[networked.active]["slot"]
    assert slot == 1 and spki_hash(networked.keys[1]) in operator.devices.keys_of("sensor-1")


def test_the_library_takes_everything_as_arguments(on_the_lan, operator, networked):
    access = Access(operator=operator.directory, device="sensor-1", device_key=spki_hash(networked.keys[0]))
    with on_the_lan(known=False) as server, Device(open_channel(server.url, access)) as device:
        assert device.info().board == "FAKE"
