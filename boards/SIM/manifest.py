# ruff: noqa: F821 (the functions of manifests come from MicroPython)
# What is frozen into the simulated board: the project's firmware, this board's pins, and what a board's own
# MicroPython brings along.
include("$(MPY_DIR)/extmod/asyncio")
include("../common/firmware.py")

module("board.py")
module("_boot.py", base_path="port")
module("_bare.py", base_path="port")
module("network.py", base_path="port")
