"""Kept for scripts: what `atecc.x509.authority` has."""

from atecc.x509.authority import LocalCA

__all__ = ["LocalCA"]
