"""Keeps the active identity connected: a thread of its own that connects, watches, pings and reconnects (session.py).

Only that thread touches the connection. Others hand it jobs and sleep until it has done them; every job ends, for every
socket operation does.
"""

from micropython import const

import lazily
import threads
import uptime
from job import Job

from . import clock
from .errors import LinkError
from .mail import Mail, Requests
from .mqtt import Connection
from .session import OFF, Session
from .subscriptions import Subscriptions
from .topics import check_filter, check_topic

_STOP_MS = const(3000)
_AGAIN_MS = 2000
# What is to be sent when the connection is there again: how many messages, how often and for how long each is tried.
_KEPT_MAX = const(8)
_KEPT_TRIES = const(3)
_KEPT_MS = const(90000)


class Link:
    """The device's MQTT link: at most one session. `state` is `off`, `connecting`, `connected` or `waiting`.

    chip: ATECC608; identity() gives the active identity's record, whenever a connection is to be made.
    served: as long as it is `on`, what arrives on its `topics(name)` is given to its `take(topic, message)`, which says
    if it took it.
    """

    def __init__(self, chip, identity, served):
        self._chip = chip
        self._identity = identity
        self._session = None
        self._subscriptions = Subscriptions()
        self._mail = Mail()
        self._requests = Requests()
        self._kept = []
        # What the application (atecc) wants of it: an outbox, those who are told of each change, and its inboxes.
        self.outbox = None
        self.watchers = []
        self.daily = None  # called once for each day that a connection has lasted
        self._inboxes = []
        self._served = served
        self._since = clock.now()

    @property
    def serving(self):
        """(whether requests for the channel are listened to, why not)."""
        session = self._session
        if not session or session.state != "connected":
            return False, "the MQTT link is not connected"
        return session.serving and not session.why_not_serving, session.why_not_serving

    def start(self, timeout=30):
        """Connect with the active identity and stay connected. Returns at once."""
        self.stop()
        post = self._subscriptions, self._mail, self._requests, self._kept, self
        self._session = Session(self._chip, self._identity, timeout, post, self._served)
        try:
            threads.start(threads.HANDSHAKE, self._session.main)
        except MemoryError:
            self._session = None  # nobody would do what it is asked for
            raise

    def attempt(self, record, timeout, tries=1):
        """A Job: connect with `record` once, whatever else there is, and disconnect; what was agreed on (tls). tries:
        how often, if the broker hangs up.

        In a thread with the stack for it: of its caller's much may be taken.
        """
        return Job(lambda: self._once(record, timeout, tries)).start(threads.HANDSHAKE)

    def look(self, endpoint, port, cas, timeout):
        """A Job: whether this device would accept the broker's certificate (look.py); LinkError says why not."""
        look = lazily.load("link.look").look
        return Job(lambda: look(endpoint, port, cas, timeout)).start(threads.HANDSHAKE)

    def _once(self, record, timeout, tries):
        while True:
            tries -= 1
            try:
                connection = Connection(self._chip, record, timeout=timeout)
                connection.disconnect()
                return connection.tls
            except LinkError as e:
                if not tries or e.kind != "closed":
                    raise
            threads.pause(_AGAIN_MS)

    def stop(self):
        """Disconnect and stay so.

        A thread that hangs in a connection attempt is not waited for: it ends when the attempt does.
        """
        session, self._session = self._session, None
        self._since = clock.now()
        if session:
            session.stopping = True
            waited = 0
            while not session.ended and waited < _STOP_MS:
                threads.pause(10)
                waited += 10
            threads.pause(20)  # its stack is given back a moment later, and may be needed

    def status(self):
        """What is known: {state, since, tls, attempts, last_error (an exception or None), client_id, subscriptions,
        dropped ([{topic, why}]), lost (how many messages had to go)}."""
        session = self._session
        out = {
            "state": "off",
            "since": self._since,
            "tls": None,
            "attempts": 0,
            "last_error": None,
            "client_id": None,
        }
        if session:
            for name in ("state", "since", "tls", "attempts", "last_error", "client_id"):
                out[name] = getattr(session, name)
        out["subscriptions"] = [topic for topic, _ in self._subscriptions.items()]
        out["dropped"] = self._subscriptions.notes + (session.suspicions.notes if session else [])
        out["lost"] = self._mail.lost
        return out

    @property
    def state(self):
        return self._session.state if self._session else "off"

    def _on(self):
        if not self._session:
            raise LinkError("state", OFF)
        return self._session

    # Jobs (job.py) of the link's thread.

    def connected(self):
        """Done when the attempt under way has succeeded; LinkError says why it has not."""
        return self._on().do(lambda connection: None)

    def publish(self, topic, message, qos, retain):
        """Done when it is sent; with QoS 1 after the broker's PUBACK."""
        _check(check_topic, topic)
        session = self._on()
        return session.do(lambda _: session.publish(topic, message, qos, retain))

    def subscribe(self, topic, qos):
        """Subscribe, now and after every reconnect, until nobody has asked for its messages for long."""
        _check(check_filter, topic)
        session = self._on()

        def run(_):
            self._mail.asked_for()
            session.subscribe(topic, qos)
            self._subscriptions.add(topic, qos)

        return session.do(run)

    def unsubscribe(self, topic):
        """Listen to `topic` no longer."""
        _check(check_filter, topic)
        session = self._on()

        def run(_):
            self._subscriptions.remove(topic)
            session.unsubscribe(topic)

        return session.do(run)

    # The application's.

    def take(self, topic, message):
        """Give a message to the application; whether it is for it."""
        found = [inbox for inbox in self._inboxes if inbox.takes(topic)]
        for inbox in found:
            inbox.add(topic, bytes(message))
        return bool(found)

    def listen(self, inbox, qos):
        """Subscribe to `inbox.pattern`, now and after every reconnect; what arrives by it is the inbox's. A
        Job, done when the broker has granted it, if the link is connected."""
        self._inboxes.append(inbox)
        self._subscriptions.add(inbox.pattern, qos, for_good=True)
        session = self._session
        if session and session.state == "connected":
            return session.do(lambda _: session.subscribe(inbox.pattern, qos))
        return None

    def listen_no_more(self, inbox):
        self._inboxes.remove(inbox)
        if all(other.pattern != inbox.pattern for other in self._inboxes):
            self._subscriptions.remove(inbox.pattern)
            session = self._session
            if session and session.state == "connected":
                session.do(lambda _: session.unsubscribe(inbox.pattern))

    def receive(self, topic, timeout):
        """The oldest message (topic, bytes) not yet taken, of `topic` if given; None if none comes in `timeout` s."""

        def take():
            self._mail.asked_for()
            self._subscriptions.asked_for(topic)
            return self._mail.take(topic)

        return self.wait_for(take, timeout)

    def wait_for(self, take, timeout):
        """What `take()` gives, as soon as it gives something; None if it does not in `timeout` s. The link's thread
        calls it again and again; LinkError if the connection ends before."""
        return self._on().wait_for(take, int(timeout * 1000))

    def send(self, topic, message):
        """Publish with QoS 1 when that is possible, and tell nobody: in a while it is given up."""
        self._kept.append([topic, message, uptime.ms() + _KEPT_MS, _KEPT_TRIES])
        if len(self._kept) > _KEPT_MAX:
            self._kept.pop(0)


def _check(check, topic):
    try:
        check(topic)
    except ValueError as e:
        raise LinkError("argument", "topic: %s" % e)
