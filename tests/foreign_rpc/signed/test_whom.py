"""An operator's signature counts, and nothing else does."""

import json
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from foreign_rpc.frames import Refused, request, text
from foreign_rpc.mos import Mos, b64, unb64
from foreign_rpc.signed.signing import CLIENT, Operator, SignedChannel, opened
from foreign_rpc.signed.street import NAME, Street, ask
from simcloud.pki import Authority, Validity, name


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


def test_unsigned_requests_are_refused_and_say_why(street: Street) -> None:
    with pytest.raises(Refused, match="that an operator has signed") as refused:
        ask(street.channel())
    assert refused.value.kind == "refused"


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
