"""openssl at work, as a user's guide has it."""

import subprocess
from pathlib import Path

EC = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"


def sh(commands: str, folder: Path) -> None:
    """Run shell commands in `folder`; each must succeed."""
    subprocess.run("set -e\n" + commands, shell=True, cwd=folder, check=True, capture_output=True)


def make_ca(folder: Path) -> None:
    """An ordinary CA: ca.key and ca.crt in `folder`."""
    sh(f"openssl req -x509 {EC} -keyout ca.key -subj /CN=ca -days 9 -out ca.crt", folder)
