"""One function per chip command, under the data sheet's name; importing this package fills the table."""

from simchip.commands import counter, genkey, info, lock, memory, nonce, selftest, sha, sign, verify
from simchip.commands.table import COMMANDS, Command

__all__ = [
    "COMMANDS",
    "Command",
    "counter",
    "genkey",
    "info",
    "lock",
    "memory",
    "nonce",
    "selftest",
    "sha",
    "sign",
    "verify",
]
