"""Keeps the active identity connected: a thread of its own that connects, watches, pings and reconnects.

Only that thread touches the connection. Others hand it jobs and sleep until it has done them; every job ends, for every
socket operation does.
"""

import select

import lazily
import threads
import uptime
from job import Job

from . import clock
from .mail import Mail, Requests
from .errors import LinkError
from .mqtt import KEEPALIVE, TOPIC_MAX, Connection
from .subscriptions import Subscriptions, Suspicions
from .topics import check_filter, check_topic

_TICK_MS = 100
_STOP_MS = 3000
_BACKOFF_S = (1, 2, 4, 8, 16, 32, 60)
_BRIEF_MS = 30000  # a connection that lasts no longer counts as a failed attempt, to the next one's delay
_IDLE = "nobody has asked for its messages for long: it was unsubscribed"
# What is to be sent when the connection is there again: how many messages, how often and for how long each is tried.
_KEPT_MAX = 8
_KEPT_TRIES = 3
_KEPT_MS = 90000
_OFF = "the MQTT link is off: this device has no active identity, or it was switched off (MQTT.Disconnect)"

# Waiting on nothing at all: select's clock is the network's, whatever time.sleep may be tied to (see boards/SIM).
_pause = select.poll()


class _Session:
    """What one thread does from start to stop, and what is known of it."""

    def __init__(self, chip, identity, timeout, post, served):
        self._chip = chip
        self._identity = identity
        record = identity()
        self._name = record["name"]
        self.client_id = record["client_id"]
        self._timeout = timeout
        self._subscriptions, self._mail, self._requests, self._kept, self._application = post
        self._served = served
        self.serving = self.why_not_serving = None
        self.suspicions = Suspicions()
        self._looked = uptime.ms()
        self._brief = 0
        self._lasted = 0
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
        before = getattr(self, "state", None)
        self.state = state
        self.since = clock.now()
        if (before == "connected") != (state == "connected"):
            for watcher in self._application.watchers:
                watcher(state == "connected")

    # For other threads: what they want done is a Job, which this one does.

    def do(self, run):
        job = Job(run)
        return self._hand_over(job, self._jobs, job)

    def receive(self, topic, ms):
        job = Job()
        return self._hand_over(job, self._receivers, [job, topic, ms])

    def _hand_over(self, job, queue, entry):
        if self.state == "waiting":
            raise self.last_error
        queue.append(entry)
        if self.ended:
            # Nobody will run it: the thread may have ended just before, without seeing it.
            self._fail_jobs(LinkError("state", _OFF))
        return job

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
        self._pass_time()
        self._enter("connecting")
        self.attempts += 1
        # The record isn't kept: with its certificates it is large.
        self._connection = Connection(self._chip, self._identity(), self._arrived, self._timeout)
        for topic, qos in self._subscriptions.items():
            why = self._refusal(self.subscribe, topic, qos)
            if why:
                self._subscriptions.drop(topic, why)
        self._set_serving()
        self.tls = self._connection.tls
        self.attempts = 0
        self._lasted = 0
        self._enter("connected")

    def _refusal(self, operation, *args):
        """Why the operation was refused, if it was; what ends the connection is raised."""
        try:
            operation(*args)
        except LinkError as e:
            if not self._connection.alive:
                raise
            return str(e)
        return None

    def subscribe(self, topic, qos):
        self.suspicions.run("subscribe to", topic, self._connection.subscribe, topic, qos)
        self.suspicions.answered()

    def unsubscribe(self, topic):
        self.suspicions.run("unsubscribe from", topic, self._connection.unsubscribe, topic)
        self.suspicions.answered()

    def publish(self, topic, message, qos, retain):
        self.suspicions.run("publish to", topic, self._connection.publish, topic, message, qos, retain)
        if qos:
            self.suspicions.answered()

    # The RPC's topics.

    def _set_serving(self):
        """Listen to the RPC's topics, or not: a broker that keeps the session may know them from before."""
        on = self._served.on
        if on or on != self.serving:
            self.why_not_serving = self._refusal(self._listen if on else self._ignore)
        self.serving = on

    def _listen(self):
        """One suspicion for all of them: a broker whose policy knows nothing of the RPC would hang up at each."""
        topics = self._request_topics()
        self.suspicions.run("subscribe to", topics[0], self._subscribe_any, topics)
        self.suspicions.answered()

    def _subscribe_any(self, topics):
        refusals = [self._refusal(self._connection.subscribe, topic, 1) for topic in topics]
        if None not in refusals:
            raise LinkError("topic", refusals[0])

    def _ignore(self):
        for topic in self._request_topics():
            self.unsubscribe(topic)

    def _request_topics(self):
        topics = [topic for topic in self._served.topics(self._name) if len(topic.encode()) <= TOPIC_MAX]
        if not topics:
            raise LinkError("state", "the device's name is too long: umqtt can't subscribe to its topics")
        return topics

    def _serve(self):
        quiet = 0
        heard = self._connection.heard
        pinged = False
        while not self.stopping:
            while self._jobs:
                self._do(self._jobs.pop(0))
            self._send_kept()
            self._send_out()
            waited = self._wait()
            self._mail.tick(waited)
            self._deliver(waited)
            self._tidy_up()
            quiet += waited
            if self._holds_up and pinged:
                # The answer stays unread for now: what matters is that the broker has heard from us.
                quiet = 0
                pinged = False
            if self._connection.heard != heard:
                heard = self._connection.heard
                self.suspicions.answered()
                quiet = 0
                pinged = False
            elif quiet >= KEEPALIVE * 1000:
                raise LinkError(
                    "timeout", "%s has said nothing for %d s" % (self._connection.where, KEEPALIVE), "mqtt"
                )
            elif quiet >= KEEPALIVE * 500 and not pinged:
                pinged = True
                self._connection.ping()

    def _do(self, job):
        job.run(self._connection)
        if not self._connection.alive:
            job.wait()  # raises what has ended it

    def _send_kept(self):
        while self._kept:
            entry = self._kept[0]
            topic, message, until, tries = entry
            if tries and uptime.ms() < until:
                entry[3] = tries - 1
                self._refusal(self.publish, topic, message, 1, False)
            if entry in self._kept:
                self._kept.remove(entry)

    def _send_out(self):
        """What the application has published: it stays until the broker has acknowledged it."""
        outbox = self._application.outbox
        while outbox is not None and not self.stopping and not self._jobs:
            entry = outbox.first()
            if entry is None:
                return
            topic, message, qos, _ = entry
            outbox.done(entry, not self._refusal(self.publish, topic, message, qos, False))

    def _wait(self):
        """Read what arrives, if there is room for it; how long that took, if nothing came (ms)."""
        self._requests.hand_on(self._served.take)
        if self._holds_up:
            _pause.poll(_TICK_MS)
        elif self._connection.wait(_TICK_MS):
            return 0
        return _TICK_MS

    @property
    def _holds_up(self):
        return self._requests.is_full() or self._mail.holds_up

    def _tidy_up(self):
        """What has to be done now and then."""
        self._lasted += self._pass_time()
        if self._lasted > _BRIEF_MS:
            self._brief = 0
        for topic in self._subscriptions.overdue():
            self._subscriptions.drop(topic, _IDLE)
            self._refusal(self.unsubscribe, topic)
        if self._served.on != self.serving:
            self._set_serving()

    def _pass_time(self):
        """Tell who counts it how much time has passed (ms)."""
        now = uptime.ms()
        passed = now - self._looked
        self._looked = now
        self._subscriptions.tick(passed)
        self.suspicions.tick(passed)
        return passed

    def _wait_after(self, error):
        if self.state == "connected":
            self._brief += 1
        self.last_error = error
        self.suspicions.ended(error)
        self.tls = None
        self._enter("waiting")
        if self._connection:
            self._connection.close()
            self._connection = None
        self._fail_jobs(error)
        tries = max(self.attempts, self._brief, 1)
        seconds = _BACKOFF_S[min(tries, len(_BACKOFF_S)) - 1]
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

    def _arrived(self, topic, message, retained):
        topic = topic.decode()
        if message is None:
            self.last_error = LinkError("mqtt", "a message on %s was too large, and is lost" % topic)
        elif self.serving and topic in self._served.topics(self._name):
            if not retained:  # a request is for now, and not for each time that this device connects
                self._requests.add(topic, bytes(message))
        elif not self._application.take(topic, message):
            for gone in self._mail.add(topic, bytes(message)):
                self._subscriptions.stray(gone)

    def _deliver(self, waited):
        """Give each waiting receiver its message, or None when its time is up."""
        for receiver in list(self._receivers):
            job, topic, left = receiver
            receiver[2] = 0 if job.unwanted else left - waited
            message = None
            if not job.unwanted:
                self._mail.asked_for()
                self._subscriptions.asked_for(topic)
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
        self._subscriptions = Subscriptions()
        self._mail = Mail()
        self._requests = Requests()
        self._kept = []
        # What the application (atecc) wants of it: an outbox, those who are told of each change, and its inboxes.
        self.outbox = None
        self.watchers = []
        self._inboxes = []
        self._served = _Nobody
        self._since = clock.now()

    def serve(self, channel):
        """As long as `channel.on`, give what arrives on `channel.topics(name)` to `channel.take(topic, message)`, which
        says if it took it."""
        self._served = channel

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
        self._session = _Session(self._chip, self._identity, timeout, post, self._served)
        threads.start(threads.HANDSHAKE, self._session.main)

    def attempt(self, record, timeout):
        """A Job: connect with `record` once, whatever else there is, and disconnect; what was agreed on (tls).

        In a thread with the stack for it: of its caller's much may be taken.
        """
        return Job(lambda: self._once(record, timeout)).start(threads.HANDSHAKE)

    def look(self, endpoint, port, cas, timeout):
        """A Job: whether this device would accept the broker's certificate (look.py); LinkError says why not."""
        look = lazily.load("link.look").look
        return Job(lambda: look(endpoint, port, cas, timeout)).start(threads.HANDSHAKE)

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
            raise LinkError("state", _OFF)
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
        """Subscribe to `inbox.pattern`, now and after every reconnect; what arrives by it is the inbox's."""
        self._inboxes.append(inbox)
        self._subscriptions.add(inbox.pattern, qos, for_good=True)
        session = self._session
        if session and session.state == "connected":
            session.do(lambda _: session.subscribe(inbox.pattern, qos))

    def listen_no_more(self, inbox):
        self._inboxes.remove(inbox)
        if all(other.pattern != inbox.pattern for other in self._inboxes):
            self._subscriptions.remove(inbox.pattern)
            session = self._session
            if session and session.state == "connected":
                session.do(lambda _: session.unsubscribe(inbox.pattern))

    def receive(self, topic, timeout):
        """The oldest message (topic, bytes) not yet taken, of `topic` if given; None if none comes in `timeout` s."""
        return self._on().receive(topic, int(timeout * 1000))

    def send(self, topic, message):
        """Publish with QoS 1 when that is possible, and tell nobody: in a while it is given up."""
        self._kept.append([topic, message, uptime.ms() + _KEPT_MS, _KEPT_TRIES])
        if len(self._kept) > _KEPT_MAX:
            self._kept.pop(0)


class _Nobody:
    """The channel of a link that serves none."""

    on = False
    topics = staticmethod(lambda name: [])
    take = staticmethod(lambda topic, message: True)


def _check(check, topic):
    try:
        check(topic)
    except ValueError as e:
        raise LinkError("argument", "topic: %s" % e)
