"""From the request to the commit, by themselves: AWS's answers, the try, what is discarded."""

import pytest
from fresh import FRESH
from renewing import THREADS

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
    THREADS
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
    THREADS
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
    THREADS
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
