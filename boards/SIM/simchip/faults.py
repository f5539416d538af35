"""Faults on request: bad wiring, bad power, a slow or broken chip. One line each, in a file or as an option.

    nack                           the address of one transfer is not acknowledged
    flip-write bit=9               bit 9 of a write's bytes arrives inverted (0 = first bit on the wire)
    flip-read bit=0                the same for the bytes of a read
    mangle-wake                    the answer after wake is spoilt
    power-cut command=GenKey words=2   supply lost while the command runs, 2 EEPROM words written
    self-test mask=0x04            the self-test of these algorithms fails
    slow factor=3                  commands take so many times as long
    status command=Sign code=0x05  the command does nothing and answers with this status
    lockup command=GenKey          the chip starts the command and is gone until power cycles

Each may add `skip=N` (let N chances pass first) and `count=N` (strike N times; default 1; 0 = for ever).
"""

from dataclasses import dataclass, field
from pathlib import Path

from simchip.status import Status

KINDS: dict[str, dict[str, type]] = {
    "nack": {},
    "flip-write": {"bit": int},
    "flip-read": {"bit": int},
    "mangle-wake": {},
    "power-cut": {"command": str, "words": int},
    "self-test": {"mask": int},
    "slow": {"factor": float},
    "status": {"command": str, "code": int},
    "lockup": {"command": str},
}
COMMON: dict[str, type] = {"skip": int, "count": int}


class BadFault(ValueError):
    """A fault that cannot be understood; the text is for people."""


@dataclass
class Fault:
    kind: str
    values: dict[str, str | int | float] = field(default_factory=dict)
    skip: int = 0
    left: int = 1  # 0 = for ever

    def integer(self, name: str) -> int:
        return int(self.values.get(name, 0))


def _value(name: str, text: str, kind: type) -> str | int | float:
    if kind is str:
        return text
    try:
        return int(text, 0) if kind is int else float(text)
    except ValueError:
        raise BadFault(f"fault: {name}={text} is not a number") from None


def parse_fault(line: str) -> Fault:
    """One line of the module's docstring."""
    kind, *settings = line.split()
    if kind not in KINDS:
        raise BadFault(f"fault: '{kind}' is unknown; known are {', '.join(KINDS)}")
    known = KINDS[kind] | COMMON
    values: dict[str, str | int | float] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in known:
            raise BadFault(f"fault: {kind} takes {', '.join(known)}, not '{name}'")
        values[name] = _value(name, text, known[name])
    if kind == "status" and values.get("code") not in set(Status):
        raise BadFault("fault: status needs code=, one of the chip's status codes")
    return Fault(kind, values, int(values.pop("skip", 0)), int(values.pop("count", 1)))


def parse_faults(text: str) -> list[Fault]:
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [parse_fault(line) for line in lines if line]


class Faults:
    """The faults still to come. A file is read again whenever it changes, and then replaces all others."""

    def __init__(self, faults: list[Fault] | None = None, path: Path | None = None) -> None:
        self.waiting = list(faults or [])
        self._path = path
        self._seen: tuple[int, int] | None = None
        self.reload()

    def add(self, line: str) -> None:
        self.waiting.append(parse_fault(line))

    def reload(self) -> None:
        if self._path is None:
            return
        try:
            stat = self._path.stat()
            if (stat.st_mtime_ns, stat.st_size) != self._seen:
                self._seen = (stat.st_mtime_ns, stat.st_size)
                self.waiting = parse_faults(self._path.read_text())
        except FileNotFoundError:
            return

    def strikes(self, kind: str, command: str = "") -> Fault | None:
        """The fault of this kind whose turn it is, if any; asking counts as one chance."""
        for fault in self.waiting:
            if fault.kind != kind or fault.values.get("command", command) != command:
                continue
            if fault.skip:
                fault.skip -= 1
                return None
            if fault.left == 1:
                self.waiting.remove(fault)
            fault.left = max(fault.left - 1, 0)
            return fault
        return None

    def standing(self, kind: str) -> Fault | None:
        """A fault that is a property of the chip, not an event: it stays."""
        return next((fault for fault in self.waiting if fault.kind == kind), None)
