"""The firmware's modules, changed: all of a sample are frozen into one board, whose program's name chooses."""

import os
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from mutants import tests
from mutants.changes import Change
from mutants.parallel import parallel
from mutants.parts import FIRMWARE, ON_THE_BOARD, ROOT
from simboard.board import Board

NAME = "firmware"
INTO = ROOT / "build" / "mutants"
PROGRAM = INTO / "port" / "micropython"


def modules() -> list[str]:
    """Their paths under firmware/."""
    return list(ON_THE_BOARD)


def source(module: str) -> str:
    return (FIRMWARE / module).read_text()


def _build(sample: list[Change]) -> list[Path]:
    """The programs, one a change."""
    frozen = INTO / "frozen"
    shutil.rmtree(frozen, ignore_errors=True)
    manifest = [f'include("{ROOT}/boards/SIM/manifest.py")']
    for number, change in enumerate(sample):
        file = frozen / f"m{number}" / change.module
        file.parent.mkdir(parents=True)
        file.write_text(change.made(source(change.module)))
        manifest.append(f'package("m{number}", base_path="{frozen}")')
    (INTO / "manifest.py").write_text("\n".join([*manifest, ""]))
    subprocess.run(["make", "-s", "--no-print-directory", "-C", ROOT, "mutants-board"], check=True)
    return [_link(INTO / "programs" / f"m{number}") for number in range(len(sample))]


def _link(name: Path) -> Path:
    name.parent.mkdir(exist_ok=True)
    name.unlink(missing_ok=True)
    os.link(PROGRAM, name)
    return name


def _notice(change: Change, program: Path) -> str | None:
    Board.__init__.__kwdefaults__["program"] = program
    return tests.first(ON_THE_BOARD[change.module])


class Firmware:
    """Who runs the tests of changes on the board."""

    def jobs(self, sample: list[Change]) -> dict[Change, Callable[[], object]]:
        """Their tests have passed without any change."""
        files = sorted({file for change in sample for file in ON_THE_BOARD[change.module]})
        for _, failed in parallel({file: partial(tests.first, [file]) for file in files}):
            if failed:
                raise tests.Unsound(str(failed))
        programs = zip(sample, _build(sample), strict=True)
        return {change: partial(_notice, change, program) for change, program in programs}
