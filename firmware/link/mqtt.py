"""One MQTT connection with a device identity, over umqtt.simple (its old and its new interface)."""

from umqtt.simple import MQTTClient, MQTTException

import lazily
from identity.context import ClientContext

from . import clock
from .errors import LinkError

KEEPALIVE = 60

# umqtt writes the length of a SUBSCRIBE as one byte: 127 less packet ID, length and QoS.
TOPIC_MAX = 122
# SUBACK's word for a subscription that is refused.
_REFUSED = 0x80
_RETAIN = 0x01  # in a PUBLISH: the broker has kept it (3.3.1.3)
_UNSUBACK = 0xB0
_PIDS_MAX = 0xFFFF


def _client(record, context):
    """umqtt's client. The old interface knows ssl_params, the new one takes the context as `ssl`."""
    login = (record.get(what) for what in ("username", "password"))
    user, password = (one and one.encode() for one in login)
    args = (record["client_id"].encode(), record["endpoint"], record["port"], user, password, KEEPALIVE)
    try:
        params = {"context": context, "server_hostname": record["endpoint"]}
        return MQTTClient(*args, ssl=True, ssl_params=params)
    except TypeError:
        return MQTTClient(*args, ssl=context)


def _context(chip, record, timeout):
    if "key" in record:
        return lazily.load("identity.claimed").ClaimContext(record, timeout)
    return ClientContext(chip, record, timeout)


def _short(topic):
    topic = topic.encode()
    if len(topic) > TOPIC_MAX:
        raise LinkError("state", "umqtt can't subscribe to a topic of more than %d bytes" % TOPIC_MAX)
    return topic


class Connection:
    """Connected when made; LinkError (or the chip's own error) says what failed, and how far it came.

    record: a staged identity; timeout: seconds for any one wait. on_message(topic, message, retained) gets bytes, None
    for a message that was too large to be kept; when it returns the broker is told that the message has arrived.
    """

    def __init__(self, chip, record, on_message=None, timeout=30):
        self.where = "%s:%d" % (record["endpoint"], record["port"])
        clock.ensure()
        try:
            self._context = _context(chip, record, timeout)
        except (OSError, ValueError) as e:
            raise LinkError("tls", "the TLS library can't use this identity: %s" % e, "tls")
        self._login = bool(record.get("username"))
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
            self._on_message(topic, message, bool(self._client.sock.head & _RETAIN))

    @property
    def tls(self):
        """What the handshake agreed on, and whether the broker has asked for the chip's signature."""
        name, version = self._context.cipher
        return {"version": version, "cipher": name, "signed": self._context.signed}

    def _guard(self, operation, *args):
        """Run one umqtt operation; on failure the connection is closed and the error explained."""
        try:
            result = operation(*args)
            self._client.sock.flush()
            return result
        except (OSError, ValueError, MQTTException, IndexError, TypeError, AssertionError) as e:
            # umqtt meets an answer that is cut short, or no MQTT at all, with the last three.
            explain = lazily.load("link.explain").explain
            sock = self._client.sock if self._context.stage == "mqtt" else None
            self.close()
            raise explain(e, self.where, self._context.stage, sock, self._login, self._context.signed)
        except BaseException:  # the chip's own errors, and Ctrl-C
            self.close()
            raise

    def subscribe(self, topic, qos):
        """Subscribe to `topic` (str); returns after the broker's SUBACK. A refusal costs no more than that."""
        if not self._guard(self._subscribed, _short(topic), qos):
            raise LinkError(
                "topic", "%s does not let this device subscribe to %s" % (self.where, topic), "mqtt"
            )

    def _subscribed(self, topic, qos):
        """Whether the broker grants it; the connection lives on either way."""
        self._next_packet()
        try:
            self._client.subscribe(topic, qos)
        except MQTTException as e:
            if e.args[0] != _REFUSED:
                raise
            return False
        return True

    def unsubscribe(self, topic):
        """Unsubscribe from `topic` (str); returns after the broker's UNSUBACK."""
        self._guard(self._unsubscribe, _short(topic))

    def _unsubscribe(self, topic):
        """umqtt has no such thing (MQTT 3.1.1, 3.10 and 3.11)."""
        client = self._client
        self._next_packet()
        client.pid += 1
        pid = client.pid.to_bytes(2, "big")
        client.sock.write(bytes((0xA2, 4 + len(topic))) + pid + len(topic).to_bytes(2, "big") + topic)
        while client.wait_msg() != _UNSUBACK:
            pass
        if client.sock.read(3) != b"\x02" + pid:
            raise AssertionError  # as umqtt does, and _guard knows it

    def _next_packet(self):
        """umqtt counts its packets on and on; 0, which the 65536th would have, no broker takes."""
        if self._client.pid >= _PIDS_MAX:
            self._client.pid = 0

    def publish(self, topic, message, qos, retain):
        """Send `message` (str or bytes) to `topic` (str); with QoS 1 returns after the broker's PUBACK."""
        # Bytes: umqtt counts characters, the wire counts bytes.
        if isinstance(message, str):
            message = message.encode()
        self._next_packet()
        self._guard(self._client.publish, topic.encode(), message, retain, qos)

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
