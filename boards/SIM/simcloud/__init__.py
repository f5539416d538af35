"""A stand-in for AWS IoT on loopback: its API for boto3, its broker for devices, and its refusals."""

from typing import TYPE_CHECKING, Any

from simcloud.broker import Broker, BrokerError
from simcloud.journal import Decision
from simcloud.pki import Authority, ServerIdentity, server_certificate

if TYPE_CHECKING:
    from simcloud.cloud import Cloud

__all__ = [
    "Authority",
    "Broker",
    "BrokerError",
    "Cloud",
    "Decision",
    "ServerIdentity",
    "server_certificate",
]


def __getattr__(name: str) -> Any:
    """Cloud only when it is asked for: it brings moto along, for which a broker alone needn't wait a second."""
    if name == "Cloud":
        from simcloud.cloud import Cloud

        return Cloud
    raise AttributeError(name)
