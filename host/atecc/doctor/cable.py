"""From the computer to the firmware: the cable, the prompt, the version, and what the firmware says of itself."""

from __future__ import annotations

from atecc import __version__
from atecc.doctor.patient import Patient, Unchecked
from atecc.errors import AteccError, ChannelError, DeviceError, FirmwareMissing

_PARTS = ("umqtt.simple", "microdot", "atecc608", "identity", "link", "rpc", "board", "device")
_MISSING = """[name for name in %r if not there(name)]"""
_THERE = """
def there(name):
    try:
        __import__(name)
        return True
    except ImportError:
        return False
"""


def cable(patient: Patient) -> str:
    """The port exists, may be used, and is nobody else's: opening it says which of these is not so."""
    if patient.place is not None:
        raise Unchecked(f"this board is reached at {patient.place}")
    port = getattr(patient.channel, "port", None)
    return f"{port} is there, and nobody else uses it" if port else "the board is reached"


def prompt(patient: Patient) -> str:
    """MicroPython answers."""
    version, machine = patient.value("[os.uname().release, os.uname().machine]", "os")
    return f"MicroPython {version} on {machine}"


def firmware(patient: Patient) -> str:
    """It runs, and is of this tool's version."""
    try:
        info = patient.info
    except FirmwareMissing as error:
        missing = _missing(patient)
        if missing and "rpc" not in missing:
            raise FirmwareMissing(
                f"The firmware can't start: the board has no {', '.join(missing)}.",
                "`atecc install --port PORT` brings what is missing.",
            ) from None
        error.hint = "`atecc install --port PORT` puts it there, or says what to flash first."
        raise
    if _release(info.fw_version) != _release(__version__):
        raise ChannelError(
            f"The board's firmware is {info.fw_version}, this tool is {__version__}.",
            "Bring both to the same version: `atecc install --port PORT`, or a firmware of that version.",
        )
    return f"{info.app} {info.fw_version}, as this tool; {info.board}, id {info.id}, up {int(info.uptime)} s"


def _release(version: str) -> list[str]:
    """Within one release the RPC stays as it is."""
    return version.split(".")[:2]


def _missing(patient: Patient) -> list[str]:
    """Which parts can't be imported, as far as the prompt tells."""
    try:
        code = f"exec({_THERE!r}, globals()) or {_MISSING % (_PARTS,)}"
        return [str(name) for name in patient.value(code)]
    except (AteccError, Unchecked):
        return []


# The layers further down look at these more closely.
_ELSEWHERE = ("chip", "clock", "identity")


def self_check(patient: Patient) -> str:
    """What the device itself finds at every start."""
    try:
        found = patient.device.check()
    except DeviceError as error:
        if error.kind == "method":
            raise Unchecked("this firmware has no self-check: it is older than this tool") from None
        raise
    looked_at = [one for one in found if one.name not in _ELSEWHERE]
    note = ""
    for one in looked_at:
        if one.name == "memory" and not one.ok and _connected(patient):
            note = f"; MQTT has what TLS takes, a caller over wss:// would be turned away ({one.say})"
        elif not one.ok:
            raise _trouble(one.name, one.say)
    return f"{', '.join(one.name for one in looked_at)}: well{note}"


def _connected(patient: Patient) -> bool:
    return patient.device.mqtt_status().state == "connected"


_HINTS = {
    "sign": 'MicroPython has to be built for that: README, "On a real board".',
    "memory": "`atecc reboot` gives the board a fresh start; a board with more memory does if that is not enough.",
    "files": "`atecc flash` clears what another firmware left in the flash, and the board makes a file system then.",
    "bus": "Check pull-up resistors and the length of the wires; a lower I2C_HZ in board.py is more patient.",
    "random": "Don't use this board for anything that has to stay secret.",
    "parts": "`atecc install --port PORT` brings what is missing.",
}


def _trouble(name: str, say: str) -> AteccError:
    kind = FirmwareMissing if name in ("sign", "parts") else ChannelError
    if name in ("bus", "random"):
        from atecc.errors import ChipError

        return ChipError(f"The board finds of its {name}: {say}.", _HINTS[name])
    return kind(f"The board finds of its {name}: {say}.", _HINTS.get(name, ""))
