"""Kept for scripts: what `atecc.provisioning.workflow` has."""

from atecc.provisioning.workflow import Outcome, Provisioning

__all__ = ["Outcome", "Provisioning"]
