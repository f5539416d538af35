"""Keeps the active identity connected: a thread of its own that connects, watches, pings and reconnects.

Only that thread touches the connection. Others hand it jobs and sleep until it has done them; every job ends, for every
socket operation does.
"""

import _thread
import select

import threads

from . import clock
from .mail import Mail
from .mqtt import KEEPALIVE, TOPIC_MAX, Connection, LinkError

_TICK_MS = 100
_STOP_MS = 3000
_BACKOFF_S = (1, 2, 4, 8, 16, 32, 60)
# How often the connection may end while the RPC's topics are subscribed before it is tried without them.
_SERVE_TRIES = 2
_OFF = "the MQTT link is off: this device has no active identity, or it was switched off (MQTT.Disconnect)"

# Waiting on nothing at all: select's clock is the network's, whatever time.sleep may be tied to (see boards/SIM).
_pause = select.poll()


class _Job:
    """One operation for the link's thread, and its outcome."""

    def __init__(self, run):
        self._run = run
        self._done = _thread.allocate_lock()
        self._done.acquire()
        self._result = None
        self._error = None

    def run(self, connection):
        try:
            self.finish(self._run(connection))
        except Exception as e:
            self.finish(None, e)
            if connection and not connection.alive:
                raise

    def finish(self, result, error=None):
        self._result = result
        self._error = error
        self._done.release()

    def wait(self):
        self._done.acquire()
        if self._error:
            raise self._error
        return self._result


class _Session:
    """What one thread does from start to stop, and what is known of it."""

    def __init__(self, chip, identity, timeout, topics, mail, served):
        self._chip = chip
        self._identity = identity
        record = identity()
        self._name = record["name"]
        self.client_id = record["client_id"]
        self._timeout = timeout
        self.topics = topics
        self._mail = mail
        self._served = served
        self._refused = 0
        self._jobs = []
        self._receivers = []
        self._connection = None
        self.stopping = False
        self.ended = False
        self.attempts = 0
        self.last_error = None
        self.tls = None
        self._enter("connecting")

    def _enter(self, state):
        self.state = state
        self.since = clock.now()

    # For other threads.

    def do(self, run):
        job = _Job(run)
        return self._hand_over(job, self._jobs, job)

    def receive(self, topic, ms):
        job = _Job(None)
        return self._hand_over(job, self._receivers, [job, topic, ms])

    def _hand_over(self, job, queue, entry):
        if self.state == "waiting":
            raise self.last_error
        queue.append(entry)
        if self.ended:
            # Nobody will run it: the thread may have ended just before, without seeing it.
            self._fail_jobs(LinkError("state", _OFF))
        return job.wait()

    # The thread.

    def main(self):
        try:
            while not self.stopping:
                try:
                    self._connect()
                    self._serve()
                except Exception as e:
                    self._wait_after(e)
        finally:
            if self._connection:
                self._connection.disconnect()
            self.ended = True
            self._fail_jobs(LinkError("state", _OFF))

    def _connect(self):
        self._enter("connecting")
        self.attempts += 1
        # The record isn't kept: with its certificates it is large.
        self._connection = Connection(self._chip, self._identity(), self._arrived, self._timeout)
        for topic, qos in self.topics.items():
            self._connection.subscribe(topic, qos)
        self._subscribe_served()
        self.tls = self._connection.tls
        self.attempts = 0
        self._enter("connected")

    def _subscribe_served(self):
        """The RPC's topics; a broker whose policy knows nothing of them cuts off who asks, and is not asked again."""
        if self._served and self._refused < _SERVE_TRIES:
            try:
                for topic in self._served.topics(self._name):
                    if len(topic.encode()) <= TOPIC_MAX:  # with a longer name there is no RPC over MQTT
                        self._connection.subscribe(topic, 1)
            except LinkError:
                self._refused += 1
                raise
            self._refused = 0

    def _serve(self):
        quiet = 0
        heard = self._connection.heard
        pinged = False
        while not self.stopping:
            while self._jobs:
                self._jobs.pop(0).run(self._connection)
            waited = self._wait()
            self._deliver(waited)
            quiet += waited
            if self._mail.full and pinged:
                # The answer stays unread for now: what matters is that the broker has heard from us.
                quiet = 0
                pinged = False
            if self._connection.heard != heard:
                heard = self._connection.heard
                quiet = 0
                pinged = False
            elif quiet >= KEEPALIVE * 1000:
                raise LinkError(
                    "timeout", "%s has said nothing for %d s" % (self._connection.where, KEEPALIVE), "mqtt"
                )
            elif quiet >= KEEPALIVE * 500 and not pinged:
                pinged = True
                self._connection.ping()

    def _wait(self):
        """Read what arrives, if there is room for it; how long that took, if nothing came (ms)."""
        if self._served:
            self._mail.hand_on(self._served.take)
        if self._mail.full:
            _pause.poll(_TICK_MS)
        elif self._connection.wait(_TICK_MS):
            return 0
        return _TICK_MS

    def _wait_after(self, error):
        self.last_error = error
        self.tls = None
        self._enter("waiting")
        if self._connection:
            self._connection.close()
            self._connection = None
        self._fail_jobs(error)
        seconds = _BACKOFF_S[min(max(self.attempts - 1, 0), len(_BACKOFF_S) - 1)]
        for _ in range(seconds * 1000 // _TICK_MS):
            if self.stopping:
                return
            _pause.poll(_TICK_MS)

    def _fail_jobs(self, error):
        while self._jobs:
            self._jobs.pop(0).finish(None, error)
        while self._receivers:
            self._receivers.pop(0)[0].finish(None, error)

    # Messages.

    def _arrived(self, topic, message):
        topic = topic.decode()
        request = self._served is not None and topic in self._served.topics(self._name)
        if message is None:
            self.last_error = LinkError("mqtt", "a message on %s was too large, and is lost" % topic)
        else:
            self._mail.add(topic, bytes(message), request)

    def _deliver(self, waited):
        """Give each waiting receiver its message, or None when its time is up."""
        for receiver in list(self._receivers):
            job, topic, left = receiver
            receiver[2] = left - waited
            message = self._mail.take(topic)
            if message or receiver[2] <= 0:
                self._receivers.remove(receiver)
                job.finish(message)


class Link:
    """The device's MQTT link: at most one session. `state` is `off`, `connecting`, `connected` or `waiting`.

    chip: ATECC608; identity() gives the active identity's record, whenever a connection is to be made.
    """

    def __init__(self, chip, identity):
        self._chip = chip
        self._identity = identity
        self._session = None
        self._topics = {}
        self._mail = Mail()
        self._served = None
        self._since = clock.now()

    def serve(self, channel):
        """Give what arrives on `channel.topics(name)` to `channel.take(topic, message)`, which says if it took it."""
        self._served = channel

    def start(self, timeout=30):
        """Connect with the active identity and stay connected. Returns at once."""
        self.stop()
        self._session = _Session(self._chip, self._identity, timeout, self._topics, self._mail, self._served)
        threads.start(threads.HANDSHAKE, self._session.main)

    def attempt(self, record, timeout):
        """Connect with `record` once, whatever else there is, and disconnect; what the handshake agreed on (tls).

        In a thread with the stack for it: of its caller's much may be taken.
        """
        job = _Job(lambda _: self._once(record, timeout))
        threads.start(threads.HANDSHAKE, job.run, None)
        return job.wait()

    def look(self, endpoint, port, cas, timeout):
        """Whether this device would accept the broker's certificate (look.py); LinkError says why not."""
        from .look import look

        job = _Job(lambda _: look(endpoint, port, cas, timeout))
        threads.start(threads.HANDSHAKE, job.run, None)
        job.wait()

    def _once(self, record, timeout):
        connection = Connection(self._chip, record, timeout=timeout)
        connection.disconnect()
        return connection.tls

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
                _pause.poll(10)
                waited += 10
            _pause.poll(20)  # its stack is given back a moment later, and may be needed

    def status(self):
        """What is known: {state, since, tls, attempts, last_error (an exception or None), subscriptions, client_id}."""
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
        out["subscriptions"] = sorted(self._topics)
        return out

    @property
    def state(self):
        return self._session.state if self._session else "off"

    def _on(self):
        if not self._session:
            raise LinkError("state", _OFF)
        return self._session

    def wait_connected(self):
        """Until the attempt under way has succeeded; LinkError says why it has not."""
        self._on().do(lambda connection: None)

    def publish(self, topic, message, qos, retain):
        """Publish; with QoS 1 returns after the broker's PUBACK."""
        self._on().do(lambda connection: connection.publish(topic, message, qos, retain))

    def subscribe(self, topic, qos):
        """Subscribe, now and after every reconnect."""

        def run(connection):
            connection.subscribe(topic, qos)
            self._topics[topic] = qos

        self._on().do(run)

    def receive(self, topic, timeout):
        """The oldest message (topic, bytes) not yet taken, of `topic` if given; None if none comes in `timeout` s."""
        return self._on().receive(topic, int(timeout * 1000))
