"""Starts the device. As a module of its own, so that whoever imports `device` at the prompt meets the one that runs."""

import device  # noqa: F401
