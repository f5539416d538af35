# ruff: noqa: F821 (the functions of manifests come from MicroPython)
include("../common/manifest.py")
module("board.py")
module("machine.py")
