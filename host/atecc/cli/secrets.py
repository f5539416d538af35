"""Passwords: from a file, or typed; never from the command line itself, where other users would see them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from atecc.errors import CertificateError

if TYPE_CHECKING:
    from atecc.cli.app import App


def password(app: App, path: Path | None, option: str) -> Callable[[str], bytes]:
    """How a key's password is asked for."""
    from atecc.x509.keyfile import read_file

    if path is not None:
        known = read_file(path, "the password").rstrip(b"\r\n")
        return lambda _: known
    if app.can_ask:
        return app.ask_password

    def nobody(question: str) -> bytes:
        raise CertificateError(
            f"{question} is needed, and nobody can be asked here.", f"{option} FILE holds it."
        )

    return nobody
