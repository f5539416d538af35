"""What the pages show is typed as it stands, line by line, at a terminal; what is asked there is answered.

A walk is what somebody types on one board, with what is under some headings of the pages. A name that only an example
has (mqtt.acme.ie, /dev/ttyUSB0) is replaced by one that is there. A line that is in no walk is in ELSEWHERE, with who
runs it, or why nobody can. The first walk starts the real program each time, the others' commands are ready (ready.py).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from bench import benches
from openssl import sh
from pages import ROOT, shown
from ready import Shim
from shell import typed
from simboard import Board
from simboard.tcpport import TcpPort
from simcloud import Cloud
from simrom import FlashBoard
from user import PLAIN

from boards import standin

WRITE_KEY = "00112233445566778899aabbccddeeff" * 2
HARDWARE = "it takes a board, and ESP-IDF: "
ELSEWHERE = {
    "make demo": "tests/e2e/test_demo.py runs the demo",
    "make test": "it is what runs this",
    "make try": "below, for it has a shell of its own",
    "python3 -m venv ~/atecc-tool": "tests/host/test_wheel.py, without a network",
    ". ~/atecc-tool/bin/activate": "so there",
    "pip install ./host": "so there",
    "pip install './host[flash]'": "so there; what it adds is esptool, which is in tests/locked.txt",
    "pip install --require-hashes -r host/locked.txt": "tests/test_locked.py; `make setup` does it so",
    "pip install --no-deps --no-build-isolation ./host": "tests/host/test_wheel.py",
    "pip install --require-hashes -r boards/locked.txt": "tests/test_locked.py",
    "make firmware BOARD=ESP32_GENERIC_C3_ATECC608 MICROPYTHON_DIR=~/micropython IDF_PATH=~/esp-idf": HARDWARE
    + "tests/boards/test_make.py plays it",
    "make flash BOARD=ESP32_GENERIC_C3_ATECC608 PORT=/dev/ttyACM0": HARDWARE + "tests/e2e/test_flash.py",
    "make test-hardware PORT=/dev/ttyACM0 SERIAL=0123a1b2c3d4e5f6ee": "tests/e2e/test_hardware.py",
    "make release MICROPYTHON_DIR=~/micropython IDF_PATH=~/esp-idf": HARDWARE
    + "tests/boards/test_release.py",
    "python3 -m http.server -d build/release": "it serves what make release made",
    "python ~/esp-idf/tools/idf_tools.py install qemu-riscv32": "it is ESP-IDF's",
    "make firmware-test MICROPYTHON_DIR=~/micropython IDF_PATH=~/esp-idf": HARDWARE
    + "tests/boards/test_qemu.py",
    "mpremote mip install github:OWNER/REPOSITORY/firmware/atecc608": "nobody has published it yet",
}


@dataclass
class Place:
    """Where a walk is made: the environment, what stands for which example's name, and what is done before a line that
    has a certain word in it."""

    folder: Path
    environment: dict[str, str]
    names: dict[str, str] = field(default_factory=dict)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)

    def types(self, line: str) -> str:
        for word in [word for word in self.before if word in line]:
            self.before.pop(word)()
        for name, real in self.names.items():
            line = line.replace(name, real)
        status, said = typed(line, self.folder, self.environment)
        assert status == 0, f"{line}\n{said}"
        assert "Traceback" not in said and "PRIVATE KEY" not in said
        return said


Walk = Callable[[Path, ExitStack], Place]
WALKS: dict[str, tuple[Walk, tuple[tuple[str, str], ...]]] = {}


def walk(*places: tuple[str, str]) -> Callable[[Walk], Walk]:
    """Through what is shown in these pages under these headings."""

    def register(function: Walk) -> Walk:
        WALKS[function.__name__] = function, places
        return function

    return register


def place(folder: Path, port: str, **more: str) -> Place:
    (folder / "firmware").symlink_to(ROOT / "firmware")
    environment = PLAIN | {
        "HOME": str(folder),
        "XDG_STATE_HOME": str(folder / "state"),
        "ATECC_PORT": port,
        "PATH": f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        **more,
    }
    return Place(folder, environment)


def at_aws(folder: Path, port: str, stack: ExitStack) -> Place:
    """With a stand-in of its own: everybody's thing is called sensor-1."""
    cloud = stack.enter_context(Cloud(folder / "cloud"))
    made = place(folder, port, **cloud.environment(), ATECC_AWS_SERVER_CA=str(cloud.server_ca_file))
    made.names = {
        "mqtt.acme.ie": cloud.broker_host,
        "--mqtt-ca ca.crt.pem": f"--mqtt-ca {cloud.server_ca_file}",
    }
    return made


@contextmanager
def ready(**options: Any) -> Iterator[Board]:
    """A board whose chip is configured and locked."""
    with Board(chip_options=["--preset", "tls", "--locked", "--virtual-time"], **options) as board:
        yield board


@walk(
    ("README.md", "Your board"),
    ("README.md", "Your own application"),
    ("README.md", "AWS and fleets, renewal"),
)
def from_a_blank_chip(folder: Path, stack: ExitStack) -> Place:
    """In real time: an application's sleep would make a chip's virtual time pass."""
    board = stack.enter_context(Board(chip_options=["--preset", "blank"]))
    return at_aws(folder, board.port, stack)


@walk(("README.md", "Your own CA"))
def with_ones_own_ca(folder: Path, stack: ExitStack) -> Place:
    made = place(folder, stack.enter_context(ready()).port)
    made.before["--broker"] = lambda: made.names.update({"mqtt.example:8883": broker_of(made, stack)})
    return made


def broker_of(made: Place, stack: ExitStack) -> str:
    """What `make broker CA=ca.crt.pem KEY=ca.key.pem` runs: HOST:PORT."""
    broker = stack.enter_context(
        subprocess.Popen(
            [sys.executable, ROOT / "boards/SIM/mybroker.py", "ca.crt.pem", "ca.key.pem"],
            cwd=made.folder,
            env=made.environment | {"PYTHONPATH": str(ROOT / "boards/SIM")},
            stdout=subprocess.PIPE,
            text=True,
        )
    )
    stack.callback(broker.terminate)
    assert broker.stdout
    return broker.stdout.readline().strip()


def own_ca(folder: Path) -> None:
    for one in shown():
        if one.heading == "Your own CA" and one.line.startswith("openssl"):
            sh(one.line, folder)


@walk(("README.md", "From afar"))
def from_afar(folder: Path, stack: ExitStack) -> Place:
    """The board is sensor-1 at AWS already, whose broker is the one of the last line."""
    networks = [{"ssid": "home", "key": "correct horse", "ip": "127.0.0.1"}]
    air = folder / "air.json"
    air.write_text(json.dumps({"scan_ms": 20, "join_ms": 60, "networks": networks}))
    made = at_aws(folder, stack.enter_context(ready(air=air)).port, stack)
    port = stack.enter_context(TcpPort()).number
    made.types(f"atecc config set rpc.wss.port={port} --save; atecc provision aws --thing sensor-1")
    made.names["192.168.1.20"] = f"127.0.0.1:{port}"
    return made


@walk(("host/AWS.md", "AWS IoT: one device, and many"))
def the_page_about_aws(folder: Path, stack: ExitStack) -> Place:
    made = at_aws(folder, stack.enter_context(ready()).port, stack)
    made.types("atecc provision aws --thing sensor-1")
    return made


@walk(("host/AWS.md", "Devices that ask AWS themselves"))
def a_fleet(folder: Path, stack: ExitStack) -> Place:
    return at_aws(folder, stack.enter_context(ready()).port, stack)


@walk(("host/AWS.md", "Renewal by a job"))
def a_rotation(folder: Path, stack: ExitStack) -> Place:
    made = at_aws(folder, stack.enter_context(ready()).port, stack)
    made.types("atecc provision aws --thing sensor-1")
    made.types("atecc aws fleet setup --yes")
    (signer,) = re.findall(r"^```python\n(# sign.py.*?)^```", (ROOT / "host/AWS.md").read_text(), re.M | re.S)
    (folder / "sign.py").write_text(signer)
    iot = boto3.Session(
        aws_access_key_id=made.environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=made.environment["AWS_SECRET_ACCESS_KEY"],
        region_name=made.environment["AWS_DEFAULT_REGION"],
    ).client("iot", endpoint_url=made.environment["AWS_ENDPOINT_URL"])
    iot.create_thing_group(thingGroupName="greenhouse")
    iot.add_thing_to_thing_group(thingGroupName="greenhouse", thingName="sensor-1")
    return made


@walk(("host/CERTIFICATES.md", "By hand"))
def by_hand(folder: Path, stack: ExitStack) -> Place:
    """A chip into which a key may be written; what a CA is made of is on another page."""
    bench = stack.enter_context(benches())(preset="mos")
    write = f"sealed.write(chip, 4, 0, bytes.fromhex('{WRITE_KEY}'))"
    bench.value("1", f"from atecc608 import sealed\nchip.Lock(ZONE_CONFIG)\n{write}\nchip.Lock(ZONE_DATA)\n")
    bench.close()
    made = place(folder, bench.board.port)
    own_ca(folder)
    sh("openssl ecparam -name prime256v1 -genkey -noout -out device.key.pem", folder)
    (folder / "slot4.hex").write_text(WRITE_KEY)
    return made


@walk(("host/CERTIFICATES.md", "Coming from Mongoose OS"))
def with_mos(folder: Path, stack: ExitStack) -> Place:
    made = place(folder, stack.enter_context(ready()).port)
    port = stack.enter_context(TcpPort()).number
    (folder / "pw").write_text("secret")
    mos = f'#!/bin/sh\nPYTHONPATH={ROOT / "tests"} exec {sys.executable} -m foreign_rpc "$@"\n'
    (folder / "mos").write_text(mos)
    (folder / "mos").chmod(0o755)
    made.names = {
        "/dev/ttyUSB0": made.environment["ATECC_PORT"],
        "192.168.1.20": f"127.0.0.1:{port}",
        "websocket on": f"websocket on --http-port {port}",  # 80 is root's
    }
    return made


@walk(("README.md", "On a real board"))
def on_a_board_in_its_loader(folder: Path, stack: ExitStack) -> Place:
    """And, for `atecc install`, another one that runs MicroPython alone."""
    board = stack.enter_context(FlashBoard("esp32c3", chip_options=["--preset", "tls", "--locked"]))
    board.press_reset(boot=True)
    bare = stack.enter_context(Board(bare=True, heap="1m"))
    standin.write(folder / "build/firmware/C3.bin", "esp32c3")
    made = place(folder, bare.port)
    made.names = {"/dev/ttyACM0": board.port}
    return made


@pytest.mark.parametrize("name", WALKS)
def test_what_is_shown_works_as_it_stands(name: str, tmp_path: Path) -> None:
    make, places = WALKS[name]
    lines = [one.line for where in places for one in shown() if (one.page, one.heading) == where]
    assert lines
    with ExitStack() as stack:
        made = make(tmp_path, stack)
        if make is not from_a_blank_chip:
            stack.enter_context(Shim(made.folder, made.environment))
        for line in lines:
            if line not in ELSEWHERE:
                made.types(line)
        assert not made.before, "was done"


def test_completion_is_switched_on_as_it_is_shown() -> None:
    """In bash; zsh and fish may not be here, and get what is theirs."""
    text = (ROOT / "README.md").read_text()
    (line,) = re.findall(r"`(eval .*bash_source.*?)`", text)
    environment = PLAIN | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f"{line}; complete -p atecc"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "-F _atecc_completion atecc" in done.stdout
    for shell, begins in (("zsh", "#compdef atecc"), ("fish", "function _atecc_completion")):
        assert f"_ATECC_COMPLETE={shell}_source atecc" in text
        more = environment | {"_ATECC_COMPLETE": f"{shell}_source"}
        assert subprocess.check_output(["atecc"], env=more, text=True).startswith(begins)


def test_nothing_is_shown_that_nobody_runs() -> None:
    walked = {where for _, places in WALKS.values() for where in places}
    left = {one.line for one in shown() if (one.page, one.heading) not in walked}
    assert left - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) - {one.line for one in shown()} == set(), "what is no longer shown"


def test_a_shell_in_which_everything_is_in_place(tmp_path: Path) -> None:
    """`make try`: what it says is typed in it; but there is no terminal, and so no question."""
    (tmp_path / "pw").write_text("correct horse")
    asks = {"atecc wifi set": f"atecc wifi set home --password-file {tmp_path / 'pw'}"}
    shell = tmp_path / "shell"
    shell.write_text(
        "#!/bin/sh -e\nwhile read -r line; do\n"
        + "".join(f'[ "$line" = "{old}" ] && line="{new}"\n' for old, new in asks.items())
        + '    case "$line" in atecc*) eval "$line" </dev/null; echo "done: $line";; esac\ndone <"$SHOWN"\n'
    )
    shell.chmod(0o755)
    seen = tmp_path / "shown"
    with seen.open("wb") as file:
        done = subprocess.run(
            [sys.executable, ROOT / "boards/SIM/tryout.py"],
            cwd=ROOT,
            env=PLAIN | {"PYTHONPATH": str(ROOT / "boards/SIM"), "SHELL": str(shell), "SHOWN": str(seen)},
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + seen.read_text()
    assert done.stdout.count("done: atecc") > 5 and "celsius" in done.stdout
