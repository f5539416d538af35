"""What strangers cost who may send whatever they like: little, and nobody else anything."""

import json
import os

import pytest
from foreign_rpc.frames import Silence, text
from foreign_rpc.mos import b64
from foreign_rpc.signed.signing import Operator
from foreign_rpc.signed.street import NAME, Street, ask
from simcloud.pki import Authority, name


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
    # Another operator's request comes behind all of that: none of it is left to cost the next test anything.
    assert ask(street.operator())["id"] == NAME
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
