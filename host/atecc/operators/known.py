"""devices.json: by which keys each device is known, learned over USB or from a provisioning that was authenticated.

A device's name → the SHA-256 of the SubjectPublicKeyInfo of its keys; and where it was reached last. A person can read
and edit the file.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from atecc import system, whole
from atecc.bounded import read_path
from atecc.errors import ArgumentError, CertificateError
from atecc.x509.points import point_der

_KEY = re.compile(r"[0-9a-f]{64}")

Keys = dict[str, list[str]]
Places = dict[str, str]


def fingerprint(point: bytes) -> str:
    """Of a P-256 key, given as X then Y."""
    return hashlib.sha256(point_der(point)).hexdigest()


class KnownDevices:
    """The file is read when something is asked, and replaced as a whole when something is learned."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        return sorted(self._read()[0])

    def names_of(self, key: str) -> list[str]:
        return [name for name, keys in sorted(self._read()[0].items()) if key in keys]

    def keys_of(self, name: str) -> list[str]:
        return self._read()[0].get(name, [])

    def address_of(self, name: str) -> str | None:
        """Where it was reached last, as --port takes it."""
        return self._read()[1].get(name)

    def learn(self, name: str, keys: Iterable[str], instead: bool = False) -> None:
        """More keys of a device; with `instead` those that it had are forgotten."""

        def change(known: Keys, _: Places) -> None:
            before = [] if instead else known.get(name, [])
            known[name] = [*before, *(key for key in dict.fromkeys(keys) if key not in before)]

        self._change(change)

    def reached(self, name: str, address: str) -> None:
        """It answers at this address."""
        if self.address_of(name) != address:
            self._change(lambda _, places: places.update({name: address}))

    def forget(self, name: str) -> None:
        """The device is a stranger from now on."""

        def change(known: Keys, places: Places) -> None:
            known.pop(name, None)
            places.pop(name, None)

        self._change(change)

    def _change(self, change: Callable[[Keys, Places], None]) -> None:
        with locked(self._path.with_suffix(".lock")):
            known, places = self._read()
            change(known, places)
            document: dict[str, Any] = {"devices": known} | ({"addresses": places} if places else {})
            data = json.dumps(document, indent=2, sort_keys=True).encode() + b"\n"
            whole.write(self._path, data, secret=True, over=True)

    def _read(self) -> tuple[Keys, Places]:
        try:
            document = json.loads(read_path(self._path))
            devices, places = document["devices"], document.get("addresses", {})
            if all(_KEY.fullmatch(key) for keys in devices.values() for key in keys):
                known = {str(name): list(keys) for name, keys in devices.items()}
                return known, {str(name): str(place) for name, place in places.items()}
        except FileNotFoundError:
            return {}, {}
        except OSError as error:
            raise CertificateError(f"{self._path} can't be read: {error.strerror}.") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            pass
        raise CertificateError(
            f"{self._path} is damaged: it should name devices and the SHA-256 of their keys.",
            "Correct it, or move it away and learn each device again: `atecc operator trust` over USB.",
        )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Several boards may be provisioned at once."""
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w")
    except OSError as error:
        raise ArgumentError(f"{path} can't be written: {error.strerror}.") from error
    with file:
        system.lock(file)
        yield
