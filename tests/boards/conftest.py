"""What the tests of the board definitions look at: the boards, and the MicroPython that is at hand."""

import os
import shutil
from pathlib import Path

import pytest
from boards.places import ROOT, Board, esp32_boards


@pytest.fixture(params=[path.name for path in esp32_boards()])
def board(request: pytest.FixtureRequest) -> Board:
    return Board(ROOT / "boards" / request.param)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of boards/ to break, with the firmware next to it."""
    shutil.copytree(ROOT / "boards", tmp_path / "boards", ignore=shutil.ignore_patterns("SIM", "__pycache__"))
    os.symlink(ROOT / "firmware", tmp_path / "firmware")
    return tmp_path
