"""What to type next: how callers reach a served board."""

import os
import shlex
from pathlib import Path

from simboard.credentials import Credentials
from simboard.served import Served


def lines(served: Served) -> list[str]:
    """For people; a password doesn't stand in them."""
    if served.credentials:
        return _secure(served.address, served.credentials)
    user = served.wanted.user
    return _plain(served.address, user) if user else _open(served.address)


def _open(address: str) -> list[str]:
    return [
        "whoever gets to this computer may call it; for example:",
        f"  atecc info --port {address}",
        f"  mos --port {address}/rpc call Sys.GetInfo",
        f"  curl {_http(address)}/rpc/Sys.GetInfo",
    ]


def _plain(address: str, user: str) -> list[str]:
    named = address.replace("://", f"://{user}@")
    return [
        f"who knows {user}'s password may call it; for example:",
        f"  atecc info --port {named}",
        f"  mos --port {address}/rpc --rpc-creds {user}:PASSWORD call Sys.GetInfo",
        f"  curl --digest --user {user} {_http(address)}/rpc/Sys.GetInfo",
    ]


def _secure(address: str, credentials: Credentials) -> list[str]:
    operator = credentials.operator
    ca, certificate, key = map(_short, (credentials.ca_file, operator.certificate_file, operator.key_file))
    directory = _short(operator.directory)
    return [
        "a caller needs:",
        f"  its certificate and key   {certificate}, {key}",
        f"  the board's certificate   {_short(credentials.device_file)}, or the CA that signed it, {ca}",
        f"  for atecc                 {directory}, where all of this is known",
        "for example:",
        f"  atecc info --port {address} --device {credentials.name} --operator-dir {directory}",
        f"  curl --cacert {ca} --cert {certificate} --key {key} {_http(address)}/rpc/Sys.GetInfo",
    ]


def _http(address: str) -> str:
    """ws://… → http://…, wss://… → https://…"""
    return "http" + address.removeprefix("ws")


def _short(path: Path) -> str:
    """As one would type it here."""
    near = os.path.relpath(path)
    return shlex.quote(str(path) if near.startswith("..") else near)
