"""Makes a virtual environment and installs into it: venv.py DIRECTORY [PIP-ARGUMENT...]

Runs with the system's Python before anything is installed. Debian's python3 comes without ensurepip unless
python3-venv is installed; pip is then taken from Debian's own wheel, which needs no root.
"""

import fcntl
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def make(directory: Path) -> None:
    if importlib.util.find_spec("ensurepip"):
        subprocess.run([sys.executable, "-m", "venv", directory], check=True)
        return
    wheels = directory.parent / "pip"
    subprocess.run(
        [sys.executable, HERE / "debian.py", "binary", "python3-pip-whl", "--into", wheels], check=True
    )
    wheel = next(wheels.glob("usr/share/python-wheels/pip-*.whl"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", directory], check=True)
    environment = {**os.environ, "PYTHONPATH": str(wheel)}
    subprocess.run(
        [directory / "bin/python", "-m", "pip", "install", "-q", "pip"], check=True, env=environment
    )


def install(directory: Path, arguments: list[str]) -> None:
    python = directory / "bin/python"
    if not python.exists():
        make(directory)
    if arguments:
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments], check=True
        )


def main() -> int:
    directory, arguments = Path(sys.argv[1]).absolute(), sys.argv[2:]
    directory.parent.mkdir(parents=True, exist_ok=True)
    try:
        with open(directory.with_name(directory.name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # what is set up side by side is installed one after the other
            install(directory, arguments)
    except subprocess.CalledProcessError as e:
        print(
            f"could not set up {directory.name}: {e.cmd[0]} exited with {e.returncode} (its words are above)",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
