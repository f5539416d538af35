"""Which board is meant, and what each that is plugged in shows of itself."""

from types import SimpleNamespace

import pytest
from atecc.errors import ChannelError
from fakedevice import SERIAL, FakeDevice

PORTS = [SimpleNamespace(device=f"/dev/{name}", vid=0x303A) for name in "ABC"]


@pytest.fixture
def two(monkeypatch):
    """Two boards that are plugged in, by their ports, and a third port on which nobody answers."""
    first, second = FakeDevice(), FakeDevice(config_locked=False, data_locked=False)
    second.config[8] ^= 0xFF
    first.identity("sensor-1")
    monkeypatch.setattr("atecc.channels.ports.serial_ports", lambda: PORTS)
    return {"/dev/A": first, "/dev/B": second}


def opening(boards):
    def opened(port, access):
        if port not in boards:
            raise ChannelError(f"{port} is in use by another program.", "Close it.")
        return boards[port]

    return opened


def test_list_has_every_board_with_its_chip_and_state(two, run):
    seen = run(opening(two), "list")
    assert seen.status == 0
    assert seen.out.splitlines() == [
        "port  chip  name  state",
        f"/dev/A  {SERIAL}  sensor-1  MQTT off",
        f"/dev/B  {two['/dev/B'].serial}  atecc-fake  chip not configured",
        "/dev/C  -  -  /dev/C is in use by another program.",
    ]
    assert run(opening(two), "list", "--json").json["boards"][0]["serial"] == SERIAL
    assert len(run(opening(two), "list", "--port", "/dev/A", "--json").json["boards"]) == 1


def test_list_without_a_board(monkeypatch, board, run):
    monkeypatch.setattr("atecc.channels.ports.serial_ports", lambda: [])
    seen = run(board, "list")
    assert seen.status == 0 and seen.out == "" and "No board is plugged in" in seen.err


@pytest.mark.parametrize("spelled", [str, str.upper])
def test_a_board_is_picked_by_its_chip(two, run, spelled):
    second = two["/dev/B"]
    data = run(opening(two), "info", "--json", "--serial", spelled(second.serial)).json
    assert data["chip"]["serial"] == second.serial and two["/dev/A"].closed
    seen = run(opening(two), "info", "--serial", "0123000000000000ee")
    assert seen.status == 3 and f"/dev/A has chip {SERIAL}" in seen.err and "in use" in seen.err
    seen = run(opening(two), "info", "--serial", second.serial, "--port", "/dev/A")
    assert seen.status == 3 and "No board here has chip" in seen.err


def test_atecc_alone_says_where_you_stand(two, monkeypatch, run):
    seen = run(opening(two))
    assert seen.status == 0 and "sensor-1 on /dev/A" in seen.out
    assert "Next: atecc mqtt connect --port /dev/A" in seen.out
    assert "Next: atecc chip config set --port /dev/B" in seen.out
    assert "Next: atecc doctor --port /dev/C" in seen.out
    assert len(run(opening(two), "--json").json["boards"]) == 3
    monkeypatch.setattr("atecc.channels.ports.serial_ports", lambda: [])
    assert "make try" in run(opening(two)).out
