"""Who may switch it, and what a signer's CA may and no longer may."""

import pytest
from foreign_rpc.frames import Refused, Silence
from foreign_rpc.mos import Mos, b64
from foreign_rpc.rpcbench import der, until
from foreign_rpc.signed.street import NAME, SHORT_S, Street, ask
from simcloud.pki import Authority, name


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
