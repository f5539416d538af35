"""Parts of the renewal by themselves on MicroPython: a claim's patience, AWS's answers, what is said of a job."""

import pytest

# A module of its own for each test, whose names may be replaced.
FRESH = """
import sys
def fresh(name):
    sys.modules.pop(name, None)
    __import__(name)
    return sys.modules[name]
class Threads:
    REQUEST = 0
    def __init__(self):
        self.pauses, self.started = [], []
    def pause(self, ms):
        self.pauses.append(ms)
    def start(self, stack, function):
        self.started.append(function)
threads = Threads()
"""

# A claim, and the device that has it.

CLAIM = (
    FRESH
    + """
module = fresh("renewal.claim")
module.threads = threads
claim = {"template": "fleet", "parameters": {"Batch": "7"}, "endpoint": "there", "port": 8883, "cas": ["ca"]}
claim |= {"era": 0, "until": None}
class Link:
    made = []
    def __init__(self, chip, record, serving):
        self.record, self.serving, self.done = record(), serving, []
        self.state = "off"
        Link.made.append(self)
    def start(self):
        self.state = "connected"
        self.done.append("start")
    def stop(self):
        self.state = "off"
        self.done.append("stop")
class Chip:
    serial = staticmethod(lambda: bytes.fromhex("0123"))
    held = False
    def require_locked(self): return self.held and "zone"
    def __enter__(self): self.held = True
    def __exit__(self, *_): self.held = False
class Keys:
    use = "free"
    def use_of(self, slot, zone): return self.use if (slot, zone) == (1, "zone") else None
class Store:
    switch, active, keys = 0, "a", Keys()
    free_slot = staticmethod(lambda zone: 1)
class Device:
    chip, store, claims = Chip(), Store(), []
    settings = {"mqtt.enable": False}
    link = Link(None, dict, None)
device = Device()
Link.made = []
module.Link = Link
orders = []
def obtain(device, link, order, asker, begin):
    orders.append([order, begin, link.state, device.link.state])
    if refusal:
        raise refusal
    yield from ()
module.obtain = obtain
refusal = None
module.keep(claim)
used = module.Claim(device)
"""
)


@pytest.mark.parametrize(
    ("failures", "pauses"), [(0, []), (1, [2]), (9, [2, 5, 10, 20, 40, 60, 300, 300, 300])]
)
def test_a_claim_is_used_again_after_longer_and_longer_pauses(micropython, failures, pauses):
    code = CLAIM + f"left, waits, under = [{failures}], [], []\n"
    code += """def done():
    used.attempts += 1
    left[0] -= 1
    under.append(used.under_way)
    return left[0] < 0
"""
    code += "used._done = done\nused._wait = lambda seconds, claim: waits.append(seconds)\nused.main()\n"
    assert micropython.value("[waits, all(under), used.under_way]", code) == [pauses, True, False]


def test_while_it_waits_another_claim_is_looked_for_each_second(micropython):
    code = CLAIM + "looks = []\ndef kept():\n    looks.append(len(threads.pauses))\n    return 'mine'\n"
    code += "module.kept = kept\nused._wait(100, 'mine')\nmine = looks[:], threads.pauses[:]\n"
    code += "threads.pauses, looks = [], []\nused._wait(3, 'another')\n"
    (looks, pauses), other = micropython.value("[mine, threads.pauses]", code)
    assert (looks, pauses) == (list(range(1, 1000, 10)), [100] * 1000) and other == [100]


@pytest.mark.parametrize(
    ("setting", "done", "asked", "kept"),
    [
        ("", True, 1, False),
        ("module.forget()", True, 0, False),
        ("refusal = OSError('no')", False, 1, True),
        ("Store.switch = 1", True, 0, False),
        ("refusal = OSError('no')\nmodule.keep(claim | {'until': 9})", True, 1, False),
        ("refusal = OSError('no')\nmodule.keep(claim | {'until': 10})", False, 1, True),
        ("refusal = OSError('no')\nmodule.keep(claim | {'until': 9})\nsure = False", False, 1, True),
    ],
)
def test_when_a_claim_has_served(micropython, setting, done, asked, kept):
    code = CLAIM + "sure = True\n" + setting + "\n"
    code += "class Clock:\n    is_sure = staticmethod(lambda: sure)\n    now = staticmethod(lambda: 10)\n"
    code += "module.clock = Clock\nended = used._done()\n"
    seen = micropython.value("[ended, len(orders), module.kept() is not None, str(used.error)]", code)
    assert seen == [done, asked, kept, "no" if asked and "refusal" in setting else "None"]


def test_what_has_served_in_spite_of_an_error_is_forgotten(micropython):
    """The certificate came and was committed; what failed is the connection after it."""
    code = CLAIM + "def obtain(*_, begin):\n    Store.switch = 1\n    raise OSError('gone')\n    yield\n"
    code += "module.obtain = obtain\nended = used._done()\n"
    assert micropython.value("[ended, module.kept()]", code) == [True, None]


def test_a_claim_that_is_forgotten_is_overwritten_first(micropython):
    """What is removed is in the flash still."""
    code = CLAIM + "module.keep(claim | {'key': 'k' * 999})\nmodule.keep(claim)\nreal = module.os\n"
    code += "def left():\n    return [open('/claim' + side, 'rb').read() for side in ('.0', '.1')]\n"
    code += "class Os:\n    stat = real.stat\n    remove = staticmethod(lambda path: None)\n"
    code += (
        "module.os, before = Os, left()\nmodule.forget()\nafter = left()\nmodule.os = real\nmodule.forget()\n"
    )
    code += "gone = [name for name in real.listdir('/') if name.startswith('claim')]\n"
    shown = "[[len(one) for one in before], [len(one) for one in after], [sum(one) for one in after], gone]"
    before, after, sums, gone = micropython.value(shown, code)
    assert before == after and max(before) > 999 and (sums, gone) == ([0, 0], [])


@pytest.mark.parametrize(
    ("setting", "starts"),
    [
        ("", 1),
        ("module.forget()", 0),
        ("device.claims.append(used)", 0),
        ("used.under_way = False\ndevice.claims.append(used)", 1),
        ("module.forget()\nused.under_way = False\ndevice.claims.append(used)", 0),
    ],
)
def test_one_claim_is_used_once_at_a_time(micropython, setting, starts):
    code = CLAIM + setting + "\nmodule.use(device)\n"
    code += "new = [len(device.claims), device.claims[0] is not used] if threads.started else None\n"
    assert micropython.value("[len(threads.started), new]", code) == [starts, [1, True] if starts else None]


def test_what_is_asked_for_with_a_claim(micropython):
    code = CLAIM + "device.link.start()\nmodule.complete(used._ask(claim))\nlink = Link.made[0]\n"
    record = "{name: link.record[name] for name in ('name', 'client_id', 'chip', 'endpoint')}"
    shown = f"[orders, {record}, link.done, device.link.done, link.serving.on, link.serving.take('', b'')]"
    order = {
        "template": "fleet",
        "parameters": {"Batch": "7", "SerialNumber": "0123"},
        "where": {"endpoint": "there", "port": 8883},
        "cas": ["ca"],
    }
    name = {"name": "claim-0123", "client_id": "claim-0123", "chip": "0123", "endpoint": "there"}
    assert micropython.value(shown, code) == [
        [[order, {"slot": 1, "key": "new"}, "connected", "off"]],
        name,
        ["start", "stop"],
        ["start", "stop", "start"],
        False,
        True,
    ]


@pytest.mark.parametrize(("use", "key"), [("idle", "existing"), ("free", "new"), ("active", "new")])
def test_the_key_of_an_attempt_before_is_used_again(micropython, use, key):
    code = CLAIM + f"Keys.use = {use!r}\n"
    assert micropython.value("used._key()", code) == {"slot": 1, "key": key}


@pytest.mark.parametrize(
    ("setting", "on"),
    [
        ("", False),
        ("device.link.start()", True),
        ("device.settings['mqtt.enable'] = True", True),
        ("device.settings['mqtt.enable'] = True\nStore.active = None", False),
        ("device.link.start()\nrefusal = OSError('no')", True),
    ],
)
def test_afterwards_the_devices_own_link_is_as_it_was(micropython, setting, on):
    code = CLAIM + setting + "\ntry:\n    module.complete(used._ask(claim))\nexcept OSError:\n    pass\n"
    state = micropython.value("[device.link.state, Link.made[0].state]", code)
    assert state == ["connected" if on else "off", "off"]


# What AWS answers.


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('{"errorCode": "A", "errorMessage": "x", "message": "y"}', "AWS rejects t: x (A)"),
        ('{"code": "B", "message": "y"}', "AWS rejects t: y (B)"),
        ('{"code": "B"}', "AWS rejects t: without a reason (B)"),
        ("{}", "AWS rejects t: without a reason (None)"),
        ("[]", "what AWS has answered to t is no JSON object"),
        ("no", "what AWS has answered to t is no JSON object"),
    ],
)
def test_why_aws_rejects_it(micropython, answer, why):
    code = FRESH + "module = fresh('renewal.exchange')\n"
    code += "try:\n    said = str(module._rejection('t', given))\nexcept module.LinkError as e:\n    said = str(e)\n"
    assert micropython.value("said", code, answer) == why


ASK = (
    FRESH
    + """
module = fresh("renewal.exchange")
class Link:
    \"""Whose broker says, of `given`, what is next whenever something is waited for.\"""
    def __init__(self):
        self.inboxes, self.said, self.waits = [], [], []
    def connected(self): pass
    def listen(self, inbox, qos):
        self.inboxes.append(inbox)
    def listen_no_more(self, inbox):
        self.inboxes.remove(inbox)
    def publish(self, topic, message, qos, retain):
        self.said.append([topic, message, qos, retain, len(self.inboxes)])
    def wait_for(self, take, timeout):
        while given:
            self.waits.append(bool(take()))
            topic, message = given.pop(0)
            for inbox in self.inboxes:
                if inbox.takes(topic):
                    inbox.add(topic, message.encode())
        self.waits.append([bool(take()), timeout])
link = Link()
def asked():
    steps = module.ask(link, "t", {"a": 1})
    try:
        while True: next(steps)
    except StopIteration as e:
        return e.value
    except module.LinkError as e:
        return [e.kind, str(e)]
said = asked()
"""
)


@pytest.mark.parametrize(
    ("comes", "answer", "waits"),
    [
        ([["t/accepted", '{"b": 2}']], {"b": 2}, [False, [True, 30]]),
        ([["t/other", "{}"], ["t/rejected", "{}"]], ["rejected", "AWS rejects t: without a reason (None)"],
         [False, False, [True, 30]]),
        ([["t", "{}"], ["t/accepted/x", "{}"]], ["timeout", "AWS has not answered t within 30 s"],
         [False, False, [False, 30]]),
        ([["t/accepted", "[]"]], ["mqtt", "what AWS has answered to t is no JSON object"], [False, [True, 30]]),
    ],
)  # fmt: skip
def test_aws_is_asked_and_its_answer_waited_for(micropython, comes, answer, waits):
    seen = micropython.value("[said, link.waits, link.said, link.inboxes]", ASK, comes)
    assert seen == [answer, waits, [["t", '{"a": 1}', 1, False, 2]], []]


@pytest.mark.parametrize(
    ("where", "answer", "named"),
    [
        ({"name": "one"}, {}, {"name": "one"}),
        ({"name": "one", "client_id": "own"}, {"thingName": "one"}, {"name": "one", "client_id": "own"}),
        ({}, {"thingName": "one"}, {"name": "one", "client_id": "one"}),
        ({"name": "one"}, {"thingName": "two"}, "AWS has registered two, not one"),
        ({"name": "one"}, {"thingName": 1}, "AWS's answer has no thingName"),
        ({}, {}, "AWS's answer has no thingName"),
        ({}, {"thingName": "a/b"}, "AWS's name for this device: "),
    ],
)
def test_the_name_that_aws_gives(micropython, where, answer, named):
    code = FRESH + "module = fresh('renewal.obtain')\ntry:\n    said = module._named(*given)\n"
    seen = micropython.value(
        "said", code + "except module.LinkError as e:\n    said = str(e)\n", [where, answer]
    )
    assert seen == named if isinstance(named, dict) else seen.startswith(named)


# From the request to the commit.

OBTAIN = (
    FRESH
    + """
module = fresh("renewal.obtain")
done = []
class Link:
    def __init__(self, name):
        self.name, self.state = name, "connected"
    def status(self): return {"client_id": self.name}
    def start(self): done.append("start " + self.name)
    def stop(self): done.append("stop " + self.name)
class Certificate:
    sha256 = "c0"
class Store:
    def begin(self, subject, asker, **more):
        done.append(["begin", subject, asker, more])
        return {"token": "t", "csr": b"csr"}
    def stage(self, token, certificate, cas, chain, **where):
        done.append(["stage", certificate, len(chain), where])
        return "b", Certificate
    def commit(self, token, asker): done.append("commit")
    def discard(self, token): done.append("discard")
class Device:
    store, link = Store(), Link("one")
    class web:
        refresh = staticmethod(lambda: done.append("refresh"))
device = Device()
def registered(link, order, csr, timeout):
    yield from ()
    return {"certificatePem": "PEM", "thingName": "one", "deviceConfiguration": {"a": 1}}
module._registered = registered
module.certificates = lambda pem: list("abcdefg")
class Trial:
    @staticmethod
    def try_staged(store, link, token, timeout, tries, then):
        yield from ()
        done.append(["try", link.name, timeout, tries])
        if fails:
            raise OSError("no")
        then()
        return {"ms": 7}
class Lazily:
    load = staticmethod(lambda name: Trial)
module.lazily = Lazily
order = {"parameters": {"SerialNumber": "0123"}, "cas": ["aa=="], "where": {"endpoint": "there"}}
fails = False
def obtain(link):
    done.clear()
    steps = module.obtain(device, link, order, "me")
    try:
        while True: next(steps)
    except StopIteration as e:
        return e.value
    except OSError as e:
        return str(e)
"""
)
BEGUN = [
    ["begin", [[["CN", "0123"]]], "me", {}],
    ["stage", "a", 4, {"endpoint": "there", "name": "one", "client_id": "one"}],
]
TRIED = ["try", "one", 30, 3]
GOT = {"ms": 7, "identity": "b", "certificate": "c0", "configuration": {"a": 1}}


@pytest.mark.parametrize(
    ("setting", "link", "ends"),
    [
        ("", "device.link", [TRIED, "commit", "refresh"]),
        ("", "Link('claim')", ["stop claim", TRIED, "commit", "refresh"]),
        ("device.link.name = 'old'", "device.link", [["try", "old", 30, 3], "commit", "start old", "refresh"]),
        ("device.link.state = 'off'\ndevice.link.name = 'old'", "device.link",
         [["try", "old", 30, 3], "commit", "refresh"]),
    ],
)  # fmt: skip
def test_what_is_obtained_is_tried_committed_and_used(micropython, setting, link, ends):
    code = OBTAIN + setting + f"\ngot = obtain({link})\n"
    assert micropython.value("[done, got]", code) == [BEGUN + ends, GOT]


@pytest.mark.parametrize(
    ("template", "job", "also"),
    [("fleet", None, {"untold": True}), (None, "job-1", {"untold": True, "job": "job-1"})],
)
def test_what_a_device_asks_for_when_it_renews(micropython, template, job, also):
    code = (
        OBTAIN
        + """
def obtain(device, link, order, asker, timeout):
    yield from ()
    return [order, link.name, timeout]
module.obtain = obtain
Store.current = lambda self: {"name": "one", "cas": ["ca"], "endpoint": "there", "port": 1, "slot": 0, "sha256": "x"}
steps = module.renew(device, given[0], {"Batch": "7"}, job=given[1])
try:
    next(steps)
except StopIteration as e:
    got = e.value
"""
    )
    order, link, timeout = micropython.value("got", code, [template, job])
    assert (link, timeout) == ("one", 30)
    assert order == {
        "template": template,
        "parameters": {"ThingName": "one", "Batch": "7"},
        "where": {"name": "one", "endpoint": "there", "port": 1} | also,
        "cas": ["ca"],
    }


@pytest.mark.parametrize(
    ("current", "why"),
    [("None", "no active identity to renew"), ("{'name': 'one'}", "aws.template is empty")],
)
def test_a_device_that_has_nothing_to_renew_or_to_renew_it_by(micropython, current, why):
    code = OBTAIN + f"Store.current = lambda self: {current}\n"
    assert why in micropython.error("next(module.renew(device, ''))", code)


def test_what_can_not_be_used_is_discarded(micropython):
    code = OBTAIN + "fails = True\ngot = obtain(device.link)\n"
    assert micropython.value("[done, got]", code) == [[*BEGUN, TRIED, "discard"], "no"]


TRY = (
    FRESH
    + """
module = fresh("renewal.trial")
done = []
class Threads:
    @staticmethod
    def pause(ms): done.append(ms)
module.threads = Threads
class Job:
    def wait(self):
        if fails: raise OSError("no")
        return {"version": "1.2"}
class Link:
    room = 0
    def status(self): return {"client_id": "one"}
    def stop(self): done.append("stop")
    def start(self):
        Link.room -= 1
        if Link.room >= 0: raise MemoryError
        done.append("start")
    def attempt(self, record, timeout, tries):
        done.append(["attempt", timeout, tries])
        return Job()
class Store:
    free = True
    def begin_trial(self): return self.free
    def end_trial(self): done.append("end")
    def candidate(self, token): return {"endpoint": "e", "port": 1, "client_id": given, "key": 0}, "digest"
    def mark_tried(self, token, digest): done.append([token, digest])
fails = False
def tried():
    steps = module.try_staged(Store(), Link(), "t", 5, 2, lambda: done.append("then"))
    try:
        while True: next(steps)
    except StopIteration as e:
        return {name: e.value[name] for name in e.value if name != "ms"}
    except (OSError, module.StoreError) as e:
        return str(e)
"""
)


@pytest.mark.parametrize(
    ("setting", "client", "does"),
    [
        ("", "one", ["stop", ["attempt", 5, 2], ["t", "digest"], "then", "start", "end"]),
        ("", "two", [["attempt", 5, 2], ["t", "digest"], "then", "end"]),
        ("fails = True", "one", ["stop", ["attempt", 5, 2], "start", "end"]),
        ("fails = True", "two", [["attempt", 5, 2], "end"]),
        (
            "Link.room = 2",
            "one",
            ["stop", ["attempt", 5, 2], ["t", "digest"], "then", 100, 100, "start", "end"],
        ),
        ("Store.free = False", "one", []),
    ],
)
def test_the_link_makes_way_for_a_try_with_its_own_client_id(micropython, setting, client, does):
    done, got = micropython.value("[done, got]", TRY + setting + "\ngot = tried()\n", client)
    assert done == does
    if not setting or "room" in setting:
        assert got == {"endpoint": "e", "port": 1, "client_id": client, "tls": {"version": "1.2"}}
    else:
        assert got == ("no" if "fails" in setting else "another caller is trying the staged identity")


# What is said of a job.

JOB = (
    FRESH
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
    FRESH
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
