"""One stay at the broker, from start to stop: what the link's thread does, and what is known of it."""

from micropython import const

import threads
import uptime
from job import Job

from . import clock
from .errors import LinkError
from .mqtt import KEEPALIVE, TOPIC_MAX, Connection
from .subscriptions import Suspicions

_TICK_MS = const(100)
_BACKOFF_S = (1, 2, 4, 8, 16, 32, 60)
# A connection that lasts no longer counts as a failed attempt, to the next one's delay.
_BRIEF_MS = const(30000)
_DAY_MS = const(86_400_000)
_IDLE = "nobody has asked for its messages for long: it was unsubscribed"
OFF = (
    "the MQTT link is off: this device has no active identity, another one is being tried, or it was switched off"
    " (MQTT.Disconnect)"
)


class Session:
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

    def wait_for(self, take, ms):
        job = Job()
        return self._hand_over(job, self._receivers, [job, take, ms])

    def _hand_over(self, job, queue, entry):
        if self.state == "waiting":
            raise self.last_error
        queue.append(entry)
        if self.ended:
            # Nobody will run it: the thread may have ended just before, without seeing it.
            self._fail_jobs(LinkError("state", OFF))
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
            self._fail_jobs(LinkError("state", OFF))

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
            threads.pause(_TICK_MS)
        elif self._connection.wait(_TICK_MS):
            return 0
        return _TICK_MS

    @property
    def _holds_up(self):
        return self._requests.is_full() or self._mail.holds_up

    def _tidy_up(self):
        """What has to be done now and then."""
        days = self._lasted // _DAY_MS
        self._lasted += self._pass_time()
        if self._lasted > _BRIEF_MS:
            self._brief = 0
        if self._application.daily and self._lasted // _DAY_MS > days:
            self._application.daily()
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
            threads.pause(_TICK_MS)

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
            job, take, left = receiver
            receiver[2] = 0 if job.unwanted else left - waited
            message = None if job.unwanted else take()
            if message or receiver[2] <= 0:
                self._receivers.remove(receiver)
                job.finish(message)
