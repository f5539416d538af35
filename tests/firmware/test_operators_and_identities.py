"""What an operator may do with identities from afar, and two who are at it at once; through the dispatcher."""

import base64

import pytest
from callers import Device
from cryptography.hazmat.primitives.asymmetric import ec
from identities import CA, issue

DIGEST = base64.b64encode(b"\x22" * 32).decode()
TEN_MINUTES = 600
BROKER = {"endpoint": "broker.example", "port": 8883}


@pytest.fixture
def device(bench):
    made = Device(bench(preset="tls", locked=True))
    yield made
    made.repl.close()


def b64(hexadecimal):
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


def staged(begun, **where):
    """The parameters of Stage for what was begun: a certificate for its key, by a CA of the test's."""
    point = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), b"\x04" + base64.b64decode(begun["pubkey"])
    )
    what = {"token": begun["token"], "certificate": b64(issue(point)), "ca": [b64(CA)], "name": "n"}
    return what | {"client_id": "n"} | BROKER | where


def as_if_tried(device, begun):
    """A broker's consent."""
    token = begun["token"]
    device.repl.run_in_main(
        f"from device import store; store.mark_tried({token!r}, store.candidate({token!r})[1])"
    )


def renew(device, who="operator", **where):
    """A whole rotation; the slot that it took."""
    begun = getattr(device, who)("Identity.Begin", subject=[])
    getattr(device, who)("Identity.Stage", **staged(begun, **where))
    as_if_tried(device, begun)
    getattr(device, who)("Identity.Commit", token=begun["token"])
    return begun["slot"]


def state(device):
    status = device.operator("Identity.Status")
    return status["identities"][status["idle"]]


# Whose is what was begun.


def test_each_step_wants_the_token(device):
    begun = device.operator("Identity.Begin", subject=[])
    good = staged(begun)
    for who in ("operator", "owner", "other"):
        assert device.refused(who, "Identity.Stage", **good | {"token": "0" * 32}) == "state"
        assert device.refused(who, "Identity.Try", token="0" * 32) == "state"
    device.operator("Identity.Stage", **good)
    as_if_tried(device, begun)
    for who in ("operator", "owner", "other"):
        assert device.refused(who, "Identity.Commit", token="0" * 32) == "state"
        assert device.refused(who, "Identity.Discard", token="0" * 32) == "state"
    assert device.operator("Identity.Commit", token=begun["token"])["active"] == "a"
    assert device.refused("operator", "Identity.Commit", token=begun["token"]) == "state"


def test_somebody_elses_is_left_alone_for_a_while(device):
    begun = device.operator("Identity.Begin", subject=[])
    for who in ("other", "bob"):
        error = device.ask(who, "Identity.Begin", subject=[])["error"]
        assert error["kind"] == "busy" and "begun by somebody else (wss)" in error["message"]
        assert device.refused(who, "Identity.Discard") == "busy"
    assert device.operator("ATCA.GetPubKey", slot=0)["pubkey"] == begun["pubkey"]
    device.repl.run_in_main(f"import time; time.sleep({TEN_MINUTES})")
    assert device.ask("other", "Identity.Begin", subject=[])["result"]["pubkey"] != begun["pubkey"]
    assert device.refused("operator", "Identity.Stage", **staged(begun)) == "state"


def test_a_name_that_another_ca_gives_is_somebody_elses(device):
    """Each operator's CA gives what names it likes."""
    begun = device.ask("bob", "Identity.Begin", subject=[])["result"]
    assert device.refused("namesake", "Identity.Begin", subject=[]) == "busy"
    assert device.refused("namesake", "Identity.Discard") == "busy"
    assert device.ask("bob", "Identity.Begin", subject=[])["result"]["token"] != begun["token"]


@pytest.mark.parametrize("how", ["the same way", "the owner", "bench", "restart", "the token"])
def test_what_was_left_behind_is_no_obstacle(device, how):
    """A tool was killed: whoever may, begins again, and the device is not blocked."""
    first = device.operator("Identity.Begin", subject=[])
    who = {"the same way": "operator", "the owner": "owner"}.get(how, "other")
    if how == "bench":
        device.owner("Access.Bench", on=True)
    if how == "restart":
        device.restart()
    if how == "the token":
        assert device.ask(who, "Identity.Discard", token=first["token"])["result"] == {"identity": "a"}
    second = device.ask(who, "Identity.Begin", subject=[])["result"]
    assert second["token"] != first["token"]
    assert device.refused("operator", "Identity.Stage", **staged(first)) == "state"


@pytest.mark.parametrize("who", ["operator", "owner"])
def test_the_owner_discards_what_is_in_the_way_and_sees_whose_it_is(device, who):
    begun = device.operator("Identity.Begin", subject=[])
    assert state(device)["begun"]["by"] == "wss" and 0 <= state(device)["begun"]["ago"] < 60
    assert "token" not in state(device)["begun"]
    assert device.owner("Identity.Status")["identities"]["a"]["begun"]["token"] == begun["token"]
    device.restart()
    assert state(device)["begun"] == {"by": "wss", "ago": None}
    assert getattr(device, who)("Identity.Discard") == {"identity": "a"}
    assert state(device) == {"state": "empty", "slot": 0}


def test_what_was_tried_is_not_what_was_staged_meanwhile(device):
    begun = device.operator("Identity.Begin", subject=[])
    device.operator("Identity.Stage", **staged(begun))
    token = begun["token"]
    device.repl.run_in_main(f"from device import store; digest = store.candidate({token!r})[1]")
    device.operator("Identity.Stage", **staged(begun, endpoint="broker.nobody.tried"))
    trial = f"try:\n    store.mark_tried({token!r}, digest)\nexcept Exception as e:\n    print(e)"
    assert "what was tried is not what is staged now" in device.repl.run_in_main(trial)
    assert (state(device)["state"], device.refused("operator", "Identity.Commit", token=token)) == (
        "staged",
        "state",
    )


def test_an_operator_is_known_by_his_certificate_on_every_channel(device):
    device.repl.run_in_main(
        "callers['bob elsewhere'] = Caller('mqtt'); callers['bob elsewhere'].subject = 'CN=bob'"
    )
    device.ask("bob", "Identity.Begin", subject=[])
    assert state(device)["begun"]["by"] == "CN=bob"
    assert device.refused("operator", "Identity.Begin", subject=[]) == "busy"
    assert device.ask("bob elsewhere", "Identity.Discard")["result"] == {"identity": "a"}


# What takes the bench permission.


def test_an_operator_makes_nothing_untried_active(device):
    begun = device.operator("Identity.Begin", subject=[])
    device.operator("Identity.Stage", **staged(begun))
    assert device.refused("operator", "Identity.Commit", token=begun["token"], untried=True) == "refused"
    assert device.operator("Identity.Status")["active"] is None
    device.owner("Access.Bench", on=True)
    assert device.operator("Identity.Commit", token=begun["token"], untried=True)["active"] == "a"


def test_a_fleet_renews_for_ever(device):
    assert [renew(device, "owner"), *[renew(device) for _ in range(5)]] == [0, 1] * 3


def test_a_broker_of_ones_own_ends_no_identity(device):
    """Both are proven, but not where the first one was at home: its key stays, and with it the way back."""
    renew(device, "owner")
    key = device.operator("ATCA.GetPubKey", slot=0)["pubkey"]
    renew(device, endpoint="broker.of.mallory")
    for key_is in ("new", "overwrite"):
        error = device.ask("operator", "Identity.Begin", subject=[], key=key_is)["error"]
        assert error["kind"] == "refused" and "previous identity's key" in error["message"]
    begun = device.operator("Identity.Begin", subject=[], key="existing")
    device.operator("Identity.Stage", **staged(begun, endpoint="broker.of.mallory"))
    as_if_tried(device, begun)
    device.operator("Identity.Commit", token=begun["token"])
    renew(device, endpoint="broker.of.mallory")
    assert device.refused("operator", "Identity.Begin", subject=[]) == "refused"
    assert device.operator("ATCA.GetPubKey", slot=0)["pubkey"] == key
    info = device.operator("ATCA.KeyInfo", slot=0)
    assert info["in_use"] == "previous" and "from afar it is not replaced" in info["kept"]
    assert device.owner("ATCA.KeyInfo", slot=0)["kept"] is None


def test_after_a_move_the_renewals_go_on_with_the_key_as_it_is(device):
    renew(device, "owner")
    renew(device, endpoint="another.broker")
    for _ in range(2):
        begun = device.operator("Identity.Begin", subject=[], key="existing")
        device.operator("Identity.Stage", **staged(begun, endpoint="another.broker"))
        as_if_tried(device, begun)
        device.operator("Identity.Commit", token=begun["token"])
        assert begun["slot"] == 0
        assert renew(device, endpoint="another.broker") == 1
    assert device.owner("Identity.Begin", subject=[])["generated"] is True  # the owner may have it replaced


def test_an_identitys_key_signs_nothing_for_an_operator(device):
    assert device.operator("ATCA.GenKey", slot=2)
    assert device.operator("ATCA.Sign", slot=2, digest=DIGEST)["signature"]  # nobody's key yet
    device.operator("Identity.Discard", token=device.operator("Identity.Begin", subject=[])["token"])
    renew(device)
    renew(device)
    device.operator("Identity.Begin", subject=[], key="existing", slot=2)
    for slot in (0, 1, 2):  # of the one before, the active one, and of what was begun
        for method, params in (("ATCA.Sign", {"digest": DIGEST}), ("Identity.Request", {"subject": []})):
            assert device.refused("operator", method, slot=slot, **params) == "refused", (method, slot)
            assert device.owner(method, slot=slot, **params)
    device.owner("Access.Bench", on=True)
    assert device.operator("ATCA.Sign", slot=1, digest=DIGEST)["signature"]


# Adoption.

ALIASES = ("CA.pem", "crt.pem.", "ca.pem ", "Crt.PEM. .", "CRT~1.PEM")  # FAT may take them for the same files
MOS = {"server": "broker.example:8883", "ssl_key": "ATCA:2", "ssl_cert": "crt.pem", "ssl_ca_cert": "ca.pem"}


@pytest.mark.parametrize("key", MOS)
def test_what_is_adopted_is_not_said_from_afar(device, key):
    for config in ({"mqtt": {key: MOS[key]}}, {f"mqtt.{key}": MOS[key]}):
        assert device.refused("operator", "Config.Set", config=config, save=True) == "refused"
    assert device.operator("Config.Get", key=f"mqtt.{key}") == ""
    device.operator("Config.Set", config={"mqtt": {key: ""}}, save=True)  # that is how it is
    device.owner("Config.Set", config={"mqtt": {key: MOS[key]}}, save=True)
    assert device.refused("operator", "Config.Set", config={"mqtt": {key: ""}}) == "refused"
    device.operator("Config.Set", config={"mqtt": {key: MOS[key], "enable": False}})
    device.owner("Access.Bench", on=True)
    device.operator("Config.Set", config={"mqtt": {key: ""}}, save=True)


def test_who_tells_the_time_is_not_said_from_afar(device):
    """Whoever chose that could have everybody's certificate expire at the next start."""
    config = {"sntp": {"server": "time.elsewhere"}}
    for words in ({}, {"save": True}, {"save": True, "try_once": True}):
        assert device.refused("operator", "Config.Set", config=config, **words) == "refused"
    device.owner("Config.Set", config=config)
    assert device.refused("operator", "Config.Save") == "refused"
    device.owner("Access.Bench", on=True)
    device.operator("Config.Set", config={"sntp": {"server": "time.here"}}, save=True)
    assert device.operator("Config.Get", key="sntp.server") == "time.here"


def test_whose_identity_it_will_be_is_not_said_from_afar_either(device):
    device.operator("Config.Set", config={"device": {"id": "one"}, "aws": {"thing_name": "two"}})
    device.owner("Config.Set", config={"mqtt": MOS})
    for config in ({"device": {"id": "three"}}, {"aws": {"thing_name": "four"}}):
        assert device.refused("operator", "Config.Set", config=config) == "refused"
    assert device.refused("operator", "Config.Save") == "refused"  # it would outlast the next start
    device.owner("Config.Save")
    device.operator("Config.Save")


def test_the_files_that_are_adopted_are_not_changed_from_afar(device):
    for name in ("crt.pem", "ca.pem", "other.pem"):
        device.operator("FS.Put", filename=name, data=DIGEST)
    device.owner("Config.Set", config={"mqtt": MOS}, save=True)
    for name in ("crt.pem", "ca.pem"):
        assert device.refused("operator", "FS.Put", filename=name, data=DIGEST, append=True) == "refused"
        assert device.refused("operator", "FS.Remove", filename=name) == "refused"
        device.owner("FS.Put", filename=name, data=DIGEST)
    for name in ALIASES:
        assert device.refused("operator", "FS.Put", filename=name, data=DIGEST) == "refused", name
        assert device.refused("operator", "FS.Remove", filename=name) == "refused", name
    device.operator("FS.Put", filename="other.pem", data=DIGEST, append=True)
    device.operator("FS.Remove", filename="other.pem")
    device.owner("Access.Bench", on=True)
    device.operator("FS.Remove", filename="crt.pem")


def test_an_adopted_key_is_nobodys_to_replace(device):
    key = device.owner("ATCA.GenKey", slot=2)["pubkey"]
    made = staged({"token": "", "pubkey": key})
    for name, what in (("crt.pem", made["certificate"]), ("ca.pem", made["ca"][0])):
        device.owner("FS.Put", filename=name, data=what)
    device.owner("Config.Set", config={"mqtt": MOS | {"enable": False}}, save=True)
    device.restart()
    status = device.operator("Identity.Status")
    assert status["identities"][status["active"]]["slot"] == 2
    renew(device)  # beside it
    for who in ("operator", "owner"):
        assert device.refused(who, "Identity.Begin", subject=[], slot=2) == "key-in-use"
    serial = device.operator("ATCA.GetInfo")["serial"]
    words = {"subject": [], "slot": 2, "key": "overwrite", "serial": serial}
    assert device.refused("operator", "Identity.Begin", **words) == "refused"
    assert device.operator("ATCA.GetPubKey", slot=2)["pubkey"] == key
    assert device.owner("Identity.Begin", **words)["generated"] is True
