"""Kept for scripts: what `atecc.x509.names` has."""

from atecc.x509.names import parse_subject

__all__ = ["parse_subject"]
