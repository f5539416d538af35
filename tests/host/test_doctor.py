"""`atecc doctor` with a board in memory: what each layer makes of what the board says, and how it all ends."""

import time

import pytest
from atecc.doctor import network
from boardpty import BoardPty
from fakedevice import FakeDevice

WELL = [
    {"name": name, "ok": True, "say": "fine"}
    for name in ("chip", "bus", "random", "clock", "memory", "files", "parts")
]
WIFI = {"enabled": False, "state": "off", "last_error": None}


class Patient(FakeDevice):
    """Well, and connected; `found` is what its self-check says, `wifi` what it says of Wi-Fi."""

    def __init__(self, **options):
        super().__init__(**options)
        self.identity("sensor-1")
        self.clock = int(time.time())
        self.mqtt = "connected"
        self.found = WELL
        self.wifi = WIFI

    def Sys_Check(self):
        return self.found

    def Wifi_Status(self):
        return self.wifi

    def link_fails(self, kind, stage):
        """The broker can't be reached, for this reason."""
        self.mqtt = "waiting"
        error = {"code": 503, "kind": kind, "message": "this and that"} | ({"stage": stage} if stage else {})
        self.tamper["MQTT.Status"] = lambda status: status | {"last_error": error}


@pytest.fixture
def patient():
    return Patient()


@pytest.fixture
def examine(run):
    def examine(device):
        ran = run(device, "--json", "doctor")
        layers = {one["name"]: one for one in ran.json["layers"]}
        return ran.json["first_failure"], ran.status, layers

    return examine


def test_a_well_board(patient, examine):
    first, status, layers = examine(patient)
    assert (first, status) == (None, 0)
    unchecked = {name for name, one in layers.items() if one["state"] != "ok"}
    assert unchecked == {"REPL", "pins", "pull-ups", "scan", "Wi-Fi"}, "only what takes a prompt, or a radio"
    assert patient.closed


RENEWAL = {"days": 30, "jobs": True, "untold": False, "last_error": None}
REJECTED = {"code": 403, "kind": "rejected", "message": "AWS rejects it: not you (ACCESS_DENIED)"}


@pytest.mark.parametrize(
    ("renewal", "say"),
    [
        (None, "by a host alone: neither aws.jobs nor aws.renew is set"),
        (RENEWAL, "by the device itself, 30 days before it ends and by jobs of AWS IoT"),
        (RENEWAL | {"days": 0}, "by jobs of AWS IoT"),
        (RENEWAL | {"days": 0, "jobs": False, "untold": True}, "AWS has not answered yet"),
        (RENEWAL | {"untold": True}, "by jobs of AWS IoT; AWS has not answered yet"),
    ],
)
def test_what_renews_the_certificate(patient, examine, renewal, say):
    patient.tamper["Identity.Status"] = lambda status: status | {"renewal": renewal}
    first, _, layers = examine(patient)
    assert (first, layers["renewal"]["state"]) == (None, "ok") and say in layers["renewal"]["say"]


def test_a_renewal_that_has_failed(patient, examine, run):
    patient.tamper["Identity.Status"] = lambda status: (
        status | {"renewal": RENEWAL | {"last_error": REJECTED}}
    )
    first, status, layers = examine(patient)
    assert (first, status) == ("renewal", 7)
    assert layers["renewal"]["error"]["message"].endswith(
        "its certificate: AWS rejects it: not you (ACCESS_DENIED)."
    )
    err = run(patient, "doctor").err
    assert "policy atecc-renewal" in err and "`atecc provision aws --thing sensor-1 --renew`" in err
    assert "it has failed: AWS rejects it" in run(patient, "identity", "status").out


def test_nothing_is_changed(patient, examine):
    examine(patient)
    reads = {
        "Sys.GetInfo", "Sys.Check", "ATCA.GetConfig", "ATCA.GetInfo", "ATCA.KeyInfo", "Identity.Status", "MQTT.Status",
        "Wifi.Status",
    }  # fmt: skip
    assert set(patient.calls) <= reads


def test_people_are_told_the_first_failure_and_what_to_do(patient, run):
    patient.found = [{"name": "sign", "ok": False, "say": "it can't"}, *WELL]
    patient.clock = 946684800
    ran = run(patient, "doctor")
    assert ran.status == 3
    assert "Error: The board finds of its sign: it can't." in ran.err
    assert "README" in ran.err
    assert "NTP" not in ran.err, "one thing at a time"
    assert "The board's clock is" in ran.out


@pytest.mark.parametrize(
    ("version", "first"), [("0.1.0", None), ("0.1.7", None), ("0.2.0", "firmware"), ("1.1.0", "firmware")]
)
def test_the_firmwares_release_is_this_tools(patient, examine, version, first):
    patient.tamper["Sys.GetInfo"] = lambda info: info | {"fw_version": version}
    found, status, layers = examine(patient)
    assert (found, status) == (first, 3 if first else 0)
    assert layers["chip"]["state"] == ("not checked" if first else "ok")


def test_an_older_firmware_without_a_self_check(patient, examine):
    patient.faults["Sys.Check"] = {"code": 404, "kind": "method", "message": "No handler for Sys.Check"}
    first, _, layers = examine(patient)
    assert first is None
    assert layers["self-check"]["state"] == "not checked"


def test_little_memory_counts_unless_a_connection_has_it(patient, examine):
    patient.found = [{"name": "memory", "ok": False, "say": "too little"}]
    first, _, layers = examine(patient)
    assert first is None
    assert "a caller over wss:// would be turned away (too little)" in layers["self-check"]["say"]
    patient.mqtt = "off"
    assert examine(patient)[:2] == ("self-check", 3)


def test_readings_that_differ(patient, examine):
    def spoil(result):
        patient.config[40] ^= 1
        return result

    patient.tamper["ATCA.GetConfig"] = spoil
    first, status, layers = examine(patient)
    assert (first, status) == ("CRC", 4)
    assert "they differ" in layers["CRC"]["say"]


def test_transfers_that_were_repeated(patient, examine):
    said = iter([(True, "none"), (False, "3 transfers were damaged"), (False, "5 transfers were damaged")])

    def bus(_):
        ok, say = next(said)
        return [{"name": "bus", "ok": ok, "say": say}]

    patient.tamper["Sys.Check"] = bus
    first, status, layers = examine(patient)
    assert (first, status) == ("CRC", 4)
    assert "2 transfers arrived damaged and were repeated" in layers["CRC"]["say"]


@pytest.mark.parametrize(
    ("locks", "words"),
    [((False, False), "config zone is not locked"), ((True, False), "data zone is not locked")],
)
def test_an_unlocked_chip(examine, locks, words):
    first, status, layers = examine(Patient(config_locked=locks[0], data_locked=locks[1]))
    assert (first, status) == ("configuration", 5)
    assert words in layers["configuration"]["say"]
    assert layers["MQTT"]["state"] == "ok", "the link says itself how it is"


def test_a_chip_that_can_never_sign(patient, examine):
    for slot in range(16):
        patient.config[20 + 2 * slot] &= 0xF0
    assert examine(patient)[:2] == ("configuration", 4)


@pytest.mark.parametrize(
    ("days", "status", "words"),
    [
        (31, 0, "good for another 3"),
        (29.5, 6, "ends in 29 days"),
        (0.5, 6, "ends in 0 days"),
        (-1, 6, "ended on"),
    ],
)
def test_the_end_of_the_certificate(patient, examine, days, status, words):
    patient.records["a"]["not_after"] = int(time.time() + days * 86400)
    first, ended, layers = examine(patient)
    assert (first, ended) == ("identity" if status else None, status)
    assert words in layers["identity"]["say"]
    assert layers["MQTT"]["state"] == "ok"


def test_a_certificate_from_the_future(patient, examine):
    patient.records["a"]["not_before"] = int(time.time()) + 7200
    first, status, layers = examine(patient)
    assert (first, status) == ("identity", 6)
    assert "valid only from" in layers["identity"]["say"]


def test_a_key_that_is_gone(patient, examine):
    patient.keys.clear()
    first, status, layers = examine(patient)
    assert (first, status) == ("identity", 4)
    assert "Was the chip exchanged?" in layers["identity"]["say"]


def test_the_chip_was_exchanged(patient, examine):
    said = "this identity belongs to chip 01, on the board is another chip, 02"
    patient.other_chip = said
    patient.found = [{"name": "identity", "ok": False, "say": said}]
    first, status, layers = examine(patient)
    assert (first, status) == ("identity", 4)
    assert said in layers["identity"]["say"]


def test_a_setup_that_came_to_nothing_is_the_reason_for_no_identity(patient, examine):
    patient.not_adopted = {"code": 422, "kind": "certificate", "message": "ca.pem can't be read"}
    first, _, layers = examine(patient)
    assert first is None and layers["identity"]["say"].endswith("did not become one: ca.pem can't be read")
    patient.active = None
    first, status, layers = examine(patient)
    assert (first, status) == ("identity", 5)
    assert "did not become the device's identity: ca.pem can't be read" in layers["identity"]["say"]


def test_a_link_that_fails_for_another_chip_fails_at_tls():
    assert network.stage_of({"kind": "other-chip"}) == "tls"


def test_an_unfinished_identity_is_mentioned(patient, examine):
    patient.records["b"]["state"] = "staged"
    assert "the other identity is staged" in examine(patient)[2]["identity"]["say"]


@pytest.mark.parametrize(
    ("off", "first", "words"),
    [
        (-30, None, "s behind"),
        (45, None, "ahead of"),
        (300, "clock", "s ahead of"),
        (-90000, "clock", "25 hours behind"),
    ],
)
def test_the_clocks_drift(patient, examine, off, first, words):
    patient.clock += off
    found, status, layers = examine(patient)
    assert (found, status) == (first, 8 if first else 0)
    assert words in layers["clock"]["say"]


# Wi-Fi, and the way to the broker.


def test_wifi_that_is_connected(patient, examine):
    patient.wifi = {"enabled": True, "state": "connected", "ssid": "home", "ip": "10.0.0.7", "rssi": -60}
    assert examine(patient)[2]["Wi-Fi"]["say"] == "in home (-60 dBm), address 10.0.0.7"


def test_wifi_that_is_still_joining_is_waited_for(patient, examine, monkeypatch):
    monkeypatch.setattr(network, "POLL_S", 0.001)
    said = iter(["connecting"] * 3 + ["connected"])
    patient.tamper["Wifi.Status"] = lambda _: {
        "enabled": True,
        "state": next(said),
        "ssid": "home",
        "ip": "10.0.0.7",
    }
    assert examine(patient)[2]["Wi-Fi"]["state"] == "ok"


def test_wifi_that_refuses(patient, examine):
    error = {"code": 503, "kind": "network", "message": "home does not accept the password (Wi-Fi reason 15)"}
    patient.wifi = {"enabled": True, "state": "connecting", "ssid": "home", "last_error": error}
    first, status, layers = examine(patient)
    assert (first, status) == ("Wi-Fi", 8)
    assert "Home does not accept" in layers["Wi-Fi"]["say"]
    assert layers["DNS"] == {"name": "DNS", "state": "not checked", "say": "because of: Wi-Fi"}


@pytest.mark.parametrize(
    ("kind", "stage", "first"),
    [
        ("network", "dns", "DNS"),
        ("network", "tcp", "TCP"),
        ("timeout", "tcp", "TCP"),
        ("timeout", "tls", "TLS"),
        ("timeout", "mqtt", "MQTT"),
        ("tls", "tls", "TLS"),
        ("clock", "tls", "TLS"),
        ("chip", None, "TLS"),
        ("no-chip", None, "TLS"),
        ("mqtt", "mqtt", "MQTT"),
        ("memory", None, "TLS"),
        ("network", ["nonsense"], "MQTT"),
    ],
)
def test_how_far_the_link_came(patient, examine, kind, stage, first):
    patient.link_fails(kind, stage)
    found, _, layers = examine(patient)
    assert found == first
    way = ["DNS", "TCP", "TLS", "MQTT"]
    for name in way:
        wanted = "ok" if way.index(name) < way.index(first) else "failed" if name == first else "not checked"
        assert layers[name]["state"] == wanted


def test_a_link_that_is_off(patient, examine):
    patient.mqtt = "off"
    first, status, layers = examine(patient)
    assert (first, status) == ("MQTT", 8)
    assert {layers[name]["state"] for name in ("DNS", "TCP", "TLS")} == {"not checked"}


def test_no_identity_no_broker(patient, examine):
    patient.active = None
    first, status, layers = examine(patient)
    assert (first, status) == ("identity", 5)
    assert layers["MQTT"]["state"] == "not checked"


def test_something_that_is_no_micropython(call):
    with BoardPty(FakeDevice(), micropython=False) as board:
        ran = call("--json", "--port", board.port, "doctor")
    assert (ran.json["first_failure"], ran.status) == ("REPL", 3)
    assert "No MicroPython answers" in ran.err


def test_whatever_fails_has_a_remedy(run):
    """Also where neither the layer nor the board says one."""
    from atecc.doctor import examine as look
    from atecc.doctor.examine import LAYERS
    from atecc.doctor.patient import Patient as Examined

    for layer in LAYERS:
        assert len(layer.remedy.split()) > 3, layer.name
    silent = Patient()
    for method in ("Sys.Check", "ATCA.GetInfo", "Identity.Status", "MQTT.Status", "Wifi.Status"):
        silent.faults[method] = {"code": 500, "kind": "of a later firmware", "message": "no"}
    failed = [one for one in look(Examined(lambda: silent)) if one.error]
    assert len(failed) > 2 and all(one.error.hint for one in failed)
