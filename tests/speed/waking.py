"""What a sensor takes that wakes, connects, publishes and sleeps again, and where that goes: from reset to PUBACK.

In real time, on a simulated board whose chip takes as long as a real one. There is no Wi-Fi in it: a board here is
always on the network. What an ESP32 computes itself takes it longer than this computer.
"""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import benches
from field import in_the_field
from simchip.clock import RealClock
from speed.cost import TimedChip
from user import User

PROGRAM = """
import atecc, uptime

def main():
    began = uptime.ms()
    atecc.wait_connected(30)
    connected = uptime.ms()
    atecc.publish("awake", "1")
    atecc.flush()
    atecc.publish("times", {"began": began, "connected": connected, "acknowledged": uptime.ms()})
"""


@dataclass(frozen=True)
class Wake:
    """In seconds: what MicroPython takes to start; from then on until the program began, the link was up, the message
    was acknowledged; and what the chip executed in all that."""

    booted: float
    began: float
    connected: float
    acknowledged: float
    chip: float

    @property
    def total(self) -> float:
        return self.booted + self.acknowledged


def measure() -> Wake:
    with TemporaryDirectory() as name, benches() as make:
        chip = TimedChip(preset="tls", locked=True, clock=RealClock())
        bench = make(chip)
        folder = Path(name)
        with in_the_field(User(bench.board.port, bench=bench), folder) as field:
            program = folder / "program.py"
            program.write_text(PROGRAM)
            field.user.succeeds("app", "put", program)
            told: list[dict[str, int]] = []
            ready, heard = threading.Event(), threading.Event()
            client = field.client(
                on_connect=lambda client, *_: client.subscribe("linked/times", 1),
                on_subscribe=lambda *_: ready.set(),
                on_message=lambda _, __, message: (told.append(json.loads(message.payload)), heard.set()),
            )
            assert ready.wait(10)
            heard.clear()
            chip.executed.clear()
            began = time.monotonic()
            bench.board.reset()
            started = time.monotonic()
            assert heard.wait(30)
            client.disconnect()
            client.loop_stop()
            times = told[-1]
            stages = [times[stage] / 1000 for stage in ("began", "connected", "acknowledged")]
            ended = started + stages[-1]
            return Wake(started - began, *stages, sum(took for at, took in chip.executed if at <= ended))


def rows(wake: Wake) -> Iterator[list[str]]:
    yield ["from reset to PUBACK", "s"]
    yield ["altogether", f"{wake.total:.2f}"]
    yield ["- MicroPython starts", f"{wake.booted:.2f}"]
    yield ["- the device is put together", f"{wake.began:.2f}"]
    yield ["- the link comes up: TLS, MQTT", f"{wake.connected - wake.began:.2f}"]
    yield ["- the message, and its acknowledgement", f"{wake.acknowledged - wake.connected:.2f}"]
    yield ["of all that the chip executed commands for", f"{wake.chip:.2f}"]
