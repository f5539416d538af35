# ruff: noqa: F821 (the functions of manifests come from MicroPython)
# Frozen into every ESP32 board, beside its board.py. MicroPython's own manifest requires umqtt.simple too: it finds
# the one in this directory first, so that there is only one, whichever micropython-lib comes along.
add_library("atecc", ".", prepend=True)
include("$(PORT_DIR)/boards/manifest.py")
include("firmware.py")
