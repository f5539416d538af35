"""SIGTERM, SIGHUP and impatient Ctrl-C, on a process of its own: it cleans up, and nobody sees a traceback."""

import os
import signal
import subprocess
import sys
import threading

import boto3
import pytest
from boardpty import BoardPty
from fakedevice import FakeDevice

ATECC = [sys.executable, "-c", "from atecc.cli import main; main()"]


class Held:
    """A board that does not answer one method until it is told to."""

    def __init__(self, device, method):
        self.asked, self._go = threading.Event(), threading.Event()
        device.tamper[method] = self._wait

    def _wait(self, answer):
        self.asked.set()
        self._go.wait(30)
        return answer

    def strike(self, process, number):
        assert self.asked.wait(60)
        process.send_signal(number)
        self._go.set()


@pytest.fixture
def ended(stand_in, tmp_path):
    """Run `atecc provision aws`; its status, what it said, and the account's certificates. Signals by method."""

    def ended(thing, **signals):
        device = FakeDevice()
        held = {number: Held(device, method.replace("_", ".")) for method, number in signals.items()}
        with BoardPty(device) as board:
            command = ["provision", "aws", "--thing", thing, "--endpoint", "broker.invalid:8883"]
            process = subprocess.Popen(
                [*ATECC, "--port", board.port, *command, "--no-broker-check"],
                stderr=subprocess.PIPE, text=True,
                env={**os.environ, **stand_in.environment(), "XDG_STATE_HOME": str(tmp_path)},
            )  # fmt: skip
            for number, one in held.items():
                one.strike(process, number)
            _, said = process.communicate(timeout=60)
        assert "Traceback" not in said and not device.active, said
        iot = boto3.Session(region_name=stand_in.region).client("iot", **_keys(stand_in))
        return process.returncode, said, iot.list_thing_principals(thingName=thing)["principals"]

    return ended


def _keys(stand_in):
    return {
        "endpoint_url": stand_in.endpoint_url,
        "aws_access_key_id": stand_in.credentials.access_key_id,
        "aws_secret_access_key": stand_in.credentials.secret_access_key,
    }


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_it_cleans_up(ended, tmp_path, number):
    status, said, left = ended(f"thing-{number}", Identity_Try=number)
    assert status == {signal.SIGINT: 130}.get(number, 128 + number), said
    assert "was deactivated and deleted" in said and "was discarded" in said
    assert left == [] and not list(tmp_path.rglob("*.json"))


def test_two_ctrl_c_leave_it_to_the_next_run(ended, tmp_path):
    status, said, left = ended("twice", Identity_Try=signal.SIGINT, Identity_Discard=signal.SIGTERM)
    assert status in (130, 143) and "Interrupted again" in said and "atecc aws sweep" in said
    assert len(left) == 1 and list(tmp_path.rglob("*.json"))
