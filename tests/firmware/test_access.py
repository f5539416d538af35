"""Who may do what: the owner at the cable, an operator on the network, and what the one permits the other."""

import base64
import json

import pytest
from callers import Device
from openssl import make_ca, sh
from ports import free_port


@pytest.fixture
def device(bench):
    made = Device(bench(preset="tls", locked=True))
    yield made
    made.repl.close()


@pytest.fixture
def blank(bench):
    made = Device(bench(preset="mos"))
    yield made
    made.repl.close()


def b64(hexadecimal):
    return base64.b64encode(bytes.fromhex(hexadecimal)).decode()


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("Access.Trust", {"ca": "MAA="}),
        ("Access.Forget", {"sha256": "0" * 64}),
        ("Access.Bench", {"on": True}),
        ("Access.WebSocket", {"enable": True}),
    ],
)
def test_who_is_let_in_is_the_owners_business(device, method, params):
    assert device.refused("operator", method, **params) == "refused"
    assert device.operator("Access.Status")["bench"]["on"] is False


def test_an_operator_makes_a_key_where_there_is_none_and_never_over_one(device):
    first = device.operator("ATCA.GenKey", slot=0)["pubkey"]
    assert device.refused("operator", "ATCA.GenKey", slot=0) == "refused"
    serial = device.operator("ATCA.GetInfo")["serial"]
    assert device.refused("operator", "ATCA.GenKey", slot=0, serial=serial) == "refused"
    assert device.operator("ATCA.GetPubKey", slot=0)["pubkey"] == first


def test_with_the_bench_permission_a_key_in_use_is_replaced(device):
    first = device.operator("ATCA.GenKey", slot=0)["pubkey"]
    assert device.refused("owner", "ATCA.GenKey", slot=0) == "refused"  # the owner names the chip instead
    device.owner("Access.Bench", on=True)
    assert device.operator("ATCA.GenKey", slot=0)["pubkey"] != first
    assert device.refused("operator", "ATCA.GenKey", slot=0, serial="00" * 9) == "refused"


def test_the_permission_ends_with_its_time(device):
    device.operator("ATCA.GenKey", slot=0)
    told = device.owner("Access.Bench", on=True, seconds=60)["bench"]
    assert told["on"] and not told["kept"] and 30 < told["left"] <= 60
    device.repl.run_in_main("import time; time.sleep(61)")
    assert device.operator("Access.Status")["bench"] == {"on": False, "left": None, "kept": False}
    assert device.refused("operator", "ATCA.GenKey", slot=0) == "refused"


def test_the_permission_ends_with_a_reset_unless_it_is_kept(device):
    device.owner("Access.Bench", on=True)
    device.restart()
    assert device.operator("Access.Status")["bench"]["on"] is False
    device.owner("Access.Bench", on=True, keep=True)
    device.restart()
    assert device.operator("Access.Status")["bench"] == {"on": True, "left": None, "kept": True}
    device.owner("Access.Bench", on=False)
    device.restart()
    assert device.operator("Access.Status")["bench"]["on"] is False


def test_the_network_locks_nothing(blank):
    config = blank.operator("ATCA.GetConfig")["config"]
    info = blank.operator("ATCA.GetInfo")
    assert blank.refused("operator", "ATCA.SetConfig", config=config) == "refused"
    for params in ({"zone": 0}, {"zone": 0, "serial": info["serial"], "crc": 0}):
        assert blank.refused("operator", "ATCA.LockZone", **params) == "refused"
    assert blank.refused("operator", "ATCA.LockSlot", slot=4, serial=info["serial"]) == "refused"
    assert blank.refused("operator", "ATCA.SetKey", slot=0, key=b64("11" * 32), ecc=True) == "refused"
    assert blank.operator("ATCA.GetInfo") == info


def test_on_a_bench_moss_own_form_locks(blank):
    assert blank.refused("owner", "ATCA.LockZone", zone=0) == "refused"
    blank.owner("Access.Bench", on=True)
    assert blank.refused("operator", "ATCA.LockZone", zone=0, crc=1) == "refused"
    blank.operator("ATCA.LockZone", zone=0)
    blank.operator("ATCA.LockZone", zone=1)
    info = blank.operator("ATCA.GetInfo")
    assert (info["config_locked"], info["data_locked"]) == (True, True)
    assert blank.refused("operator", "ATCA.LockZone", zone=0) == "locked"


def test_an_operator_may_not_overwrite_a_key_that_nobody_knows(device):
    device.operator("ATCA.GenKey", slot=0)
    serial = device.operator("ATCA.GetInfo")["serial"]
    words = {"subject": [], "slot": 0, "key": "overwrite", "serial": serial}
    assert device.refused("operator", "Identity.Begin", **words) == "refused"
    assert device.owner("Identity.Begin", **words)["generated"] is True


def test_trusting_and_forgetting(device, tmp_path):
    make_ca(tmp_path)
    sh("openssl x509 -in ca.crt -outform DER -out ca.der", tmp_path)
    der = base64.b64encode((tmp_path / "ca.der").read_bytes()).decode()
    told = device.owner("Access.Trust", ca=der)
    assert told["subject"] == "CN=ca"
    assert device.owner("Access.Trust", ca=der) == told  # twice is once
    device.restart()
    assert device.operator("Access.Status")["operators"] == [told]
    assert device.refused("owner", "Access.Forget", sha256="0" * 64) == "argument"
    device.owner("Access.Forget", sha256=told["sha256"])
    assert device.operator("Access.Status")["operators"] == []
    assert device.refused("owner", "Access.Trust", ca=b64("3000")) == "certificate"


# An operator who may withdraw others


@pytest.fixture
def operators(device, tmp_path):
    """SHA-256 by name of two CAs that are trusted; callers of each are `one` and `two`, and `ws` has a password."""
    found = {}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make_ca(tmp_path / name)
        sh(
            f"openssl req -x509 -key ca.key -subj /CN={name} -days 9 -outform DER -out ca.der",
            tmp_path / name,
        )
        der = base64.b64encode((tmp_path / name / "ca.der").read_bytes()).decode()
        found[name] = device.owner("Access.Trust", ca=der)["sha256"]
        found[f"{name}.der"] = der
        device.repl.run_in_main(f"callers[{name!r}] = Caller('wss', by={found[name]!r})")
    device.repl.run_in_main("callers['ws'] = Caller('ws', by='open'); callers['none'] = Caller('mqtt')")
    return found


def test_only_who_was_given_the_right_withdraws_another(device, operators):
    one, two = operators["one"], operators["two"]
    for caller in ("one", "two", "ws", "none"):
        assert device.refused(caller, "Access.Forget", sha256=two) == "refused"
        assert device.refused(caller, "Access.Forget", sha256="0" * 64) == "refused"
    device.owner("Access.Trust", ca=operators["one.der"], withdraw=True)
    device.owner("Access.Bench", on=True)  # which gives nobody that right
    for caller in ("two", "ws", "none"):
        assert device.refused(caller, "Access.Forget", sha256=one) == "refused"
    assert device.ask("one", "Access.Forget", sha256=two)["result"] is None
    assert [ca["sha256"] for ca in device.operator("Access.Status")["operators"]] == [one]


def test_nobody_withdraws_himself(device, operators):
    device.owner("Access.Trust", ca=operators["one.der"], withdraw=True)
    assert device.refused("one", "Access.Forget", sha256=operators["one"]) == "refused"
    assert len(device.operator("Access.Status")["operators"]) == 2


def test_the_right_stays_until_it_is_taken_back_or_its_ca_is_forgotten(device, operators):
    def rights():
        return [ca["withdraw"] for ca in device.operator("Access.Status")["operators"]]

    der = operators["one.der"]
    assert rights() == [False, False]
    assert device.owner("Access.Trust", ca=der, withdraw=True)["withdraw"] is True
    assert device.owner("Access.Trust", ca=der)["withdraw"] is True
    device.restart()
    assert sorted(rights()) == [False, True]
    assert device.owner("Access.Trust", ca=der, withdraw=False)["withdraw"] is False
    device.owner("Access.Trust", ca=der, withdraw=True)
    device.owner("Access.Forget", sha256=operators["one"])
    assert device.owner("Access.Trust", ca=der)["withdraw"] is False


def test_the_right_is_the_owners_to_give(device, operators):
    device.owner("Access.Trust", ca=operators["one.der"], withdraw=True)
    device.owner("Access.Bench", on=True)
    for caller in ("one", "two"):
        assert device.refused(caller, "Access.Trust", ca=operators["two.der"], withdraw=True) == "refused"


def test_the_passwords_hash_stays_inside(device):
    secret = "5ec7e7" + "0" * 58
    device.owner("Access.WebSocket", enable=True, port=8123, username="u", ha1=secret)
    for method in ("Access.Status", "Config.Get", "FS.List", "Sys.GetInfo"):
        assert secret not in json.dumps(device.ask("owner", method))
    for bad in (
        {"username": "u"},
        {"ha1": secret},
        {"username": "u", "ha1": "x" * 64},
        {"username": "u", "ha1": "00"},
    ):
        assert device.refused("owner", "Access.WebSocket", enable=True, **bad) == "argument"


def test_the_chip_signs_and_encrypts_for_its_callers(device):
    device.operator("ATCA.GenKey", slot=0)
    signature = device.operator("ATCA.Sign", slot=0, digest=b64("22" * 32))["signature"]
    assert len(base64.b64decode(signature)) == 64
    assert device.refused("operator", "ATCA.Sign", slot=0, digest=b64("22" * 31)) == "argument"
    assert device.refused("operator", "ATCA.AES", slot=0, data=b64("00" * 16)) == "chip"


def test_over_mqtt_nobody_switches_mqtt_off(device):
    device.repl.run_in_main("callers['mqtt'] = Caller('mqtt')")
    assert device.refused("mqtt", "MQTT.Disconnect") == "refused"


LISTENS_AGAIN = """
import select
from device import access, web
access.permit(True, 600, False)
access.set_plain(True, {other}, None, None)
server = web.server
real = server.{part}
def fail():
    server.{part} = real
    raise MemoryError("as if there were none")
server.{part} = fail
access.set_plain(True, {port}, None, None)
for _ in range(100):
    if web.status()["ws"]["listening"]:
        print("listens again")
        break
    select.poll().poll(100)
"""


def test_a_server_that_runs_out_of_memory_starts_again(device):
    """Not in a connection, which just ends, but in the loop that carries all of them."""
    told = device.repl.run_in_main(
        LISTENS_AGAIN.format(part="_refresh_all", port=free_port(), other=free_port())
    )
    assert "as if there were none" in told
    assert "listens again" in told


def test_a_server_with_too_little_memory_to_listen_tries_again(device):
    """Whom it serves already, it goes on serving."""
    told = device.repl.run_in_main(
        LISTENS_AGAIN.format(part="_refresh_plain", port=free_port(), other=free_port())
    )
    assert told.strip() == "listens again"


def test_a_server_that_takes_its_time_to_start_is_waited_for(device):
    """As an ESP32's does: whoever asks at once whether it listens hears what is so, and not that it doesn't yet."""
    slow = """
import time
from rpc.web.server import Server
real = Server._refresh_plain
def slowly(self):
    Server._refresh_plain = real
    time.sleep_ms(2500)
    real(self)
Server._refresh_plain = slowly
"""
    device.repl.run_in_main(slow)
    device.owner("Access.Bench", on=True, seconds=600)
    device.owner("Access.WebSocket", enable=True, port=free_port())
    assert device.owner("Access.Status")["ws"]["listening"]


def test_a_device_that_nobody_may_call_keeps_no_memory_for_a_server(device):
    taken = "import esp32\ninfo = esp32.idf_heap_info(esp32.HEAP_DATA)[0]\nprint(info[0] - info[1])"
    assert int(device.repl.run_in_main(taken)) < 1024
    assert device.owner("Access.Status")["wss"]["why"].startswith("this device has no active identity")
    device.owner("Access.Bench", on=True, seconds=600)
    device.owner("Access.WebSocket", enable=True, port=free_port())
    assert device.owner("Access.Status")["ws"]["listening"]
    assert int(device.repl.run_in_main(taken)) > 16 * 1024


LOBBY = """
import uptime
from rpc.web.connection import Lobby, Rooms
class Stranger:
    known = False
    address = "10.0.0.1"
    def __init__(self):
        self.touched = uptime.ms()
    def strange_ms(self):
        return 0
lobby = Lobby(Rooms(6), 3, 6)
def come(most, short):
    lobby._memory_is_short = lambda: short
    lobby.here.clear()
    while len(lobby.here) < most and lobby.has_room():
        lobby.here.append(Stranger())
    return len(lobby.here)
"""


def test_where_memory_is_short_one_stranger_at_a_time_is_let_in(micropython):
    """Three of them would take what an operator needs who renews an identity."""
    assert micropython.value("[come(9, False), come(9, True)]", LOBBY) == [3, 1]
    full = "import gc\nwhile gc.mem_free() > 40_000: filling.append(bytearray(20_000))\n"
    looks = "before = Lobby._memory_is_short()\nfilling = []\n" + full + "short = Lobby._memory_is_short()\n"
    code = LOBBY + looks + "filling.clear()\ngc.collect()\n"
    assert micropython.value("[before, short]", code) == [False, True]
