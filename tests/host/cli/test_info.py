"""`atecc info`: what there is, and what is next."""

import pytest
from fakedevice import SERIAL, FakeDevice


def test_info(board, run):
    board.identity("sensor-7")
    seen = run(board, "info")
    assert seen.status == 0 and seen.err == ""
    for text in (SERIAL, "ATECC608A", "0x60", "0xc0", "config zone locked", "sensor-7", "atecc mqtt connect"):
        assert text in seen.out


@pytest.mark.parametrize(
    ("locked", "following"),
    [
        ((False, False), "atecc chip lock config"),
        ((True, False), "chip lock data"),
        ((True, True), "provision aws"),
    ],
)
def test_info_says_what_is_next(run, locked, following):
    assert following in run(FakeDevice(*locked), "info").out


def test_info_says_how_long_the_certificate_lasts_and_what_is_next(board, run):
    board.identity("sensor-7", days=400)
    assert "(399 days left)" in run(board, "info").out
    board.mqtt = "connected"
    assert run(board, "info", "--json").json["next"] == [
        "atecc mqtt publish things/sensor-7/hello 'hello, world' --round-trip"
    ]
    board.identity("sensor-7", days=7)
    assert "ends in 6 days" in run(board, "info").out
    board.Wifi_Status = lambda: {"enabled": True, "state": "connected", "ssid": "home", "ip": "192.0.2.7"}
    seen = run(board, "info")
    assert "in home, address 192.0.2.7" in seen.out


def test_info_of_a_chip_that_is_garbled(board, run):
    board.tamper["ATCA.GetInfo"] = lambda result: result | {"serial": "01" * 9}
    seen = run(board, "info", "--json")
    assert seen.status == 4 and seen.json["board"]["board"] == "FAKE" and "garbles" in seen.err


def test_another_chip_is_told_wherever_the_identity_is_shown(online, run):
    online.other_chip = "this identity belongs to chip 01, on the board is another chip, 02"
    for command in (["info"], ["identity", "status"]):
        assert online.other_chip in run(online, *command).out
        assert online.other_chip in str(run(online, *command, "--json").json)
    assert "atecc provision" in run(online, "info").out


def test_a_setup_that_came_to_nothing_is_told_wherever_the_identity_is_shown(board, run):
    board.not_adopted = {
        "code": 422,
        "kind": "certificate",
        "message": "mqtt.ssl_ca_cert: ca.pem can't be read",
    }
    for identity in (False, True):
        if identity:
            board.identity("sensor-1")
        for command in (["info"], ["identity", "status"]):
            seen = run(board, *command)
            assert seen.status == 0
            assert "did not become one: mqtt.ssl_ca_cert: ca.pem can't be read" in " ".join(seen.out.split())
            assert "ca.pem" in str(run(board, *command, "--json").json)
    board.not_adopted = "odd\x1b"
    assert "odd\\x1b" in run(board, "info").out
