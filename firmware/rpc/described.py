"""What a reply's `error` says: one table from the exceptions of the lower floors to code and kind."""

from atecc608 import BusError, ChipError, ConfigError, NoChip, OtherPart, StateLost
from folder import flash
from identity.terms import StoreError
from link.clock import ClockError
from link.errors import LinkError

from .errors import RpcError, refused_by_flash

_CODES = {
    "argument": 400,
    "frame": 400,
    "auth": 401,
    "refused": 403,
    "rejected": 403,
    "file": 404,
    "method": 404,
    "busy": 409,
    "state": 409,
    "unlocked": 409,
    "locked": 409,
    "slot": 409,
    "key-in-use": 409,
    "counter": 409,
    "other-chip": 409,
    "certificate": 422,
    "chip": 500,
    "internal": 500,
    "memory": 503,
    "no-files": 503,
    "no-chip": 503,
    "other-part": 503,
    "bus": 503,
    "clock": 503,
    "tls": 503,
    "network": 503,
    "mqtt": 503,
    "closed": 503,
    "client-id": 503,
    "login": 503,
    "topic": 503,
    "timeout": 504,
}


def _kind(error):
    if isinstance(error, (RpcError, StoreError, LinkError, ConfigError, ClockError)):
        return error.kind
    for base, kind in (
        (NoChip, "no-chip"),
        (OtherPart, "other-part"),
        (BusError, "bus"),
        (StateLost, "bus"),
        (ChipError, "chip"),
        (MemoryError, "memory"),
    ):
        if isinstance(error, base):
            return kind
    return "internal"


def describe(error):
    """The `error` object for an exception."""
    if isinstance(error, OSError) and not flash()[0]:
        error = refused_by_flash("")
    kind = _kind(error)
    message = str(error)
    if kind == "internal":
        # The type only: what an unforeseen exception carries may be anything, a key included.
        message = "the firmware has a defect: %s" % type(error).__name__
    if isinstance(error, MemoryError):
        message = "too little memory for this, now: try again when the device does less"
    out = {"code": _CODES[kind], "message": message, "kind": kind}
    if isinstance(error, ChipError):
        out["command"] = error.command
        out["status"] = error.status
    for name in ("stage", "next"):
        if getattr(error, name, None):
            out[name] = getattr(error, name)
    if isinstance(error, StateLost):
        out["message"] += "; it happened again and again: is its supply stable?"
    return out
