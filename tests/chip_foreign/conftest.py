"""Microchip's library is installed on demand only (`pip install cryptoauthlib`); without it there is nothing here."""

import importlib.util

if importlib.util.find_spec("cryptoauthlib") is None:
    collect_ignore_glob = ["test_*.py"]
