"""Writes what `mpremote mip install` takes, for all of the firmware and for its driver alone: `make mip`, after a
module has come or gone."""

import json
from pathlib import Path

from atecc.install.sources import MICRODOT, module_names

ROOT = Path(__file__).resolve().parents[1]
FIRMWARE = ROOT / "firmware"
DRIVER = "atecc608"
MICRODOT_AT = "https://raw.githubusercontent.com/miguelgrinberg/microdot/v{version}/src/microdot/{name}"


def pinned(name: str) -> str:
    """The version of it that the boards have, and the tests."""
    return (ROOT / f"boards/SIM/{name}.txt").read_text().partition("==")[2].split()[0]


def package() -> str:
    urls = [[name, name] for name in module_names(FIRMWARE)]
    urls += [
        [f"microdot/{name}", MICRODOT_AT.format(version=pinned("microdot"), name=name)] for name in MICRODOT
    ]
    return _text(urls, [["umqtt.simple", pinned("umqtt")]])


def driver() -> str:
    """The driver alone, which needs nothing else."""
    own = [name for name in module_names(FIRMWARE) if name.startswith(DRIVER + "/")]
    return _text([[name, name.removeprefix(DRIVER + "/")] for name in own])


def _text(urls: list[list[str]], deps: list[list[str]] | None = None) -> str:
    about: dict[str, str] = {}
    exec((FIRMWARE / "version.py").read_text(), about)  # noqa: S102
    rows = ",\n".join(f"    {json.dumps(row)}" for row in urls)
    head = f'  "version": "{about["VERSION"]}",\n' + (f'  "deps": {json.dumps(deps)},\n' if deps else "")
    return "{\n" + head + '  "urls": [\n' + rows + "\n  ]\n}\n"


if __name__ == "__main__":
    (FIRMWARE / "package.json").write_text(package())
    (FIRMWARE / DRIVER / "package.json").write_text(driver())
