"""Kept for scripts: what `atecc.provisioning.authority` has."""

from atecc.provisioning.authority import Issued, Target, Wish

__all__ = ["Issued", "Target", "Wish"]
