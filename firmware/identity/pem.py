"""Kept for scripts: what `atecc608.pem` has."""

from atecc608.pem import certificates  # noqa: F401
