"""Puts the firmware into the wheel, so that `atecc install` has it to hand. The rest is pyproject.toml's."""

import shutil
import sys
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

FIRMWARE = Path(__file__).resolve().parents[1] / "firmware"


class WithFirmware(build_py):
    """An editable install needs no copy: there the checkout itself is used."""

    def run(self):
        super().run()
        if self.editable_mode:
            return
        for source in sorted(FIRMWARE.rglob("*.py")):
            target = Path(self.build_lib, "atecc", "firmware", source.relative_to(FIRMWARE))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def elsewhere(folder):
    """What a build leaves behind is not left in the checkout."""
    if "editable_wheel" in sys.argv:
        return {}
    return {"build": {"build_base": folder}, "egg_info": {"egg_base": folder}}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="atecc-build-") as folder:
        setup(cmdclass={"build_py": WithFirmware}, options=elsewhere(folder))
