"""The clock, and the way to the broker. The device's own link is asked how far it came; a living one is left alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from atecc.bounded import utc
from atecc.device.replies import MqttStatus, WifiStatus
from atecc.doctor.patient import Patient, Unchecked
from atecc.errors import AteccError, CodeFailed, DeviceError, NetworkError

DRIFT_S = 60
POLL_S = 0.25
STAGES = ("dns", "tcp", "tls", "mqtt")
Status = TypeVar("Status")


def clock(patient: Patient) -> str:
    """Against this computer's."""
    info = patient.info
    off = round(info.time - patient.asked_at)
    if abs(off) > DRIFT_S:
        raise NetworkError(
            f"The board's clock is {_far(off)}: it shows {utc(info.time)}.",
            "On a network, NTP sets it. By hand: "
            """`atecc rpc call Sys.SetTime "{\\"time\\": $(date +%s)}"`; so does `atecc provision`.""",
        )
    return "right to the second" if abs(off) <= 1 else _far(off)


def _far(off: int) -> str:
    units = ((2 * 86400, 86400, "days"), (7200, 3600, "hours"), (0, 1, "s"))
    amount = next(f"{abs(off) // size} {unit}" for least, size, unit in units if abs(off) >= least)
    return f"{amount} {'behind' if off < 0 else 'ahead of'} this computer's"


def wifi(patient: Patient) -> str:
    try:
        status = _settled(patient, patient.device.wifi_status, lambda one: not _undecided(one))
    except DeviceError as error:
        if error.kind == "method":
            raise Unchecked("this firmware knows nothing of Wi-Fi: boot.py has to see to it") from None
        raise
    if not status.enabled and status.state == "off":
        raise Unchecked("Wi-Fi is switched off in the board's settings (`atecc wifi set` joins a network)")
    if status.state != "connected":
        raise _as_error(
            status.last_error, f"The board is in no network ({status.state}).", "`atecc wifi set`"
        )
    strength = "" if status.rssi is None else f" ({status.rssi} dBm)"
    return f"in {status.ssid}{strength}, address {status.ip}"


def _undecided(one: WifiStatus) -> bool:
    """It joins, or is going to: the device has just started."""
    return (one.state == "connecting" and not one.last_error) or (one.enabled and one.state == "off")


def _settled(patient: Patient, ask: Callable[[], Status], decided: Callable[[Status], bool]) -> Status:
    """What is under way may take a while, and is waited for."""
    deadline = time.monotonic() + patient.timeout
    while not decided(status := ask()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    return status


def _as_error(error: Any, otherwise: str, hint: str) -> AteccError:
    """What the board gives as its last error, raised here."""
    if not isinstance(error, dict):
        return NetworkError(otherwise, hint)
    found = DeviceError.from_reply(error)
    found.message = found.message[:1].upper() + found.message[1:] + "."
    found.hint = f"{found.hint} {hint}".strip()
    return found


# The way to the broker, in four stages.


def dns(patient: Patient) -> str:
    link = _link(patient)
    if link.state == "off":
        return f"{link.endpoint} is {_probe(patient, link, _RESOLVE)}"
    _passed("dns", link)
    return f"{link.endpoint} resolves"


def tcp(patient: Patient) -> str:
    link = _link(patient)
    if link.state == "off":
        _probe(patient, link, _CONNECT)
    else:
        _passed("tcp", link)
    return f"{link.endpoint}:{link.port} accepts connections"


def tls(patient: Patient) -> str:
    link = _link(patient)
    if link.state == "off":
        raise Unchecked("the MQTT link is off, and only that shows it")
    _passed("tls", link)
    agreed = f" ({link.tls.version}, {link.tls.cipher})" if link.tls else ""
    return f"both sides accept each other, signed by the chip{agreed}"


def mqtt(patient: Patient) -> str:
    link = _link(patient)
    if link.state == "off":
        raise NetworkError("The MQTT link is off.", "`atecc mqtt connect` starts it.")
    _passed("mqtt", link)
    return f"connected as {link.client_id} since {utc(link.since or 0)}"


def _link(patient: Patient) -> MqttStatus:
    """The link of the active identity, once it is known how far it comes."""
    link = _settled(patient, patient.device.mqtt_status, lambda one: one.state != "connecting" or _why(one))
    if link.identity is None:
        raise Unchecked("there is no active identity, and so no broker")
    return link


def _why(link: MqttStatus) -> bool:
    return bool(link.last_error)


def _passed(stage: str, link: MqttStatus) -> None:
    """Raise what stopped the link at this stage."""
    if link.state == "connected":
        return
    if not link.last_error:
        raise Unchecked("the board is still trying to connect")
    if stage_of(link.last_error) == stage:
        raise _as_error(link.last_error, "The board can't connect.", "`atecc mqtt status` shows the link.")


def stage_of(error: dict[str, Any]) -> str:
    """How far a connection came that failed with this error."""
    if error.get("stage") in STAGES:
        return str(error["stage"])
    # The chip's own errors have none, for it was asked for a signature; nor has too little memory, which TLS takes.
    return "tls" if error.get("kind") in ("chip", "no-chip", "other-chip", "bus", "memory") else "mqtt"


_RESOLVE = "socket.getaddrinfo({host!r}, {port})[0][-1][0]"
_CONNECT = "connected({host!r}, {port})"
_SETUP = """
def connected(host, port):
    import socket
    s = socket.socket()
    try:
        s.settimeout(10)
        s.connect(socket.getaddrinfo(host, port)[0][-1])
    finally:
        s.close()
    return True
"""


def _probe(patient: Patient, link: MqttStatus, expression: str) -> Any:
    """With the link off, the prompt can try as far as TCP."""
    code = expression.format(host=link.endpoint, port=link.port)
    try:
        return patient.value(f"exec({_SETUP!r}, globals()) or {code}", "socket", patient.timeout + 15)
    except Unchecked:
        raise Unchecked("the MQTT link is off, and only that shows it") from None
    except CodeFailed as error:
        doing = "found" if expression is _RESOLVE else "reached"
        raise NetworkError(
            f"{link.endpoint}:{link.port} can't be {doing} from the board ({error.message.partition(': ')[2]}).",
            "Is the board on the network, and is the broker's name right as seen from the board?",
        ) from None
