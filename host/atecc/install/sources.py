"""Where the firmware's files come from: a wheel brings them along, a checkout has them beside the tool.

setup.py copies `firmware/` into the wheel. An editable install, as `make setup` makes it, uses the checkout itself, and
so what is in it now. microdot comes from PyPI as the dependency that it is; umqtt.simple, which ESP32's MicroPython has
frozen already, is no package that pip could install.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from atecc.errors import AteccError

LIB = "/lib"
# Run by MicroPython at the start, and so in the root; boot.py is the owner's there.
_MAIN, _BOOT = "main.py", "boot.py"
_EXAMPLES = "examples/"
MICRODOT = ("__init__.py", "microdot.py", "helpers.py", "websocket.py")


def firmware_folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    places = (package / "firmware", package.parents[1] / "firmware")
    for place in places:
        if (place / "device.py").is_file():
            return place
    raise AteccError(
        "The firmware's files are not here: this installation of atecc came without them.",
        "Install it from a clone of the project: `pip install ./host`.",
    )


def module_names(folder: Path) -> list[str]:
    """What is imported: everything but main.py, boot.py and the examples, relative to `folder`."""
    every = (path.relative_to(folder).as_posix() for path in folder.rglob("*.py"))
    return sorted(name for name in every if name not in (_MAIN, _BOOT) and not name.startswith(_EXAMPLES))


def firmware_files() -> dict[str, bytes]:
    """Path on the board → content. main.py comes last: a board that is half done does not start half a device."""
    folder = firmware_folder()
    files = {f"{LIB}/{name}": (folder / name).read_bytes() for name in module_names(folder)}
    return files | _microdot() | {f"/{_MAIN}": (folder / _MAIN).read_bytes()}


def _microdot() -> dict[str, bytes]:
    spec = importlib.util.find_spec("microdot")
    if spec is None or not spec.submodule_search_locations:
        raise AteccError("microdot is not installed beside this tool.", "`pip install microdot` brings it.")
    folder = Path(spec.submodule_search_locations[0])
    return {f"{LIB}/microdot/{name}": (folder / name).read_bytes() for name in MICRODOT}
