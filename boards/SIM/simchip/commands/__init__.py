"""One function per chip command, under the data sheet's name; importing this package fills the table."""

from simchip.commands import (
    aes,
    counter,
    ecdh,
    gendig,
    genkey,
    info,
    kdf,
    lock,
    mac,
    memory,
    nonce,
    privwrite,
    secureboot,
    selftest,
    sha,
    sign,
    verify,
)
from simchip.commands.table import COMMANDS, Command

__all__ = [
    "COMMANDS",
    "Command",
    "aes",
    "counter",
    "ecdh",
    "gendig",
    "genkey",
    "info",
    "kdf",
    "lock",
    "mac",
    "memory",
    "nonce",
    "privwrite",
    "secureboot",
    "selftest",
    "sha",
    "sign",
    "verify",
]
