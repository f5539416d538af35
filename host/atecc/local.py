"""Kept for scripts: what `atecc.provisioning.local` has."""

from atecc.provisioning.local import LocalAuthority

__all__ = ["LocalAuthority"]
