# ruff: noqa: F821 (the functions of manifests come from MicroPython)
# What is frozen into the simulated board: the project's firmware, this board's pins, and what a board's own
# MicroPython brings along.
import os

FIRMWARE = "../../firmware"

include("$(MPY_DIR)/extmod/asyncio")
package("umqtt", base_path="$(PARTS_DIR)/umqtt")
package(
    "microdot",
    files=("__init__.py", "microdot.py", "helpers.py", "websocket.py"),
    base_path="$(PARTS_DIR)/microdot/src",
)

for name in sorted(os.listdir(FIRMWARE)):
    path = os.path.join(FIRMWARE, name)
    if name.endswith(".py") and name != "manifest.py":
        module(name, base_path=FIRMWARE)
    elif os.path.isdir(path) and any(file.endswith(".py") for file in os.listdir(path)):
        package(name, base_path=FIRMWARE)

module("board.py")
module("_boot.py", base_path="port")
module("network.py", base_path="port")
