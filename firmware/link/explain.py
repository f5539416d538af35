"""Why a connection to the broker failed, in a sentence: from umqtt's exceptions and the stage that was reached.

Loaded when something fails, and not before. The errors of sockets are those of Linux and of ESP-IDF (lwIP, newlib).
"""

from umqtt.simple import MQTTException

from . import clock
from .errors import LinkError

_TIMEOUT = (110, 116)
_NOT_REACHED = {111: "connection refused", 104: "connection reset", 113: "no route to it", 101: "no network"}
_NOT_REACHED_ON_ESP32 = {118: "no route to it", 114: "no network"}
# Mbed TLS's fatal alert and end of file; and the pipe that breaks, or is reset, when the other side has sent its alert
# and gone while this one was still writing.
_ALERT = -0x7780
_END = -1  # umqtt's own, for a connection that ended between two messages
_HUNG_UP = (_ALERT, -0x7280, 32, 104, 103, _END)
_ALPN_PORT = 443

_CONNACK = {
    1: ("mqtt", "it does not speak this version of MQTT (3.1.1)"),
    2: ("client-id", "it does not take this client ID"),
    3: ("mqtt", "it is not available"),
    4: ("login", "user name or password"),
    5: ("login", "not authorized"),
}


def hung_up(error):
    """Whether the other side has gone, of its own will."""
    return _number(error, "tls") in _HUNG_UP


def explain(error, where, stage, sock=None, login=False, shown=False):
    """A LinkError for what umqtt or TLS has raised.

    where: HOST:PORT; stage: `tcp`, `tls` or `mqtt`; sock: the TLSSocket, if it came so far; login: whether the device
    has a user name; shown: whether the other side was sent this device's certificate.
    """
    number = _number(error, stage)
    if isinstance(error, MQTTException):
        out = _refused(where, number, login)
    elif isinstance(error, (IndexError, TypeError, AssertionError)):
        out = _no_answer(where, sock)
    elif number in _TIMEOUT:
        out = LinkError("timeout", _silent(where, stage, sock))
    elif stage == "tcp":
        out = _not_reached(error, where, number)
    elif stage == "tls":
        out = _no_handshake(error, where, number, shown)
    elif number == _ALERT:
        # In TLS 1.3, and from some servers, the word on our certificate comes after the handshake.
        out = _not_accepted(where)
    else:
        out = _closed(where, error, sock)
    out.stage = out.stage or stage
    return out


def _number(error, stage):
    """The error's number; once TLS is there it comes with a minus (extmod/modtls_mbedtls.c)."""
    number = error.args[0] if error.args else None
    if stage != "tcp" and isinstance(number, int) and -256 < number < _END:
        return -number
    return number


def _silent(where, stage, sock):
    if sock and sock.heard:
        return "%s has stopped answering: it did not answer in time (MQTT)" % where
    if stage == "mqtt":
        return "%s accepts TLS, and then says nothing: it did not answer in time (MQTT)" % where
    return "%s did not answer in time (%s)" % (where, stage.upper())


def _refused(where, number, login):
    kind, why = _CONNACK.get(number, ("mqtt", "reason %s" % number))
    if kind == "login":
        if login:
            why += ": it does not take the user name and password that this device has"
        else:
            why += (
                ": it may want a user name and a password, which this device does not have (a broker may take the name"
                " from the certificate's CN), or not know this device"
            )
    return LinkError(kind, "%s refused the MQTT connection: %s" % (where, why))


def _not_reached(error, where, number):
    what = _NOT_REACHED.get(number) or _NOT_REACHED_ON_ESP32.get(number)
    if what:
        return LinkError("network", "%s can't be reached: %s" % (where, what))
    # getaddrinfo's own errors: negative, or a text.
    if isinstance(number, str) or (number and number < 0):
        return LinkError(
            "network", "%s can't be found: the name does not resolve (%s)" % (where, number), "dns"
        )
    return LinkError("network", "%s can't be reached (%s)" % (where, error))


def _no_handshake(error, where, number, shown):
    if isinstance(error, ValueError):
        reason = " ".join(str(error).split())
        kind = "clock" if "future" in reason or "expired" in reason else "tls"
        when = "; this device's clock says %s" % clock.text(clock.now()) if kind == "clock" else ""
        return LinkError(kind, "the certificate of %s was not accepted: %s%s" % (where, reason, when))
    if number in _HUNG_UP:
        return _not_accepted(where) if shown else _cut_off(where, number)
    return LinkError("tls", "the TLS handshake with %s failed (%s)" % (where, error))


def _cut_off(where, number):
    """It has not seen this device's certificate, and can't have anything against it."""
    if number == _ALERT:
        why = "refused the TLS handshake: it may want another version of TLS, other suites, or another name"
    else:
        why = (
            "ended the connection in the middle of the TLS handshake, without a word: it is out of order or was"
            " restarted, or this is no port for TLS"
        )
    return LinkError("tls", "%s %s" % (where, why), "tls")


def _not_accepted(where):
    return LinkError(
        "tls",
        "%s broke off the TLS handshake: most likely it does not accept this device's certificate" % where,
        "tls",
    )


def _no_answer(where, sock):
    """An answer that is cut short, or no MQTT at all."""
    if sock and sock.ended:
        return _closed(where, OSError(_END), sock)
    return LinkError("mqtt", "%s does not speak MQTT, or stopped in the middle of it" % where)


def _closed(where, error, sock):
    if sock and sock.heard:
        return LinkError(
            "closed",
            "%s closed the connection without a word%s: is the certificate active, is a policy attached that allows"
            " this client ID and topic, does another device use the same client ID?"
            % (where, "" if hung_up(error) else " (%s)" % error),
        )
    alpn = ""
    if where.endswith(":%d" % _ALPN_PORT):
        alpn = " On port %d AWS IoT wants ALPN, which MicroPython's TLS can't send." % _ALPN_PORT
    return LinkError(
        "closed",
        "%s accepted TLS, and closed the connection instead of answering MQTT's CONNECT: is the certificate active and"
        " known there, is a policy attached that allows this client ID?%s" % (where, alpn),
    )
