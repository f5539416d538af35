"""Options, in process: what is refused, and what is said."""

import socket
from pathlib import Path

import pytest
from simchip import Chip
from simchip.cli import main
from simchip.server import BadAddress, parse_endpoint


@pytest.mark.parametrize(
    "text", ["unix:/tmp/x", "tcp:127.0.0.1:0", "tcp:localhost:1234", "tcp:127.9.9.9:65535"]
)
def test_good_addresses(text: str) -> None:
    assert str(parse_endpoint(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unix:",
        "/tmp/x",
        "tcp:",
        "tcp:127.0.0.1",
        "tcp:127.0.0.1:x",
        "tcp:127.0.0.1:65536",
        "tcp::1",
        "udp:h:1",
        "tcp:0.0.0.0:1",
        "tcp:192.168.1.1:1",
        "tcp:example.com:1",
        "tcp:127.0.0.1:-1",
    ],
)
def test_bad_addresses(text: str) -> None:
    with pytest.raises(BadAddress):
        parse_endpoint(text)


def fails(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(options)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


@pytest.fixture
def listen(tmp_path: Path) -> str:
    return f"unix:{tmp_path / 'socket'}"


def test_listen_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--listen" in fails(capsys)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "nonsense"], "nonsense"),
        (["--seed", "x"], "seed"),
        (["--timing", "fast"], "typical"),
        (["--fault", "nonsense"], "nonsense"),
        (["--state", "/no-such-folder/state"], "/no-such-folder"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_bad_options(capsys: pytest.CaptureFixture[str], listen: str, options: list[str], words: str) -> None:
    assert words in fails(capsys, "--listen", listen, *options)


def test_bad_files(capsys: pytest.CaptureFixture[str], listen: str, tmp_path: Path) -> None:
    bad = tmp_path / "bad"
    bad.write_text("hello")
    assert "line 1" in fails(capsys, "--listen", listen, "--state", str(bad))
    assert "hello" in fails(capsys, "--listen", listen, "--faults", str(bad))
    assert "bad" in fails(capsys, "--listen", f"unix:{bad}")


def test_a_socket_left_behind(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(path))
    assert "left behind" in fails(capsys, "--listen", f"unix:{path}")
    assert path.exists()


def test_nowhere_to_listen(capsys: pytest.CaptureFixture[str]) -> None:
    assert "No such file" in fails(capsys, "--listen", "unix:/no-such-folder/socket")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--preset", "mos"], "ignoring --preset mos"),
        (["--preset", "tls"], ""),
        (["--preset", "tls", "--locked"], "ignoring --locked"),
        ([], ""),
    ],
)
def test_an_existing_state_wins(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], said: str
) -> None:
    state = tmp_path / "state"
    Chip(state=state, preset="tls")
    before = state.read_text()
    errors = fails(capsys, "--listen", "unix:/no-such-folder/socket", "--state", str(state), *options)
    assert said in errors
    assert ("ignoring" in errors) == bool(said)
    assert state.read_text() == before
