"""A stand-in for AWS IoT on loopback: its API for boto3, its broker for devices, and its refusals."""

from simcloud.broker import Broker, BrokerError
from simcloud.cloud import Cloud
from simcloud.journal import Decision
from simcloud.pki import Authority, ServerIdentity, server_certificate

__all__ = [
    "Authority",
    "Broker",
    "BrokerError",
    "Cloud",
    "Decision",
    "ServerIdentity",
    "server_certificate",
]
