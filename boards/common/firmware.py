# ruff: noqa: F821 (the functions of manifests come from MicroPython)
# What is frozen into every board, the simulated one included: the project's firmware, and what it takes from PyPI.
import os

FIRMWARE = "../../firmware"

include("umqtt.simple")
package(
    "microdot",
    files=("__init__.py", "microdot.py", "helpers.py", "websocket.py"),
    base_path="$(PARTS_DIR)/microdot/src",
)

for name in sorted(os.listdir(FIRMWARE)):
    path = os.path.join(FIRMWARE, name)
    if name.endswith(".py") and name != "manifest.py":
        module(name, base_path=FIRMWARE)
    elif (
        name != "examples" and os.path.isdir(path) and any(file.endswith(".py") for file in os.listdir(path))
    ):
        package(name, base_path=FIRMWARE)
