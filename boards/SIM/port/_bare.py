# A board with nothing but MicroPython: what an ESP32's own firmware brings along stays, the project's is hidden.
import asyncio  # noqa: F401
import sys

import network  # noqa: F401
import umqtt.simple  # noqa: F401

sys.path.remove(".frozen")
