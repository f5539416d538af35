"""The EEPROM: three zones, written word by word, for a power cut to fall in between (DS508 §2.1)."""

from collections.abc import Callable
from dataclasses import dataclass, field

from simchip.config import SLOT_SIZES

WORD = 4
OTP_SIZE = 64
CONFIG_SIZE = 128


@dataclass
class Image:
    """Every byte that outlives the power."""

    config: bytearray
    otp: bytearray = field(default_factory=lambda: bytearray(b"\xff" * OTP_SIZE))
    slots: list[bytearray] = field(
        default_factory=lambda: [bytearray(b"\xff" * size) for size in SLOT_SIZES],
    )


@dataclass(frozen=True)
class Change:
    area: bytearray
    offset: int
    old: bytes
    new: bytes


class Eeprom:
    """Writes show at once and last from `commit` on, the end of a command; `tear` is a power cut."""

    def __init__(self, image: Image, save: Callable[[Image], None] | None = None) -> None:
        self.image = image
        self._save = save
        self._journal: list[Change] = []

    def write(self, area: bytearray, offset: int, data: bytes) -> None:
        """Program `data` in the chip's order: ascending words, each of them whole or not at all."""
        while data:
            size = WORD - offset % WORD
            part, data = data[:size], data[size:]
            self._journal.append(Change(area, offset, bytes(area[offset : offset + len(part)]), part))
            area[offset : offset + len(part)] = part
            offset += len(part)

    @property
    def pending(self) -> int:
        """Words written by the command that is running."""
        return len(self._journal)

    def commit(self) -> None:
        changed, self._journal = bool(self._journal), []
        if changed and self._save:
            self._save(self.image)

    def tear(self, written: int) -> None:
        """Power went away after `written` words: the later ones keep their old value."""
        for change in reversed(self._journal[written:]):
            change.area[change.offset : change.offset + len(change.old)] = change.old
        self.commit()

    def revert(self) -> None:
        """A refused command leaves nothing behind."""
        self.tear(0)
