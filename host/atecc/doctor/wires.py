"""Between board and chip: pins, pull-up resistors, who answers on the bus, and whether bytes arrive whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from atecc.doctor.patient import Patient, Unchecked
from atecc.errors import ChipError, DeviceError

READINGS = 8
# ESP32 (the first one): these pins only read; those are its flash memory's.
_INPUT_ONLY = range(34, 40)
_FLASH = range(6, 12)


def pins(patient: Patient) -> str:
    """What board.py says could be so."""
    board = patient.wiring("pins()")
    for complaint in _complaints(board):
        raise ChipError(
            f"board.py: {complaint}.",
            "SCL and SDA are the GPIO numbers that the chip is wired to: `atecc install --pins SCL,SDA` writes them.",
        )
    return f"SCL on pin {board['SCL']}, SDA on pin {board['SDA']}, I2C {board['I2C']} at {board['I2C_HZ'] // 1000} kHz"


def _complaints(board: dict[str, Any]) -> Iterator[str]:
    scl, sda = board["SCL"], board["SDA"]
    for name, pin in (("SCL", scl), ("SDA", sda)):
        if not isinstance(pin, int):
            yield f"{name} is {pin!r}, no pin number"
        elif board["ARCH"] == "esp32" and pin in _INPUT_ONLY:
            yield f"{name} is pin {pin}, which an ESP32 can only read"
        elif board["ARCH"] == "esp32" and pin in _FLASH:
            yield f"{name} is pin {pin}, which belongs to the ESP32's flash memory"
    if scl == sda:
        yield f"SCL and SDA are the same pin, {scl}"


_LEVELS = {
    (0, 1): "nothing pulls {name} (pin {pin}) up",
    (0, 0): "{name} (pin {pin}) is held low",
}


def pull_ups(patient: Patient) -> str:
    """The idle level of both lines against the board's own weak pull-down resistors."""
    levels, board = patient.wiring("levels(device.chip)"), patient.wiring("pins()")
    wrong = []
    for name in ("SCL", "SDA"):
        words = _LEVELS.get(tuple(levels[name]))
        if words:
            wrong.append(words.format(name=name, pin=board[name]))
    if wrong:
        raise ChipError(
            f"On the idle bus {' and '.join(wrong)}.",
            "Each line needs a resistor of 2.2 to 10 kΩ to 3.3 V, and the chip its supply. Or the chip is on other "
            "pins than board.py says: `atecc install --pins SCL,SDA` writes them. A line that is held low is "
            "shorted, or something on the bus hangs: take the board's power away for a moment.",
        )
    return "both lines are pulled up"


def scan(patient: Patient) -> str:
    """Who acknowledges after a wake pulse. Which of them is the chip, the driver says: an address tells little."""
    found = [int(address) for address in patient.wiring("scan(device.chip)")]
    listed = ", ".join(f"0x{a:02X} (8-bit 0x{a << 1:02X})" for a in found)
    if not found:
        raise ChipError(
            "Nothing answers on the I2C bus after a wake pulse.",
            "Is the chip supplied with 2.0 to 5.5 V, are SCL and SDA not exchanged, and is it an I2C part (not "
            "single-wire)?",
        )
    try:
        chip = patient.chip_info
    except DeviceError as error:
        if error.kind in ("no-chip", "other-part"):
            raise _only_others(error, listed, patient.wiring("pins()")["ATECC_ADDRESS"]) from None
        return f"answering: {listed}"  # what is wrong with the chip itself, the next layers say
    return f"answering: {listed}; the chip is the one at 0x{chip.address:02X}"


def _only_others(error: DeviceError, listed: str, wanted: int | None) -> ChipError:
    if error.kind == "other-part":
        return ChipError(f"{error.message[:1].upper()}{error.message[1:]}. Answering: {listed}.", error.hint)
    if wanted is None:
        return ChipError(
            f"Only others answer on the I2C bus: {listed}.",
            "All of them were asked, and none gave an ATECC608's answer to a wake pulse. Is the chip supplied with 2.0 "
            "to 5.5 V, and on these pins?",
        )
    return ChipError(
        f"Only others answer on the I2C bus: {listed}. board.py says that the chip is at 0x{wanted:02X}.",
        "With ATECC_ADDRESS = None in board.py the chip is looked for at every address.",
    )


def crc(patient: Patient) -> str:
    """The configuration is read again and again: it must be the same, without a damaged transfer on the way."""
    try:
        before = _damaged(patient)
        readings, lost = _readings(patient)
    except DeviceError as error:
        if error.kind == "no-chip":
            raise Unchecked("no chip answers") from None
        raise
    damaged = _damaged(patient) - before
    if lost and not damaged:
        raise lost
    if len(readings) > 1 or damaged:
        raise ChipError(
            f"Of {READINGS} readings of the configuration, {damaged} transfers arrived damaged"
            + (", and they differ." if len(readings) > 1 else " and were repeated.")
            + (" One did not arrive at all." if lost else ""),
            "Check pull-up resistors (2.2 to 10 kΩ) and wires (short, twisted with ground, away from motors); a "
            "lower I2C_HZ in board.py is more patient.",
        )
    return f"{READINGS} readings of 128 bytes are the same, none was damaged"


def _readings(patient: Patient) -> tuple[set[bytes], DeviceError | None]:
    """The different ones, up to the first that was lost on the bus."""
    readings: set[bytes] = set()
    try:
        for _ in range(READINGS):
            readings.add(patient.device.get_config())
    except DeviceError as error:
        if error.kind != "bus":
            raise
        return readings, error
    return readings, None


def _damaged(patient: Patient) -> int:
    """How many transfers were damaged since the start; 0 if this firmware does not count them."""
    try:
        found = patient.device.check()
    except DeviceError as error:
        if error.kind == "method":
            return 0
        raise
    said = next((one.say for one in found if one.name == "bus" and not one.ok), "0")
    number = said.split()[0]
    return int(number) if number.isdecimal() else 0
