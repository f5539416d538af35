"""A configuration from wherever it is written down: our YAML, Mongoose OS's, hex, or a preset's name."""

from __future__ import annotations

import re
from pathlib import Path

from atecc.chip.config import document, mongoose
from atecc.chip.config.document import Configuration
from atecc.chip.config.presets import PRESETS, labels_of, preset
from atecc.chip.config.source import compose
from atecc.chip.config.zone import ConfigZone, parse_hex
from atecc.errors import ArgumentError

BIGGEST = 256 * 1024


def load(name: str) -> Configuration:
    """A file; or, where there is none of that name, a preset."""
    path = Path(name)
    if name in PRESETS and not path.exists():
        return preset(name)
    return loads(_text(path), path.name)


def loads(text: str, file: str) -> Configuration:
    """Hex where there is nothing but hex; else YAML, of Mongoose OS or our own."""
    if not _is_hex(text):
        return _of_yaml(text, file)
    try:
        zone = ConfigZone(parse_hex(text))
    except ArgumentError as error:
        raise ArgumentError(f"{file}: {error.message}", error.hint) from error
    return Configuration(zone, labels_of(zone), source=file)


def _of_yaml(text: str, file: str) -> Configuration:
    whole = compose(text, file)
    if not mongoose.is_mongoose(whole):
        return document.of_document(whole)
    found = mongoose.of_document(whole)
    return Configuration(found.zone, labels_of(found.zone), source=file)


def _is_hex(text: str) -> bool:
    content = "".join(line.split("#", 1)[0] for line in text.splitlines())
    return bool(re.fullmatch(r"(?:0[xX]|[0-9A-Fa-f]|[\s,:])*", content)) and bool(content.strip())


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(BIGGEST + 1)
        if len(data) > BIGGEST:
            raise ArgumentError(f"{path} is far too large for a configuration.")
        return data.decode()
    except OSError as error:
        hint = f"Presets: {', '.join(PRESETS)}." if "." not in path.name else ""
        raise ArgumentError(f"{path} can't be read: {error.strerror}.", hint) from error
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{path} is not a text file.") from error
