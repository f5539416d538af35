"""What is said of a job, by itself; what is listened for, and begun."""

import pytest
from fresh import FRESH
from renewing import THREADS

# What is said of a job.

JOB = (
    THREADS
    + """
module = fresh("renewal.rotation")
module.threads = threads
class Uptime:
    now = 0
    def ms(self): return self.now
clock = module.uptime = Uptime()
def pause(ms):
    clock.now += ms
    threads.pauses.append(ms)
    if clock.now >= heard_after:
        listener.reported = None
threads.pause = pause
class Listener:
    reported = None
listener = Listener()
class Store:
    name, heard = "thing-1", 0
    def told(self): self.heard += 1
store = Store()
class Link:
    said = []
    def publish(self, topic, message, qos, retain):
        assert qos == 1 and retain is False
        self.said.append(module.json.loads(message))
        return self
    def wait(self): pass
told = []
"""
)
TELLS = "module._update = lambda listener, link, thing, job, wanted: told.append(wanted)\n"


@pytest.mark.parametrize(
    ("after", "why", "waited", "told", "heard"),
    [
        (300, None, 300, None, 1),
        (119_900, None, 119_900, None, 1),
        (300, "why", 300, None, 0),
        (10**9, None, 120_000, "SUCCEEDED", 0),
        (10**9, "why", 120_000, "FAILED", 0),
    ],
)
def test_a_verdict_is_waited_for(micropython, after, why, waited, told, heard):
    code = (
        JOB
        + TELLS
        + f"heard_after = {after}\nagain = module._report(listener, store, Link(), 'job-1', given)\n"
    )
    seen = micropython.value("[again, Link.said, clock.now, store.heard, told]", code, why)
    assert seen[:4] == [False, [{"jobId": "job-1"} | ({"error": why} if why else {})], waited, heard]
    assert [one["status"] for one in seen[4]] == ([told] if told else [])


@pytest.mark.parametrize(("answer", "agreed"), [("t/accepted", True), ("t/rejected", False), (None, False)])
def test_whether_aws_agrees(micropython, answer, agreed):
    code = (
        JOB
        + """heard_after = 10**9
listener.answer = "of another"
class Answering(Link):
    def publish(self, topic, *more):
        self.topic = topic
        return Link.publish(self, topic, *more)
    def wait_for(self, take, timeout):
        self.timeout = [take(), timeout]
        listener.answer = given
        took = take()
        self.wait = lambda: took
        return self
link = Answering()
agreed = module._update(listener, link, "thing-1", "job-1", {"a": 1})
"""
    )
    seen = micropython.value("[agreed, link.topic, link.said, link.timeout]", code, answer)
    assert seen == [agreed, "$aws/things/thing-1/jobs/job-1/update", [{"a": 1}], [None, 30]]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("OSError('two\\n lines\\t.')", "two lines ."),
        ("MemoryError()", "MemoryError()"),
        ("OSError('x' * 2000)", "x" * 1000),
    ],
)
def test_an_error_is_told_in_one_line(micropython, error, words):
    assert (
        micropython.value(f"module._words({error})", FRESH + "module = fresh('renewal.rotation')\n") == words
    )


# What is listened for, and begun.

LISTENER = (
    THREADS
    + """
module = fresh("renewal.listener")
class Threads(Threads):
    room = True
    def start(self, stack, function, how, what):
        if not self.room: raise MemoryError
        self.started.append([how, what])
        self.work = function
threads = module.threads = Threads()
class Uptime:
    now = 0
    def ms(self): return self.now
clock = module.uptime = Uptime()
class Link:
    state, daily = "connected", None
    def __init__(self): self.watchers, self.sent, self.inboxes = [], [], []
    def listen(self, inbox, qos): self.inboxes.append([inbox.pattern, qos])
    def listen_no_more(self, inbox): self.inboxes.remove([inbox.pattern, 1])
    def send(self, topic, message): self.sent.append(topic)
class Store:
    active, untold, name, switch = "a", False, "one", 0
class Device:
    link, store = Link(), Store()
    settings = {"aws.jobs": False, "aws.renew": 30}
device = Device()
listener = module.Listener(device)
class Rotation:
    again = False
    def by_itself(self, *_): return self.again
    by_job = by_itself
class Lazily:
    load = staticmethod(lambda name: Rotation())
module.lazily = Lazily
def connects(ms=0):
    "What is begun, and comes to its end, when the device connects at that time."
    clock.now = ms
    listener._changed(True)
    begun, threads.started = threads.started, []
    for one in begun: threads.work(*one)
    return begun
"""
)
DAY_MS = 86_400_000
BEGUN_BY_ITSELF = [["by_itself", True]]


def test_it_renews_by_itself_once_a_day(micropython):
    code = LISTENER + f"seen = [connects(ms) for ms in (5, 6, {DAY_MS + 4}, {DAY_MS + 5}, {DAY_MS + 6})]\n"
    assert micropython.value("seen", code) == [BEGUN_BY_ITSELF, [], [], BEGUN_BY_ITSELF, []]


@pytest.mark.parametrize(
    ("setting", "begun"),
    [
        ("device.settings['aws.renew'] = 0", []),
        ("device.settings['aws.renew'] = 1", BEGUN_BY_ITSELF),
        ("Store.active = None", []),
        ("device.settings['aws.renew'] = 0\nStore.untold = True", [["by_itself", False]]),
        ("device.settings['aws.renew'] = 0\nStore.untold = True\nStore.active = None", []),
        ("threads.room = False", []),
    ],
)
def test_what_is_begun_when_it_connects(micropython, setting, begun):
    code = LISTENER + setting + "\nfirst = connects()\nthreads.room = True\nagain = connects()\n"
    first, again = micropython.value("[first, again]", code)
    assert first == begun
    assert again == (BEGUN_BY_ITSELF if "room" in setting else begun if "untold" in setting else [])


def test_one_thing_at_a_time_and_what_was_missed_is_looked_for(micropython):
    code = LISTENER + "device.settings |= {'aws.jobs': True, 'aws.renew': 0}\nlistener.refresh()\n"
    code += "first, more = [listener._begin('by_job', {}) for _ in range(2)]\nbegun = threads.started[:]\n"
    code += (
        "before = len(device.link.sent)\nthreads.work('by_job', {})\nasked = len(device.link.sent) - before\n"
    )
    assert micropython.value("[first, more, begun, asked]", code) == [True, False, [["by_job", {}]], 1]


@pytest.mark.parametrize("again", [True, False])
def test_a_job_is_looked_for_again_if_that_is_of_use(micropython, again):
    code = LISTENER + f"Rotation.again = {again}\nlistener._thing = 'one'\nlistener._begin('by_job', {{}})\n"
    code += "threads.work('by_job', {})\n"
    assert micropython.value("len(device.link.sent)", code) == again


def test_the_owner_switches_jobs_on_and_off(micropython):
    code = (
        LISTENER + "seen = []\nfor on in (True, True, False, True):\n    device.settings['aws.jobs'] = on\n"
    )
    code += "    listener.refresh()\n    seen.append([device.link.inboxes[:], len(device.link.sent)])\n"
    there = [["$aws/things/one/jobs/#", 1]]
    assert micropython.value("seen", code) == [[there, 1], [there, 1], [[], 1], [there, 2]]
