"""Requests over MQTT on a broker without any rules: an operator's signature counts, and nothing else does."""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from bench import benches
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from foreign_rpc.frames import Refused, Silence, check, request, text
from foreign_rpc.mos import Mos, b64, unb64
from foreign_rpc.mqttchannel import MqttChannel
from foreign_rpc.rpcbench import HOST, Device, der, free_port, give_identity, until
from foreign_rpc.signing import CLIENT, Operator, SignedChannel, opened
from simcloud.broker import Broker
from simcloud.pki import Authority, Validity, name, pem, private_pem, server_certificate, write_secret

NAME = "through-mqtt"
VERIFY = 0x45
SHORT_S = 2.0


@dataclass
class Street:
    """A device that serves signed requests, its broker, at which everybody may do everything, and its operators' CA."""

    device: Device
    broker: Broker
    ca: Authority
    operators: Authority
    folder: Path
    _channels: list[MqttChannel] = field(default_factory=list)

    def channel(self, who: str = "mos-1") -> MqttChannel:
        """Anybody at the broker."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.ca.sign(key.public_key(), name(common_name=who), Validity.days(-1, 10))
        files = self.folder / f"{who}.crt.pem", self.folder / f"{who}.key.pem"
        files[0].write_bytes(pem(certificate))
        write_secret(files[1], private_pem(key))
        made = MqttChannel(
            HOST,
            self.broker.port,
            NAME,
            ca=self.folder / "ca.pem",
            certificate=files[0],
            key=files[1],
            name=who,
        )
        self._channels.append(made)
        return made

    def close(self) -> None:
        while self._channels:
            self._channels.pop().close()

    def operator(self, *args: Any, **options: Any) -> SignedChannel:
        operator = Operator(self.operators, *args, **options)
        return SignedChannel(self.channel(f"op-{os.urandom(4).hex()}"), operator)

    def configure(self, **mqtt: bool) -> None:
        self.device.asks("Config.Set", {"config": {"rpc": {"mqtt": mqtt}}, "save": True})

    def rest(self) -> None:
        """A quiet while, of the device's own time: what is allowed to strangers is so again."""
        with self.device.owner() as owner:
            owner.channel.run("import time; time.sleep(10)")

    def listening(self) -> dict[str, Any]:
        return self.device.asks("Access.Status")["mqtt"]

    @property
    def verifications(self) -> int:
        return self.device.chip.commands.count(VERIFY)


@contextmanager
def on_the_street(folder: Path) -> Iterator[Street]:
    ca, operators = (Authority.root(name(common_name=f"{whose} CA")) for whose in ("Devices", "Operators"))
    (folder / "ca.pem").write_bytes(pem(ca.certificate))
    server = server_certificate(folder, ca, HOST)
    with benches() as make, Broker(folder, server, folder / "ca.pem", port=free_port()) as broker:
        device = Device(make(preset="tls", locked=True))
        street = Street(device, broker, ca, operators, folder)
        with device.owner() as owner:
            owner.call("Sys.SetTime", {"time": int(time.time())})
            give_identity(owner, ca, NAME, HOST, broker.port)
            owner.call("Access.Trust", {"ca": b64(der(operators.certificate))})
            owner.call("Config.Set", {"config": {"rpc": {"mqtt": {"enable": True}}}, "save": True})
            owner.call("MQTT.Connect")
        yield street
        street.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with on_the_street(tmp_path_factory.mktemp("street")) as street:
        yield street


@pytest.fixture
def street(shared: Street) -> Iterator[Street]:
    shared.rest()
    yield shared
    shared.close()


def ask(channel: Any, method: str = "Sys.GetInfo", params: Any = None, **more: Any) -> Any:
    """The result, whatever the channel does with the frame."""
    asked = request(method, params, src=channel.src)
    return check(channel.exchange(asked, **more), asked)


def uptime(channel: Any) -> float:
    """Of the device, as soon as it answers. Not over its cable: there a start can be broken off."""

    def attempt() -> Any:
        try:
            return ask(channel, timeout=SHORT_S)
        except Silence:
            return None

    return float(until(attempt, "the device answers over MQTT")["uptime"])


# Who is let in


def test_an_operator_who_signs(street: Street) -> None:
    with Mos(street.operator()) as mos:
        assert mos.call("Sys.GetInfo")["id"] == NAME
        assert len(mos.atca_get_pub_key(0)) == 64
        mos.put("signed.txt", os.urandom(900))
        assert mos.ls_l()["signed.txt"] == 900
        with pytest.raises(Refused) as refused:
            mos.call("Access.Bench", {"on": True})
        assert refused.value.kind == "refused"
        keys = set(mos.channel.keys)
    assert keys == {unb64(street.device.asks("ATCA.GetPubKey", {"slot": 0})["pubkey"])}


def test_another_computer_with_the_same_key_learns_the_next_number(street: Street) -> None:
    one = street.operator()
    other = SignedChannel(street.channel("other"), Operator(street.operators))
    other.operator.key, other.operator.certificate = one.operator.key, one.operator.certificate
    for _ in range(3):
        ask(one)
    with pytest.raises(Refused) as refused:
        ask(other, counter=1)
    assert (refused.value.code, refused.value.kind) == (409, "counter")
    assert refused.value.error["next"] == one.operator.counter + 1
    assert ask(other)["id"] == ask(one)["id"] == NAME
    assert one.operator.counter == other.operator.counter + 1


def test_numbers_are_of_a_key_and_go_on_after_a_restart(street: Street) -> None:
    one, two = street.operator(), street.operator()
    ask(one)
    one.operator.counter = before = 1000
    ask(one)
    ask(two)
    assert two.operator.counter < before
    street.device.bench.board.reset()
    uptime(two)
    with pytest.raises(Refused) as refused:
        ask(one, counter=before + 2)
    assert before + 2 < refused.value.error["next"] <= before + 1 + 65
    assert ask(one)["id"] == NAME


def test_more_keys_than_a_device_remembers(street: Street) -> None:
    """Of those that are forgotten no number comes twice either: all others begin above."""
    first = street.operator()
    ask(first)
    used = first.operator.counter
    for _ in range(17):
        ask(street.operator())
        street.rest()
    with pytest.raises(Refused) as refused:
        ask(first, counter=used)
    assert refused.value.error["next"] > used
    assert ask(first)["id"] == NAME


STRANGERS: dict[str, Callable[[Street], Operator]] = {
    "of another CA of the same name": lambda s: Operator(Authority.root(name(common_name="Operators CA"))),
    "of another CA": lambda s: Operator(Authority.root(name(common_name="Somebody's CA"))),
    "of the devices' CA": lambda s: Operator(s.ca),
    "without the mark": lambda s: Operator(s.operators, (CLIENT,)),
    "a device of the operators' CA": lambda s: Operator(
        s.operators, (CLIENT, ExtendedKeyUsageOID.SERVER_AUTH)
    ),
    "of no purpose": lambda s: Operator(s.operators, ()),
    "expired": lambda s: Operator(s.operators, validity=Validity.days(-9, -1)),
    "with a key that the chip can't verify": lambda s: Operator(s.operators, curve=ec.SECP384R1()),
    "of an intermediate CA": lambda s: Operator(s.operators.intermediate(name(common_name="Sub"))),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_a_stranger_is_refused(street: Street, who: str) -> None:
    operator = STRANGERS[who](street)
    if isinstance(operator.key.curve, ec.SECP384R1):
        operator.sign = lambda message: bytes(64)  # type: ignore[method-assign]
    with pytest.raises(Refused) as refused:
        ask(
            SignedChannel(street.channel(), operator),
            "Config.Set",
            {"config": {"device.id": "evil"}},
        )
    assert refused.value.kind in ("refused", "certificate")
    assert street.device.asks("Config.Get", {"key": "device.id"}) != "evil"


def changed(payload: bytes, at: int) -> bytes:
    return payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]


def test_what_is_changed_on_the_way_is_refused(street: Street) -> None:
    operator = street.operator()
    ask(operator)
    number = operator.operator.counter + 70
    plain = text(request("Sys.GetInfo", src=operator.channel.src))
    signed, _ = operator.operator.signed(NAME, plain)
    other, _ = operator.operator.signed("another-device", plain)
    payloads = {
        "the frame": changed(signed, len(signed) - 20),
        "another device's": other,
        "another frame": signed[: -len(plain)] + text(request("Sys.Reboot", src=operator.channel.src)),
        "another number": operator.operator.signed(NAME, plain, counter=number)[0].replace(
            b":%d," % number, b":%d," % (number + 1)
        ),
        "another signature": operator.operator.signed(NAME, plain, signature=b64(bytes(64)))[0],
    }
    for what, payload in payloads.items():
        street.rest()
        operator.channel.send(payload)
        reply = json.loads(operator.channel.raw().split(b"\n")[-1])
        assert reply["error"]["kind"] == "refused", (what, reply)


def test_the_reply_is_for_this_request_only(street: Street) -> None:
    operator = street.operator()
    ask(operator)
    told = []
    for _ in range(2):
        plain = text(request("Sys.GetInfo", src=operator.channel.src))
        payload, digest = operator.operator.signed(NAME, plain)
        operator.channel.send(payload)
        told.append((operator.channel.raw(), digest))
    for reply, digest in told:
        opened(reply, digest)
    with pytest.raises(Exception, match="not signed by that key"):
        opened(told[0][0], told[1][1])


# What comes again


def test_a_replay_is_not_run(street: Street) -> None:
    operator = street.operator()
    ask(operator)  # for the numbers
    config = {"config": {"device.id": "one"}}
    plain = text(request("Config.Set", config, src=operator.channel.src))
    payload, digest = operator.operator.signed(NAME, plain)
    operator.channel.send(payload)
    assert "result" in opened(operator.channel.raw(), digest)[0]
    street.device.asks("Config.Set", {"config": {"device.id": "none"}})
    for _ in range(3):
        operator.channel.send(payload)
    with pytest.raises(Silence):  # it comes twice, as anything may with QoS 1
        operator.channel.raw(SHORT_S)
    assert street.device.asks("Config.Get", {"key": "device.id"}) == "none"
    assert ask(operator)["id"] == NAME


def test_a_retained_request_is_not_run_at_the_next_connection(street: Street) -> None:
    operator = street.operator()
    ask(operator)
    plain = text({"method": "Config.Set", "params": {"config": {"device.id": "one"}}})
    payload, _ = operator.operator.signed(NAME, plain)
    operator.channel.send(payload, retain=True)
    until(lambda: street.device.asks("Config.Get", {"key": "device.id"}) == "one", "it is run once")
    street.device.asks("Config.Set", {"config": {"device.id": "none"}})
    street.device.asks("MQTT.Connect")
    assert ask(operator)["id"] == NAME
    assert street.device.asks("Config.Get", {"key": "device.id"}) == "none"
    operator.channel.send(b"", retain=True)


def test_unsigned_requests_are_refused_and_say_why(street: Street) -> None:
    with pytest.raises(Refused, match="that an operator has signed") as refused:
        ask(street.channel())
    assert refused.value.kind == "refused"


def test_retained_requests_are_not_run_where_the_broker_is_believed(street: Street) -> None:
    """Not even there: one retained Sys.Reboot, and the device would never come up again."""
    channel = street.channel()
    street.configure(unsigned=True)
    try:
        assert ask(channel)["id"] == NAME
        before = uptime(channel)
        channel.send(text({"method": "Sys.Reboot", "params": {"delay_ms": 50}}), retain=True)
        until(lambda: uptime(channel) < before, "a request that is sent now is run")
        up = [uptime(channel) for _ in range(6) if not time.sleep(0.3)]
        assert up == sorted(up) and up[-1] > 0
    finally:
        channel.send(b"", retain=True)
        street.configure(unsigned=False)


# What strangers cost


def test_strangers_use_up_what_is_theirs_and_nobody_elses(street: Street) -> None:
    operator = street.operator()
    assert ask(operator)["id"] == NAME
    before = street.verifications
    stranger = Operator(Authority.root(name(common_name="Operators CA")))
    crowd = street.channel("crowd")
    for number in range(60):
        plain = text({"id": number, "src": crowd.src, "method": "Sys.GetInfo"})
        crowd.send(stranger.signed(NAME, plain)[0] if number % 2 else plain)
    assert ask(operator)["id"] == NAME
    # The operator's own, and the certificates of some of the strangers.
    assert street.verifications - before < 12


def test_a_forger_who_has_seen_the_certificate_costs_little_too(street: Street) -> None:
    operator = street.operator()
    assert ask(operator)["id"] == NAME
    before = street.verifications
    crowd = street.channel("forger")
    for number in range(60):
        plain = text({"id": number, "src": crowd.src, "method": "Sys.GetInfo"})
        crowd.send(operator.operator.signed(NAME, plain, signature=b64(os.urandom(64)))[0])
    street.device.asks("Sys.GetInfo")
    assert street.verifications - before < 12


BROKEN = [
    b"atecc-signed-1\n",
    b"atecc-signed-1\n{}\n{}",
    b"atecc-signed-1\n" + b"x" * 5000,
    b"atecc-signed-1\n[1]\n{}",
    b'atecc-signed-1\n{"operator":1,"signature":[],"time":true,"counter":1e99}\n{}',
    b'atecc-signed-1\n{"id":1,"counter":' + b"9" * 2000 + b"}\n{}",
    b"atecc-signed-1\n\xff\xfe\n{}",
    b"atecc-signed-2\n{}\n{}",
]


def test_what_has_no_form_is_left_out(street: Street) -> None:
    channel, operator = street.channel(), street.operator()
    for payload in BROKEN:
        channel.send(payload)
    assert ask(operator)["id"] == NAME
    with pytest.raises(Silence):
        channel.raw(0.5)


@pytest.mark.parametrize(
    "src",
    ["", "elsewhere", "elsewhere/rpc-resp/x", f"{NAME}/rpc-resp/a+b", f"{NAME}/rpc-resp/#", f"{NAME}/rpc-resp/\x01",
     f"{NAME}/rpc-resp/\ud800", f"{NAME}/rpc-resp/\uffff", f"{NAME}/rpc-resp/" + "x" * 300],
)  # fmt: skip
def test_a_place_for_the_reply_that_can_t_be_one(street: Street, src: str) -> None:
    """The broker would hang up on the device for some of them."""
    operator = street.operator()
    since = street.device.asks("MQTT.Status")["since"]
    ask(operator)
    frame = json.dumps({"id": 5, "src": src, "method": "Sys.GetInfo"}).encode()
    payload, _ = operator.operator.signed(NAME, frame, src=json.loads("1") if "\ud800" in src else src)
    operator.channel.send(payload)
    assert ask(operator)["id"] == NAME
    assert street.device.asks("MQTT.Status")["since"] == since


def test_mail_that_nobody_takes_stands_in_no_requests_way(street: Street) -> None:
    operator, crowd = street.operator(), street.channel("sender")
    # What came for other tests; by the cable, for a request comes behind mail that somebody asks for.
    while street.device.asks("MQTT.Receive", {"timeout": 0}):
        pass
    assert ask(operator, "MQTT.Subscribe", {"topic": "to/the/application"})["qos"] == 1
    with street.device.owner() as owner:
        owner.channel.run("from device import link; link._mail._patience = 0  # as 30 s later")
    before = street.device.asks("MQTT.Status")["lost"]
    for number in range(60):
        crowd.send(b"%d" % number, topic="to/the/application")
    assert ask(operator)["id"] == NAME
    assert street.device.asks("MQTT.Status")["lost"] - before == 60 - 16
    took = [ask(operator, "MQTT.Receive", {"timeout": 0})["message"] for _ in range(16)]
    assert took == [str(number) for number in range(44, 60)]
    ask(operator, "MQTT.Unsubscribe", {"topic": "to/the/application"})


# Switched on and off


def test_switched_off_nothing_is_listened_to_and_on_again_it_is(street: Street) -> None:
    operator, other = street.operator(), street.operator()
    assert street.listening() == {"enabled": True, "unsigned": False, "listening": True, "why": None}
    street.configure(enable=False)
    try:
        assert not street.listening()["listening"]
        with pytest.raises(Silence):
            ask(operator, timeout=SHORT_S)
    finally:
        street.configure(enable=True)
    until(lambda: street.listening()["listening"], "it is on")
    assert ask(operator)["id"] == ask(other)["id"] == NAME


def test_only_the_owner_switches_it(street: Street) -> None:
    with Mos(street.operator()) as mos:
        for config in ({"rpc.mqtt.unsigned": True}, {"rpc": {"mqtt": {"enable": False}}}):
            with pytest.raises(Refused, match="only the owner") as refused:
                mos.call("Config.Set", {"config": config})
            assert refused.value.kind == "refused"
        mos.call("Config.Set", {"config": {"rpc": {"mqtt": {"enable": True, "unsigned": False}}}})  # as it is
        assert mos.config_get("rpc.mqtt.unsigned") is False


def test_a_signed_request_has_the_rights_of_its_signers_ca(street: Street) -> None:
    other = Authority.root(name(common_name="Other operators"))
    theirs = street.device.asks("Access.Trust", {"ca": b64(der(other.certificate))})["sha256"]
    mine = {"ca": b64(der(street.operators.certificate))}
    try:
        with Mos(street.operator()) as mos:
            with pytest.raises(Refused):
                mos.call("Access.Forget", {"sha256": theirs})
            street.device.asks("Access.Trust", mine | {"withdraw": True})
            mos.call("Access.Forget", {"sha256": theirs})
        assert theirs not in [ca["sha256"] for ca in street.device.asks("Access.Status")["operators"]]
    finally:
        street.device.asks("Access.Trust", mine | {"withdraw": False})


def test_who_is_no_longer_trusted_is_refused(street: Street) -> None:
    operator = street.operator()
    assert ask(operator)["id"] == NAME
    (ca,) = street.device.asks("Access.Status")["operators"]
    street.device.asks("Access.Forget", {"sha256": ca["sha256"]})
    try:
        # Where the last CA is gone nothing is listened to any more; until the broker knows, it is refused.
        with pytest.raises((Refused, Silence)):
            ask(operator)
        assert "no operator's CA is trusted" in street.listening()["why"]
    finally:
        street.device.asks("Access.Trust", {"ca": b64(der(street.operators.certificate))})
    assert ask(operator)["id"] == NAME
