"""One MQTT connection with a device identity, over umqtt.simple (its old and its new interface)."""

import binascii

from umqtt.simple import MQTTClient, MQTTException

from identity.certificate import Certificate
from identity.context import ClientContext

from . import clock

KEEPALIVE = 60

_CONNACK = {
    1: "the protocol version",
    2: "the client ID",
    3: "it is not available",
    4: "user name or password (a broker may take the name from the certificate's CN)",
    5: "not authorized",
}
# umqtt writes the length of a SUBSCRIBE as one byte: 127 less packet ID, length and QoS.
TOPIC_MAX = 122
# Mbed TLS's fatal alert and end of file; and the pipe that breaks when the other side has sent its alert and gone
# while this one was still writing.
_HUNG_UP = (-0x7780, -0x7280, 32, 104)


class LinkError(Exception):
    """`kind` is one of `network`, `tls`, `clock`, `mqtt`, `timeout`, `state`; `stage` (or None) is where a connection
    to the broker failed: `dns`, `tcp`, `tls` or `mqtt`."""

    def __init__(self, kind, message, stage=None):
        super().__init__(message)
        self.kind = kind
        self.stage = stage


def _client(record, context):
    """umqtt's client. The old interface knows ssl_params, the new one takes the context as `ssl`."""
    args = (record["client_id"].encode(), record["endpoint"], record["port"], None, None, KEEPALIVE)
    try:
        params = {"context": context, "server_hostname": record["endpoint"]}
        return MQTTClient(*args, ssl=True, ssl_params=params)
    except TypeError:
        return MQTTClient(*args, ssl=context)


class Connection:
    """Connected when made; LinkError (or the chip's own error) says what failed, and how far it came.

    record: a staged identity; timeout: seconds for any one wait. on_message(topic, message) gets bytes, None for a
    message that was too large to be kept; when it returns the broker is told that the message has arrived.
    """

    def __init__(self, chip, record, on_message=None, timeout=30):
        self.where = "%s:%d" % (record["endpoint"], record["port"])
        clock.ensure(Certificate(binascii.a2b_base64(record["certificate"])).not_before)
        try:
            self._context = ClientContext(chip, record, timeout)
        except (OSError, ValueError) as e:
            raise LinkError("tls", "the TLS library can't use this identity: %s" % e, "tls")
        self._client = _client(record, self._context)
        self._on_message = on_message
        self._client.set_callback(self._arrived)
        # A session that outlives the connection: what others send with QoS 1 meanwhile waits in the broker.
        self._guard(self._client.connect, False)

    def _arrived(self, topic, message):
        if self._client.sock.cut:
            self._client.sock.cut = False
            message = None
        if self._on_message:
            self._on_message(topic, message)

    @property
    def tls(self):
        """What the handshake agreed on."""
        name, version = self._context.cipher
        return {"version": version, "cipher": name}

    def _guard(self, operation, *args):
        """Run one umqtt operation; on failure the connection is closed and the error explained."""
        try:
            result = operation(*args)
            self._client.sock.flush()
            return result
        except (OSError, ValueError, MQTTException) as e:
            self.close()
            error = self._explain(e)
            error.stage = error.stage or self._context.stage
            raise error
        except (IndexError, TypeError, AssertionError):
            # How umqtt meets an answer that is cut short, or no MQTT at all.
            self.close()
            raise LinkError(
                "mqtt", "%s does not speak MQTT, or stopped in the middle of it" % self.where, "mqtt"
            )
        except BaseException:  # the chip's own errors, and Ctrl-C
            self.close()
            raise

    def _explain(self, error):
        number = error.args[0] if error.args else None
        if isinstance(error, MQTTException):
            why = _CONNACK.get(number, "reason %s" % number)
            return LinkError("mqtt", "%s refused the MQTT connection: %s" % (self.where, why))
        if number in (110, 116):
            return LinkError(
                "timeout", "%s did not answer in time (%s)" % (self.where, self._context.stage.upper())
            )
        return getattr(self, "_explain_" + self._context.stage)(error, number)

    def _explain_tcp(self, _error, number):
        if number in (111, 104, 113, 101):
            what = {
                111: "connection refused",
                104: "connection reset",
                113: "no route to it",
                101: "no network",
            }[number]
            return LinkError("network", "%s can't be reached: %s" % (self.where, what))
        # getaddrinfo's own errors: negative, or a text.
        if isinstance(number, str) or (number and number < 0):
            return LinkError(
                "network", "%s can't be found: the name does not resolve (%s)" % (self.where, number), "dns"
            )
        return LinkError("network", "%s can't be reached (%s)" % (self.where, _error))

    def _explain_tls(self, error, number):
        if isinstance(error, ValueError):
            reason = " ".join(str(error).split())
            kind = "clock" if "future" in reason or "expired" in reason else "tls"
            when = "; this device's clock says %s" % clock.text(clock.now()) if kind == "clock" else ""
            return LinkError(
                kind, "the certificate of %s was not accepted: %s%s" % (self.where, reason, when)
            )
        if number in _HUNG_UP:
            return LinkError(
                "tls",
                "%s broke off the TLS handshake: most likely it does not accept this device's certificate"
                % self.where,
            )
        return LinkError("tls", "the TLS handshake with %s failed (%s)" % (self.where, error))

    def _explain_mqtt(self, error, number):
        if number == _HUNG_UP[0]:
            return self._explain_tls(error, number)
        return LinkError(
            "mqtt",
            "%s closed the connection without a word (%s): is the certificate active, is a policy attached that allows"
            " this client ID and topic, does another device use the same client ID?" % (self.where, error),
        )

    def subscribe(self, topic, qos):
        """Subscribe to `topic` (str); returns after the broker's SUBACK."""
        topic = topic.encode()
        if len(topic) > TOPIC_MAX:
            raise LinkError("state", "umqtt can't subscribe to a topic of more than %d bytes" % TOPIC_MAX)
        self._guard(self._client.subscribe, topic, qos)

    def publish(self, topic, message, qos, retain):
        """Send `message` (str) to `topic` (str); with QoS 1 returns after the broker's PUBACK."""
        # Bytes: umqtt counts characters, the wire counts bytes.
        self._guard(self._client.publish, topic.encode(), message.encode(), retain, qos)

    @property
    def alive(self):
        return self._client.sock is not None

    def ping(self):
        self._guard(self._client.ping)

    @property
    def heard(self):
        """How many reads have brought something."""
        return self._client.sock.heard

    def wait(self, ms):
        """Hand on what has arrived, or sleep until something does, `ms` at most; True if there is or was something."""
        before = self.heard
        self._guard(self._client.check_msg)
        # TLS may hold more than the socket shows: sleep only when there is nothing at all.
        return self.heard != before or self._client.sock.wait(ms)

    def disconnect(self):
        """Say goodbye, if that still works, and close."""
        try:
            self._client.disconnect()
        except Exception:
            self.close()

    def close(self):
        sock = self._client.sock
        self._client.sock = None
        try:
            if sock:
                sock.close()
        except OSError:
            pass
