"""A board whose flash begins with what is no file system: every command says so, and nothing is called a defect."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from simboard import Board
from user import User

SENTENCE = "no file system"


@pytest.fixture(scope="module")
def user() -> Iterator[User]:
    with Board(stale=True, chip_options=["--preset", "tls", "--locked"]) as board:
        yield User(board.port)


@pytest.fixture(scope="module")
def operator(user: User, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("operator") / "mine"
    user.succeeds("operator", "init", "--dir", directory)
    return directory


def test_micropython_says_so_for_ever(tmp_path) -> None:
    log = tmp_path / "log"
    with log.open("wb") as sink, Board(stale=True, chip=False, log=sink):
        pass
    assert b"The filesystem appears to be corrupted" in log.read_bytes()
    assert b">>> " not in log.read_bytes()


@pytest.mark.parametrize(
    "command",
    [
        ("doctor",),
        ("info",),
        ("fs", "ls"),
        ("fs", "put", __file__, "file.txt"),
        ("config", "set", "mqtt.enable=false", "--save"),
        ("operator", "trust"),
    ],
    ids=lambda command: "-".join(command[:2]),
)
def test_every_command_that_needs_files_says_so(user: User, operator: Path, command: tuple[str, ...]) -> None:
    said = user.types(*command, ATECC_OPERATOR_DIR=str(operator))
    assert said.status == 3, said.err
    assert SENTENCE in said.err.splitlines()[0]
    assert "atecc flash" in said.err
    assert "defect" not in said.err and "reboot" not in said.err


def test_the_doctor_names_the_self_check(user: User) -> None:
    found = user.types("doctor", "--json").json
    assert found["first_failure"] == "self-check"


def test_modules_are_not_installed_there(tmp_path: Path) -> None:
    with Board(stale=True, chip=False, bare=True) as board:
        said = User(board.port).types("install", "--pins", "22,21", "--dry-run")
    assert (said.status, SENTENCE in said.err) == (3, True), said.err


def test_no_key_is_made_that_could_not_be_kept(user: User) -> None:
    said = user.types("rpc", "call", "Identity.Begin", '{"subject": [[["CN", "x"]]]}')
    assert SENTENCE in said.err
    said = user.succeeds("rpc", "call", "ATCA.KeyInfo", '{"slot": 0}')
    assert said.json["valid"] is False
