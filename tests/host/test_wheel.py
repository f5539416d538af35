"""The package as pip builds and installs it: in an environment of its own, on each Python that is there."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import atecc
import pytest

ROOT = Path(__file__).parents[2]
PYTHONS = [path for path in (shutil.which(f"python3.{minor}") for minor in (11, 12, 13)) if path]
LOOK = "import sys; print(*sys.version_info[:2])"


def runs(*command, **more):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=120, **more
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A checkout, as far as the package needs it."""
    made = tmp_path_factory.mktemp("tree")
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in ("host", "firmware"):
        shutil.copytree(ROOT / name, made / name, ignore=skip)
    return made


@pytest.fixture(scope="module")
def wheel(tree, tmp_path_factory):
    before, into = files(tree), tmp_path_factory.mktemp("wheel")
    runs(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        into,
        tree / "host",
    )
    assert files(tree) == before, "a build leaves nothing in the checkout"
    (made,) = into.iterdir()
    return made


def test_its_name_has_the_version(wheel):
    assert wheel.name == f"atecc-{atecc.__version__}-py3-none-any.whl"


@pytest.mark.parametrize("python", PYTHONS or [sys.executable], ids=lambda path: Path(path).name)
def test_it_works_where_it_is_installed(wheel, tmp_path, python):
    """What it depends on is this environment's; of another version of Python that goes as far as plain Python does."""
    tried = subprocess.run([python, "-c", LOOK], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip("this Python does not start")
    place = tmp_path / "env"
    runs(python, "-m", "venv", "--without-pip", place)
    runs(sys.executable, "-m", "pip", "-q", "--python", place, "install", "--no-deps", "--no-index", wheel)
    site = next(place.glob("lib/python*/site-packages"))
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    for command in ([place / "bin/atecc"], [place / "bin/python", "-m", "atecc"]):
        assert runs(*command, "--version", env=environment, cwd=tmp_path).strip().endswith(atecc.__version__)
    assert "is sound" in runs(
        place / "bin/atecc", "chip", "config", "check", "tls", env=environment, cwd=tmp_path
    )
    where = "import atecc.install.sources as s; print(s.firmware_folder())"
    assert str(site) in runs(place / "bin/python", "-c", where, env=environment, cwd=tmp_path)
