"""What can go wrong, as one small tree. The command line turns it into text and an exit status, in one place.

Every error says what happened in `message`, one line, what to do about it in `hint`, and in `notes` what belongs to
it, one by one: what was done about it, or what it is made of.
"""

from __future__ import annotations

from typing import Any

from atecc import visible


class AteccError(Exception):
    """Anything this package reports on purpose."""

    exit_status = 1
    kind = "error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.notes: list[str] = []

    def as_dict(self) -> dict[str, Any]:
        """The same for programs."""
        fields: dict[str, Any] = {"kind": self.kind, "message": self.message, "exit_status": self.exit_status}
        if self.hint:
            fields["hint"] = self.hint
        if self.notes:
            fields["notes"] = list(self.notes)
        return fields


class ArgumentError(AteccError):
    """What the caller asked for makes no sense."""

    exit_status = 2
    kind = "argument"


class OutputError(AteccError):
    """Standard output takes no more: a full disk, or nobody who reads."""

    kind = "output"


class ChannelError(AteccError):
    """No board, no firmware on it, or the way to it failed."""

    exit_status = 3
    kind = "channel"


class ChannelTimeout(ChannelError):
    """The board did not answer in time."""

    kind = "timeout"


class CorruptReply(ChannelError):
    """Bytes were lost or changed on the way: the board may or may not have done what it was asked."""

    kind = "corrupt"


class ConnectionLost(CorruptReply):
    """The way to the board ended between a request and its reply."""

    kind = "connection"


class DamagedRequest(CorruptReply):
    """The request was damaged on its way, and the board did not handle it: it may be sent again."""


class RequestNotRead(DamagedRequest):
    """The board had too little memory to read the request, and did not handle it: in a while it may have more."""


class FirmwareMissing(ChannelError):
    """MicroPython answers, the project's firmware is not on the board."""

    kind = "no-firmware"


class CodeFailed(ChannelError):
    """What was run at the board's prompt ended with an exception; `exception` is its name in MicroPython."""

    kind = "code"

    def __init__(self, said: str) -> None:
        super().__init__(f"The board says: {said}")
        self.exception = said.partition(":")[0]


class ChipError(AteccError):
    """The chip is absent, talks nonsense, or is not what is needed."""

    exit_status = 4
    kind = "chip"


class RefusedError(AteccError):
    """Not done: irreversible and not confirmed, in use, or not in this state."""

    exit_status = 5
    kind = "refused"


class CertificateError(AteccError):
    """A certificate, a request, a CA or its key is not what it must be."""

    exit_status = 6
    kind = "certificate"


class AwsError(AteccError):
    """AWS said no, or could not be asked."""

    exit_status = 7
    kind = "aws"


class NetworkError(AteccError):
    """The network, the TLS handshake or the broker."""

    exit_status = 8
    kind = "network"


class DeviceError(AteccError):
    """The board's firmware answered with an error; `device_kind` is one of firmware/rpc/README.md."""

    def __init__(self, code: int, device_kind: str, message: str, **details: Any) -> None:
        status = details.get("status")
        advice = _STATUS_HINTS.get(status) if device_kind == "chip" and isinstance(status, int) else None
        super().__init__(message, advice or _HINTS.get(device_kind, ""))
        self.code = code
        self.kind = device_kind
        self.command: str | None = details.get("command")
        self.status: int | str | None = details.get("status")
        self.exit_status = _EXIT_STATUS.get(device_kind, 1)

    @classmethod
    def from_reply(cls, error: dict[str, Any]) -> DeviceError:
        """From the `error` of a reply, whatever it is made of."""
        code = error.get("code")
        return cls(
            code if isinstance(code, int) else 500,
            visible.line(str(error.get("kind") or "internal")),
            visible.line(str(error.get("message") or "the board reports an error without a message")),
            command=error.get("command"),
            status=error.get("status"),
        )

    def as_dict(self) -> dict[str, Any]:
        fields = super().as_dict() | {"code": self.code}
        if self.command is not None:
            fields["command"] = self.command
        if self.status is not None:
            fields["status"] = self.status
        return fields


_EXIT_STATUS = {
    "argument": 2,
    "auth": 5,
    "file": 2,
    "chip": 4,
    "no-files": 3,
    "no-chip": 4,
    "other-chip": 4,
    "other-part": 4,
    "bus": 4,
    "slot": 4,
    "refused": 5,
    "state": 5,
    "locked": 5,
    "unlocked": 5,
    "key-in-use": 5,
    "certificate": 6,
    "clock": 8,
    "tls": 8,
    "network": 8,
    "mqtt": 8,
    "closed": 8,
    "login": 8,
    "client-id": 8,
    "topic": 8,
    "rejected": 7,
    "timeout": 8,
}

_HINTS = {
    "file": "`atecc fs ls` shows the files that there are.",
    "busy": "Try again when that is done.",
    "memory": "`atecc reboot` gives the board a fresh start.",
    "method": "`atecc rpc list` shows what this firmware can do; a newer one may be needed.",
    "internal": "That is a defect of the firmware: please report it, with the output of the same command "
    "under -vv.",
    "unlocked": "See what locking means, without doing it: `atecc chip lock config`.",
    "locked": "A locked zone stays as it is for good: `atecc chip config get` shows what it holds.",
    "no-files": "`atecc flash` clears what another firmware left in the flash, and the board makes a file system then.",
    "no-chip": "Check the chip's supply (2.0 to 5.5 V), SDA and SCL, their pull-up resistors, and the "
    "board's pins.",
    "other-part": "This firmware is for the ATECC608: its relatives lack commands that it needs. Is it the chip you "
    "ordered?",
    "other-chip": "With the chip that it belongs to, the identity works again; `atecc provision` gives the device "
    "a new one.",
    "bus": "Something answers, but wrongly: check pull-ups, wire length, and who else is on the I2C bus.",
    "slot": "`atecc chip show` has what each slot may do, and which hold a key; `atecc key generate SLOT` makes one.",
    "key-in-use": "`atecc identity status` shows which identity uses which slot.",
    "clock": "The board needs the time to judge certificates: `atecc provision` sets it, NTP keeps it.",
    "tls": "Is it the right broker, the right --server-ca, and is the board's clock right? "
    "`atecc identity status` shows the dates.",
    "network": "Is the board on the network, and is the broker's name right as seen from the board?",
    "mqtt": "Is it the right broker, and in order? `atecc mqtt status` shows the link.",
    "closed": "Brokers say no in this way: see what its log says, and what its policy allows.",
    "login": "--username NAME and --password-file FILE give the device a user name and a password.",
    "client-id": "--client-id names another one.",
    "rejected": "See what the provisioning template and its hook allow: `atecc aws fleet show`.",
    "topic": "See what the broker's policy (its ACL) allows this device.",
}

# By what the chip answers (data sheet DS20005927A, table 9-3; ATECC608: 0x07 and 0x08).
_STATUS_HINTS = {
    0x03: "The chip knows no such command, or not in this form. `atecc info` shows which chip it is.",
    0x05: "The chip's arithmetic failed, and again when it was asked anew: a supply that sags under load does that, "
    "or a public key that is none. Look at the supply first.",
    0x07: "The chip has failed its own test, and refuses to work until it passes. Take the board's power away for a "
    "moment; if it happens again with a good supply, the chip is broken.",
    0x08: "The chip's random generator has failed its own test. Take the board's power away for a moment; if it "
    "happens again, the chip is broken: it must make no keys.",
    0x0F: "The chip refuses that in the state it is in, by its slots' rules: `atecc chip show` has what each slot may "
    "do.",
}
