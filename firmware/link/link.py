"""Keeps the active identity connected: a thread of its own that connects, watches, pings and reconnects.

Only that thread touches the connection. Others hand it jobs and sleep until it has done them; every job ends, for every
socket operation does.
"""

import _thread
import select
import sys

from . import clock
from .mqtt import KEEPALIVE, Connection, LinkError

_TICK_MS = 100
_BACKOFF_S = (1, 2, 4, 8, 16, 32, 60)
# A handshake in which the chip signs: more than a thread's default; frames are twice as large with 64-bit pointers.
_STACK_BYTES = (16 if sys.maxsize < 1 << 32 else 48) * 1024
_INBOX_MAX = 16
_OFF = "the MQTT link is off: this device has no active identity, or it was switched off (MQTT.Disconnect)"


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
            if not connection.alive:
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


class Link:
    """The device's MQTT link. `state` is `off`, `connecting`, `connected` or `waiting` (for the next attempt)."""

    def __init__(self, chip):
        self._chip = chip
        self._jobs = []
        self._inbox = []
        self._receivers = []
        self._running = False
        self._stop = False
        self._record = None
        self._connection = None
        # Waiting here and not with time.sleep keeps the network's clock out of the chip's (see boards/SIM).
        self._pause = select.poll()
        self._topics = {}
        self._reset("off")

    def _reset(self, state):
        self.state = state
        self.since = clock.now()
        self.attempts = 0
        self.last_error = None
        self.tls = None

    # For other threads.

    def start(self, record, timeout=30):
        """Connect with `record` (a committed identity) and stay connected. Returns at once."""
        self.stop()
        self._record = record
        self._timeout = timeout
        self._stop = False
        self._reset("connecting")
        self._running = True
        _thread.stack_size(_STACK_BYTES)
        _thread.start_new_thread(self._main, ())

    def stop(self):
        """Disconnect and stay so; returns when the thread has ended."""
        self._stop = True
        while self._running:
            self._pause.poll(10)
        self._reset("off")

    @property
    def subscriptions(self):
        return sorted(self._topics)

    @property
    def client_id(self):
        return self._record["client_id"] if self._record else None

    def wait_connected(self):
        """Until the attempt under way has succeeded; LinkError says why it has not."""
        self._do(lambda connection: None)

    def publish(self, topic, message, qos, retain):
        self._do(lambda connection: connection.publish(topic, message, qos, retain))

    def subscribe(self, topic, qos):
        """Subscribe, now and after every reconnect."""

        def run(connection):
            connection.subscribe(topic, qos)
            self._topics[topic] = qos

        self._do(run)

    def receive(self, topic, timeout):
        """The oldest message (topic, bytes) not yet taken, of `topic` if given; None if none comes in `timeout` s."""
        job = _Job(None)
        return self._hand_over(job, self._receivers, [job, topic, int(timeout * 1000)])

    def _do(self, run):
        job = _Job(run)
        return self._hand_over(job, self._jobs, job)

    def _hand_over(self, job, queue, entry):
        if self.state == "waiting":
            raise self.last_error
        queue.append(entry)
        if not self._running:
            # Nobody will run it; the thread may have ended just before, without seeing it.
            self._fail_waiting(LinkError("state", _OFF))
        return job.wait()

    # The link's own thread.

    def _main(self):
        try:
            while not self._stop:
                try:
                    self._connect()
                    self._serve()
                except Exception as e:
                    self._wait_after(e)
        finally:
            self._end()

    def _connect(self):
        self.state = "connecting"
        self.attempts += 1
        self._connection = Connection(self._chip, self._record, self._arrived, self._timeout)
        for topic, qos in self._topics.items():
            self._connection.subscribe(topic, qos)
        self.tls = self._connection.tls
        self.state = "connected"
        self.since = clock.now()
        self.attempts = 0

    def _serve(self):
        quiet = 0
        heard = self._connection.heard
        pinged = False
        while not self._stop:
            while self._jobs:
                self._jobs.pop(0).run(self._connection)
            waited = 0 if self._connection.wait(_TICK_MS) else _TICK_MS
            self._deliver(waited)
            quiet += waited
            if self._connection.heard != heard:
                heard = self._connection.heard
                quiet = 0
                pinged = False
            elif quiet >= KEEPALIVE * 1000:
                raise LinkError(
                    "timeout", "%s has said nothing for %d s" % (self._connection.where, KEEPALIVE)
                )
            elif quiet >= KEEPALIVE * 500 and not pinged:
                pinged = True
                self._connection.ping()

    def _wait_after(self, error):
        self.last_error = error
        self.state = "waiting"
        self.since = clock.now()
        self.tls = None
        self._drop_connection()
        self._fail_waiting(error)
        seconds = _BACKOFF_S[min(max(self.attempts - 1, 0), len(_BACKOFF_S) - 1)]
        for _ in range(seconds * 1000 // _TICK_MS):
            if self._stop:
                return
            self._pause.poll(_TICK_MS)

    def _end(self):
        if self._connection:
            self._connection.disconnect()
            self._connection = None
        self._running = False
        self._fail_waiting(LinkError("state", _OFF))

    def _drop_connection(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def _fail_waiting(self, error):
        while self._jobs:
            self._jobs.pop(0).finish(None, error)
        while self._receivers:
            self._receivers.pop(0)[0].finish(None, error)

    # Messages.

    def _arrived(self, topic, message):
        if len(self._inbox) == _INBOX_MAX:
            self._inbox.pop(0)
        self._inbox.append((topic.decode(), bytes(message)))

    def _deliver(self, waited):
        """Give each waiting receiver its message, or None when its time is up."""
        for receiver in list(self._receivers):
            job, topic, left = receiver
            receiver[2] = left - waited
            message = self._take(topic)
            if message or receiver[2] <= 0:
                self._receivers.remove(receiver)
                job.finish(message)

    def _take(self, topic):
        for message in self._inbox:
            if topic is None or message[0] == topic:
                self._inbox.remove(message)
                return message
        return None
