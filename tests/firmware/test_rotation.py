"""Renewal through a job of AWS IoT, on MicroPython and a simulated chip: the steps, and each way in which one can fail.

The link is made here, and so is what AWS answers. What comes of it at AWS has its tests in tests/cloud and tests/e2e.
"""

import pytest
from identities import CA_KEY, NOW, STORE, issue, provision

# A certificate for another key, in whose place the chip's own is put: the store looks at the key, TLS at the signature.
PLACE = issue(CA_KEY.public_key(), "placeholder")
SETTING = (
    STORE
    + '''
import binascii, json
from link.errors import LinkError
from renewal import rotation
from renewal.listener import Listener
rotation.VERDICT_MS = 0
class Done:
    def __init__(self, result=None, error=None):
        self.result, self.error = result, error
    def wait(self):
        if self.error:
            raise self.error
        return self.result
class Link:
    """A link, and AWS behind it. `fails`: what does not work, and how."""
    def __init__(self, **fails):
        self.fails = fails
        self.state = "connected"
        self.watchers = []
        self.said = []
        self.inboxes = []
        self.tried = 0
    dropped = ()
    def status(self):
        return {"client_id": "thing-1", "dropped": self.dropped}
    def connected(self):
        return Done()
    def listen(self, inbox, qos):
        self.inboxes.append(inbox)
    def listen_no_more(self, inbox):
        self.inboxes.remove(inbox)
    def start(self, timeout=30):
        self.state = "connected"
    def stop(self):
        self.state = "off"
    def send(self, topic, message):
        self.said.append([topic, json.loads(message)])
    def attempt(self, record, timeout, tries):
        self.tried += 1
        why = self.fails.get("try")
        return Done({}, LinkError("closed", why) if why else None)
    def wait_for(self, take, timeout):
        return Done(take())
    def publish(self, topic, message, qos, retain):
        self.send(topic, message)
        for end in ("update", "create-from-csr/json", "provision/json", "sign", "rotated"):
            if topic.endswith(end):
                self.answer(topic, end.split("/")[0], json.loads(message))
        return Done()
    def answer(self, topic, what, asked):
        how = self.fails.get(what)
        if how == "down":
            raise LinkError("closed", "the network is gone", "mqtt")
        if how == "silent":
            return
        said = self.made(asked) if "certificateSigningRequest" in asked else {}
        if how:
            said = {"errorCode": "AccessDenied", "errorMessage": how}
        end = "/rejected" if how else "/accepted"
        if what == "update":
            listener._heard(topic + end, "{}")
        for inbox in self.inboxes:
            if inbox.takes(topic + end):
                inbox.add(topic + end, json.dumps(said))
    def made(self, asked):
        request = binascii.a2b_base64(asked["certificateSigningRequest"].split("-----")[2])
        point = bytes.fromhex(given[0])
        mine = request[request.find(point[:26]):][:len(point)]
        certificate = bytes.fromhex(given[1]).replace(point, mine)
        pem = "-----BEGIN CERTIFICATE-----\\n%s-----END CERTIFICATE-----\\n" % binascii.b2a_base64(certificate).decode()
        return {"certificatePem": pem, "certificateId": "c", "certificateOwnershipToken": "t"}
class Device:
    """What of the module of that name a renewal asks for."""
    class settings:
        values = {"aws.jobs": True, "aws.renew": 0, "aws.template": "fleet"}
        get = values.get
    class web:
        refresh = staticmethod(lambda: None)
    def __init__(self, link):
        self.link, self.store = link, store
def execution(status="QUEUED"):
    document = {"operation": "rotate-certificate", "version": 1, "template": "fleet"}
    return {"jobId": "job-1", "status": status, "versionNumber": 1, "jobDocument": document}
def work(link, what=None):
    return rotation.by_job(listener, Device(link), what or execution())
def itself(link, due=True):
    return rotation.by_itself(listener, Device(link), due)
TOLD = "things/thing-1/rotated"
listener = Listener(Device(Link()))
'''
)


def info():
    """The placeholder's SubjectPublicKeyInfo, which the chip's own takes the place of."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return CA_KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).hex()


GIVEN = [info(), PLACE]
SEEN = "[store.active, store.get(store.idle)['state'], link.state, link.tried]"


@pytest.fixture
def device(bench):
    """A board that is thing-1, with its key in slot 0."""
    made = bench(preset="tls", locked=True)
    provision(made)
    return made


def test_a_new_key_and_certificate_tried_and_committed(device):
    code = SETTING + "link = Link()\nagain = work(link)\nthere = work(link, execution('IN_PROGRESS'))\n"
    shown = (
        f"[{SEEN}, store.current()['slot'], store.current()['job'], again, there, [s[0] for s in link.said]]"
    )
    seen, slot, job, again, there, said = device.value(shown, code, GIVEN)
    assert seen == ["b", "previous", "connected", 1]
    assert (slot, job, again, there) == (1, "job-1", False, False)
    assert said == [
        "$aws/things/thing-1/jobs/job-1/update",
        "$aws/certificates/create-from-csr/json",
        "$aws/provisioning-templates/fleet/provision/json",
        "things/thing-1/rotated",
        "$aws/things/thing-1/jobs/job-1/update",
    ]


SIGNER = (
    "signed = execution()\nsigned['jobDocument'] = {'operation': 'rotate-certificate', 'signer': 'fleet'}\n"
)


def test_by_a_signer_of_the_owners_it_is_one_request(device):
    code = SETTING + SIGNER + "link = Link()\nagain = work(link, signed)\n"
    said = device.value(f"[{SEEN}, again, [s[0] for s in link.said], link.said[1][1]['jobId']]", code, GIVEN)
    topics = ["$aws/things/thing-1/jobs/job-1/update", "things/thing-1/sign"]
    assert said == [["b", "previous", "connected", 1], False, topics, "job-1"]


def test_a_signer_that_refuses_leaves_the_old_one(device):
    code = SETTING + SIGNER + "link = Link(sign='not on my list')\nwork(link, signed)\n"
    seen, why = device.value(f"[{SEEN}, listener.given_up[1]]", code, GIVEN)
    assert seen == ["a", "empty", "connected", 0]
    assert why == "AWS rejects things/thing-1/sign: not on my list (AccessDenied)"


def test_what_it_says_of_itself(device):
    code = SETTING + "link = Link()\nwork(link)\nwork(link, execution('IN_PROGRESS'))\n"
    said = device.value("[s[1] for s in link.said if 'certificateSigningRequest' not in s[1]]", code, GIVEN)
    assert said == [
        {"status": "IN_PROGRESS", "expectedVersion": 1},
        {"certificateOwnershipToken": "t", "parameters": {"ThingName": "thing-1"}},
        {"jobId": "job-1"},
        {
            "status": "SUCCEEDED",
            "statusDetails": {"unconfirmed": "nobody at AWS has confirmed the new connection"},
        },
    ]


@pytest.mark.parametrize(
    ("fails", "why", "tried"),
    [
        ({"create-from-csr": "no"}, "AWS rejects $aws/certificates/create-from-csr/json: no (AccessDenied)", 0),
        ({"provision": "not yours"}, "/fleet/provision/json: not yours (AccessDenied)", 0),
        ({"create-from-csr": "down"}, "the network is gone", 0),
        ({"provision": "silent"}, "AWS has not answered $aws/provisioning-templates/fleet/provision/json", 0),
        ({"try": "closed without a word"}, "closed without a word", 1),
    ],
)  # fmt: skip
def test_whatever_fails_leaves_the_old_one_and_says_why(device, fails, why, tried):
    code = SETTING + f"link = Link(**{fails!r})\nagain = work(link)\n"
    code += "link.fails = {}\nwork(link, execution('IN_PROGRESS'))\n"
    seen, again, said = device.value(f"[{SEEN}, again, link.said[-2:]]", code, GIVEN)
    assert seen == ["a", "empty", "connected", tried] and again is True
    (where, told), (_, ended) = said
    assert (where, told["jobId"]) == ("things/thing-1/rotated", "job-1") and why in told["error"]
    assert (ended["status"], ended["statusDetails"]["reason"]) == ("FAILED", told["error"])


def test_what_aws_does_not_give_is_not_begun(device):
    """Somebody has canceled it between its notice and our word."""
    code = SETTING + "link = Link(update='canceled')\nagain = [work(link), work(link)]\n"
    assert device.value(f"[{SEEN}, again]", code, GIVEN) == [["a", "empty", "connected", 0], [True, False]]
    assert device.chip.keys_made == 1


def test_what_an_application_has_begun_for_us_is_taken_with_its_new_version(device):
    """It has called start-next."""
    code = SETTING + "link = Link(update='version')\nagain = work(link)\nlink.fails = {}\n"
    code += "work(link, execution('IN_PROGRESS') | {'versionNumber': 2})\n"
    assert device.value("[again, store.active, link.said[1][1]]", code, GIVEN) == [
        True, "b", {"status": "IN_PROGRESS", "expectedVersion": 2},
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["silent", "down"])
def test_what_aws_does_not_answer_is_looked_for_when_it_connects(device, what):
    code = SETTING + f"link = Link(update='{what}')\nagain = work(link)\n"
    assert device.value(f"[{SEEN}, again]", code, GIVEN) == [["a", "empty", "connected", 0], False]


def test_an_applications_own_updates_are_no_answers(device):
    """It works on a job of its own meanwhile, and AWS says yes to that."""
    code = (
        SETTING
        + """
class Busy(Link):
    def answer(self, topic, what, asked):
        super().answer(topic, what, asked)
        if what == "update":
            listener._heard("$aws/things/thing-1/jobs/other/update/accepted", "{}")
link = Busy(update="canceled")
work(link)
"""
    )
    assert device.value(SEEN, code, GIVEN) == ["a", "empty", "connected", 0]


def test_after_a_power_cut_it_is_taken_up_again(device):
    """Between the certificate and the commit: the execution is in progress at AWS, something unfinished is here."""
    code = (
        SETTING
        + "link = Link()\nlink.attempt = lambda *_: 1 / 0\nstore.discard = lambda *_: None\nwork(link)\n"
    )
    assert device.value("[store.active, store.get('b')['state']]", code, GIVEN) == ["a", "staged"]
    code = SETTING + "link = Link()\nwork(link, execution('IN_PROGRESS'))\n"
    assert device.value(f"[{SEEN}, store.current()['job']]", code, GIVEN) == [
        ["b", "previous", "connected", 1],
        "job-1",
    ]


def test_after_a_power_cut_behind_the_commit_it_is_only_told(device):
    device.value("work(Link())", SETTING, GIVEN)
    code = SETTING + "link = Link()\nwork(link, execution('IN_PROGRESS'))\n"
    assert device.value(f"[{SEEN}, link.said[0]]", code, GIVEN) == [
        ["b", "previous", "connected", 0], ["things/thing-1/rotated", {"jobId": "job-1"}],
    ]  # fmt: skip


def test_somebody_elses_unfinished_identity_is_left_alone(device):
    code = SETTING + "store.begin(subject, asker=OWNER)\nlink = Link()\nwork(link)\n"
    reason, state, by = device.value(
        "[listener.given_up[1], store.get('b')['state'], store.begun()['by']]", code, GIVEN
    )
    assert "was begun by somebody else (usb)" in reason and (state, by) == ("pending", "usb")


def test_one_rotation_after_the_other(device):
    """The third identity's key takes the place of the first one's, which from afar takes more than asking."""
    code = (
        SETTING
        + "link = Link()\nslots = []\nfor number in range(4):\n    work(link, execution() | {'jobId': str(number)})\n"
    )
    slots, error = device.value(
        "[slots, listener.given_up]", code + "    slots.append(store.current()['slot'])\n", GIVEN
    )
    assert (slots, error) == ([1, 0, 1, 0], ["3", None])


@pytest.mark.parametrize(("days", "renewed"), [(9, False), (11, True)])
def test_by_itself_before_its_certificate_ends(device, days, renewed):
    code = SETTING + f"link = Link()\nDevice.settings.values['aws.renew'] = {days}\n"
    today = int(NOW.timestamp()) + 20 * 86400  # of 30
    code += f"rotation.clock.now = lambda: {today}\nitself(link)\n"
    active, said = device.value("[store.active, len(link.said)]", code, GIVEN)
    assert (active, said) == (("b", 3) if renewed else ("a", 0))


def test_by_itself_only_by_a_template(device):
    code = SETTING + "link = Link()\nDevice.settings.values |= {'aws.renew': 3650, 'aws.template': ''}\n"
    code += "itself(link)\n"
    assert device.value("[store.active, len(link.said)]", code, GIVEN) == ["a", 0]


ITSELF = SETTING + "Device.settings.values['aws.renew'] = 3650\n"
MINUTE = f"rotation.clock.now = lambda: {int(NOW.timestamp()) + 60}\n"


def renewed(device, fails=None):
    """It has renewed its certificate by itself, the end of which was cut off or not; what it has said."""
    code = ITSELF + MINUTE + f"link = Link(**{fails or {}!r})\nitself(link)\n"
    return device.value("[store.active, store.untold, [s for s in link.said if s[0] == TOLD]]", code, GIVEN)


SAYS = ["things/thing-1/rotated", {}]


def test_by_itself_it_is_told_until_aws_has_heard(device):
    assert renewed(device) == ["b", False, [SAYS]]
    code = SETTING + MINUTE + "link = Link()\nstored = store.current()\nitself(link, False)\n"
    said = device.value("[link.said, 'untold' in stored, stored['state'], stored['slot']]", code, GIVEN)
    assert said == [[], False, "active", 1], "never again, not after a reset either"


@pytest.mark.parametrize("how", ["silent", "down"])
def test_what_nobody_has_heard_is_told_again_after_a_reset(device, how):
    assert renewed(device, {"rotated": how}) == ["b", True, [SAYS]]
    code = SETTING + MINUTE + "before = store.untold\nlink = Link()\nitself(link, False)\n"
    said = device.value("[before, link.said, store.untold, link.inboxes]", code, GIVEN)
    assert said == [True, [SAYS], False, []]
    assert device.value(SEEN, SETTING + "link = Link()\n", GIVEN)[:2] == ["b", "previous"]


def test_a_broker_that_lets_it_not_pass_is_asked_no_more(device):
    renewed(device, {"rotated": "down"})
    code = SETTING + MINUTE + "link = Link(rotated='down')\nlink.dropped = [{'topic': TOLD + '/accepted'}]\n"
    assert device.value("store.untold", code + "itself(link, False)\n", GIVEN) is False


def test_what_has_ended_by_itself_need_not_be_retired(device):
    renewed(device, {"rotated": "silent"})
    later = f"rotation.clock.now = lambda: {int(NOW.timestamp()) + 31 * 86400}\n"
    code = SETTING + later + "link = Link()\nitself(link, False)\n"
    assert device.value("[link.said, store.untold]", code, GIVEN) == [[], False]


def test_nobody_need_be_told_of_what_a_person_has_done(device):
    assert device.value("store.untold", SETTING, GIVEN) is False


# What becomes of a job's certificate that AWS has not confirmed.

VERDICT = """
class Heard(Link):
    def publish(self, topic, message, qos, retain):
        done = super().publish(topic, message, qos, retain)
        if topic == TOLD and "jobId" in message:
            listener._heard("$aws/things/thing-1/jobs/notify", json.dumps({"jobs": {}}))
        return done
"""
AGAIN = "work(link, execution('IN_PROGRESS'))\n"


def test_what_a_job_has_renewed_aws_knows_by_the_job(device):
    code = SETTING + VERDICT + "link = Heard()\nwork(link)\nbefore = store.untold\n" + AGAIN
    assert device.value("[before, store.untold, len(link.said)]", code, GIVEN) == ["job-1", False, 4]


@pytest.mark.parametrize("why", ["nobody has confirmed it", "it may not be told"])
def test_what_nobody_has_confirmed_is_told_without_the_job(device, why):
    """The device has ended its part itself; when somebody hears it again, the one before is retired."""
    code = SETTING + MINUTE + "link = Link()\nwork(link)\n"
    if why == "it may not be told":
        code += "link.fails = {'rotated': 'down'}\nlink.dropped = [{'topic': TOLD}]\n"
    code += AGAIN + "last = link.said[-1][1]\nuntold = store.untold\n"
    last, untold = device.value("[last, untold]", code, GIVEN)
    assert (last["status"], untold) == ("SUCCEEDED", "job-1")
    code = SETTING + MINUTE + "link = Link()\nbefore = store.untold\nitself(link, False)\n"
    assert device.value("[before, link.said, store.untold]", code, GIVEN) == ["job-1", [SAYS], False]


def test_a_network_that_is_gone_ends_no_part(device):
    code = SETTING + "link = Link()\nwork(link)\nlink.fails = {'rotated': 'down'}\n" + AGAIN
    last, untold = device.value("[link.said[-1], store.untold]", code, GIVEN)
    assert (last, untold) == (["things/thing-1/rotated", {"jobId": "job-1"}], "job-1")


@pytest.mark.parametrize("first", ["Link()", "Link(provision='no')"])
def test_what_aws_wants_again_is_done_again(device, first):
    """The job was deleted and is there anew, or has another attempt: what came of it before says nothing of it."""
    code = SETTING + f"work({first})\nlink = Link()\nbefore = store.switch\nagain = work(link)\n"
    assert device.value("[store.switch - before, again]", code, GIVEN) == [1, False]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"version": 2, "template": "fleet"}, "the job's version is 2, this firmware knows 1"),
        ({}, "the job names neither a template nor a signer"),
        ({"template": None}, "the job names neither a template nor a signer"),
        ({"template": 7, "signer": "fleet"}, "the job names neither a template nor a signer"),
    ],
)
def test_a_job_that_can_not_be_done_is_not_tried(device, document, why):
    code = (
        SETTING
        + f"wanted = execution() | {{'jobDocument': {document!r}}}\nlink = Link()\nagain = work(link, wanted)\n"
    )
    seen = device.value(f"[{SEEN}, again, listener.given_up[1], len(link.said)]", code, GIVEN)
    assert seen == [["a", "empty", "connected", 0], True, why, 1]


def test_a_reason_is_as_aws_takes_it(device):
    code = SETTING + "link = Link(provision='no\\n\\0room\\x7f\\x9f f\u00fcr sie')\nwork(link)\n"
    assert device.value("listener.given_up[1]", code, GIVEN).endswith(": no room f\u00fcr sie (AccessDenied)")


# The link is started again.

FULL = """
import threads as real
from renewal import trial
trial._ROOM_MS = 0
class Full(Link):
    left = 3
    def start(self):
        self.left -= 1
        if self.left >= 0:
            raise MemoryError("no room for a thread")
        super().start()
"""


def test_it_waits_for_room_to_connect_again(device):
    code = SETTING + FULL + "link = Full()\nwork(link)\n"
    assert device.value(f"[{SEEN}, listener.given_up]", code, GIVEN) == [
        ["b", "previous", "connected", 1], ["job-1", None],
    ]  # fmt: skip


def test_what_fails_behind_the_commit_is_no_failed_renewal(device):
    code = (
        ITSELF
        + MINUTE
        + FULL
        + "trial._ROOM_TRIES = 0\nlink = Full()\nitself(link)\nown = listener.trouble[0]\n"
    )
    code += "link = Full()\nagain = work(link)\n"
    assert device.value("[own, again, listener.given_up, store.active]", code, GIVEN) == [
        None, False, ["job-1", None], "a",
    ]  # fmt: skip


LOGGED = """
import line, prints
line.main = None  # a renewal is in a thread of its own, as this one is here
class Program:
    lines = []
    is_me = staticmethod(lambda: False)
    note = staticmethod(lambda text: Program.lines.append(text))
prints._programs.append(Program)  # and not `of`, for the test prints too
def service():
    device = Device(Link())
    device.renewal, device.claims = [listener], []
    return lazily.load("rpc.services.identity").Identity(device, bench).status(OWNER)["renewal"]
import lazily
"""


def test_why_it_has_failed_is_told_and_logged_once_for_each_reason(device):
    code = ITSELF + MINUTE + LOGGED + "untried = service()\n"
    code += "for no in ('no', 'no', 'never', 'never'):\n    itself(Link(provision=no))\n"
    code += "failed = service()\nlast = Program.lines[:]\nitself(Link())\nworked = service()\n"
    code += "itself(Link(provision='never'))\n"
    untried, failed, worked, last, lines = device.value(
        "[untried, failed, worked, last, len(Program.lines)]", code, GIVEN
    )
    assert untried == worked == {"days": 3650, "jobs": True, "untold": False, "last_error": None}
    why = "AWS rejects $aws/provisioning-templates/fleet/provision/json: %s (AccessDenied)"
    assert (failed["last_error"]["kind"], failed["last_error"]["message"]) == ("rejected", why % "never")
    line = "atecc: the certificate is not renewed: " + why
    assert [one.strip() for one in last] == [line % "no", line % "never"]
    assert lines == 3, "after one that has worked it is news again"


def test_another_identity_has_not_failed(device):
    """Somebody has provisioned the device since, and nothing is due before the next day."""
    code = ITSELF + MINUTE + LOGGED + "itself(Link(provision='no'))\nbefore = service()\nwork(Link())\n"
    before, after = device.value("[before['last_error'] is None, service()['last_error']]", code, GIVEN)
    assert (before, after) == (False, None)


def test_what_is_switched_off_has_not_failed(device):
    code = ITSELF + MINUTE + LOGGED + "itself(Link(provision='no'))\n"
    off = code + "Device.settings.values |= {'aws.renew': 0}\n"
    assert device.value("service()", off, GIVEN) == {
        "days": 0,
        "jobs": True,
        "untold": False,
        "last_error": None,
    }
    assert device.value("service()", off + "Device.settings.values |= {'aws.jobs': False}\n", GIVEN) is None


def test_without_a_template_it_says_so(device):
    code = ITSELF + MINUTE + LOGGED + "Device.settings.values |= {'aws.template': ''}\nitself(Link())\n"
    assert "aws.template is empty" in device.value("service()['last_error']['message']", code, GIVEN)


# The listener, and its thread, which is run here when the test says so.

JOBS = "$aws/things/thing-1/jobs/"
LISTENING = (
    SETTING
    + """
from renewal import listener as module
started = []
class Threads:
    REQUEST = 0
    room = True
    def start(self, stack, function, *args):
        if not self.room:
            raise MemoryError("no room for a thread")
        started.append((function, args))
threads = module.threads = Threads()
def run():
    function, args = started.pop(0)
    function(*args)
link = Link()
device = Device(link)
device.settings.values |= {"aws.jobs": False, "aws.renew": 0}
listener = Listener(device)
def connects():
    listener._changed(True)
    return len(started)
"""
)
RENEWED = "device.settings.values['aws.renew'] = 3650\n"


@pytest.mark.parametrize(("untold", "begun"), [(True, 1), (False, 0)])
def test_only_what_nobody_knows_is_told_when_it_connects(device, untold, begun):
    renewed(device, {"rotated": "silent"} if untold else {})
    code = LISTENING + "first = connects()\nrun() if first else None\nsecond = connects()\n"
    assert device.value("[first, second, len(link.said)]", code, GIVEN) == [begun, 0, begun]


@pytest.mark.parametrize(
    ("changes", "said", "begun"),
    [
        ({}, [], 0),
        ({"app.mine": 1}, [], 0),
        ({"aws.jobs": True}, ["get"], 0),
        ({"aws.renew": 30}, [], 1),
        ({"aws.jobs": True, "aws.renew": 30}, ["get"], 1),
    ],
)
def test_what_is_switched_on_is_begun_at_once(device, changes, said, begun):
    """And no other setting costs a message."""
    code = (
        LISTENING
        + f"connects()\nstore.untold = True\ndevice.settings.values |= {changes!r}\nlistener.refresh()\n"
    )
    code += "listener.refresh()\n" * (begun == 0)
    assert device.value("[[s[0] for s in link.said], len(started)]", code) == [
        [JOBS + one for one in said],
        begun,
    ]


def test_a_day_is_not_lost_for_want_of_a_thread(device):
    code = LISTENING + RENEWED + "threads.room = False\nfirst = connects()\nthreads.room = True\n"
    assert device.value("[first, connects()]", code, GIVEN) == [0, 1]


def test_what_comes_while_it_is_busy_is_looked_for_afterwards(device):
    """Its own renewal is looked at when it connects, and AWS's answer with a job comes in the middle of that."""
    code = LISTENING + RENEWED + "device.settings.values['aws.jobs'] = True\nconnects()\nlink.said = []\n"
    code += "listener._heard('t/job-1/get/accepted', json.dumps({'execution': execution()}))\n"
    code += "before = len(link.said)\nrotation.by_itself = lambda *_: False\n"
    code += "module.lazily.load = lambda name: rotation\nrun()\n"
    assert device.value("[before, [s[0] for s in link.said]]", code, GIVEN) == [0, [JOBS + "get"]]


def test_without_jobs_it_asks_for_none(device):
    """They were switched off in the middle of one."""
    code = LISTENING + "rotation.by_job = lambda *_: True\nmodule.lazily.load = lambda name: rotation\n"
    code += "listener._begin('by_job', {})\nrun()\n"
    assert device.value("[link.said, started]", code, GIVEN) == [[], []]


@pytest.mark.parametrize(
    ("message", "begun"),
    [
        ({"execution": {"jobId": "ours", "jobDocument": {"operation": "rotate-certificate"}}}, True),
        ({"execution": {"jobId": "mine", "jobDocument": {"operation": "something-else"}}}, False),
        ({"execution": {"jobId": "mine", "jobDocument": "text"}}, False),
        ({"execution": {}}, False),
        ({}, False),
        ([], False),
    ],
)  # fmt: skip
def test_what_is_taken_for_a_job_of_ours(device, message, begun):
    """The owner's other jobs are left to whoever does them."""
    code = SETTING + "heard = []\nlistener._begin = lambda how, what: heard.append(what)\n"
    code += "listener._heard('t/notify-next', json.dumps(given))\n"
    assert (device.value("len(heard)", code, message) == 1) is begun


def listing(*jobs, begun=()):
    """As AWS lists them: the answer to who has asked, and its notice."""
    first, then = ([{"jobId": job} for job in some] for some in (begun, jobs))
    notice = {"IN_PROGRESS": first, "QUEUED": then}
    return [{"inProgressJobs": first, "queuedJobs": then}, {"jobs": {k: v for k, v in notice.items() if v}}]


TEN = [f"other-{number}" for number in range(10)]
OURS = [f"rotate-{number}" for number in range(9)]


@pytest.mark.parametrize(
    ("lists", "asked", "noticed"),
    [
        (listing(), [], []),
        (listing("other"), ["other"], []),
        (listing("rotate-1"), ["rotate-1"], []),
        (listing("other", "rotate-1"), ["other", "rotate-1"], ["rotate-1"]),
        (listing("rotate-1", begun=["other"]), ["other", "rotate-1"], ["rotate-1"]),
        (listing("other", "another", begun=["rotate-1"]), ["rotate-1"], []),
        (listing("rotate-2", begun=["known"]), ["known", "rotate-2"], []),
        (listing(*TEN), TEN[:1], []),
        (listing(*OURS), OURS[:5], OURS[1:5]),
    ],
)  # fmt: skip
def test_ours_is_found_behind_others_which_are_left_alone(device, lists, asked, noticed):
    """All that it says is to ask for a job; in front stands one that was told of as ours: `known`, or none."""
    code = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\nlink.said = []\n"
    code += "listener._first = 'known'\n"
    code += "listener._heard('t/jobs/get/accepted', json.dumps(given[0]))\nasked, link.said = link.said, []\n"
    code += "listener._heard('t/jobs/notify', json.dumps(given[1]))\n"
    said = device.value("[asked, link.said]", code, lists)
    assert said == [[[f"{JOBS}{job}/get", {}] for job in some] for some in (asked, noticed)]


@pytest.mark.parametrize(
    ("message", "waits"),
    [
        (listing("other", begun=["job-1"])[1], True),
        (listing("other")[1], False),
        (listing()[1], False),
        (listing(*TEN)[1], True),
        (listing(*TEN)[0], False),
        ({"execution": {"jobId": "other", "jobDocument": {}}}, True),
    ],
)
def test_when_aws_has_ended_what_was_told(device, message, waits):
    """Another one that comes to stand in front says nothing of it, nor does a notice that may have left it out."""
    code = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\n"
    code += "listener.reported = 'job-1'\nlistener._heard('t/jobs/notify', json.dumps(given))\n"
    assert device.value("listener.reported == 'job-1'", code, message) is waits


def test_a_job_too_large_to_be_read_costs_the_link_nothing(device):
    code = (
        LISTENING
        + "class Full:\n    def loads(self, text):\n        raise MemoryError\nmodule.json = Full()\n"
    )
    assert device.value("listener._heard('t/notify-next', '{}')", code) is None


UNTOLD = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\nstore.untold = 'job-1'\n"


@pytest.mark.parametrize(
    ("message", "begun"),
    [
        (listing()[0], 1),
        (listing("other")[1], 1),
        (listing(begun=["job-1"])[0], 0),
        (listing("other", begun=["job-1"])[1], 0),
        (listing(*TEN)[1], 0),
    ],
)
def test_what_a_job_has_renewed_is_told_without_it_once_that_has_ended(device, message, begun):
    """It took longer than the job waited."""
    code = UNTOLD + "first = connects()\nlistener._heard('t/jobs/notify', json.dumps(given))\n"
    assert device.value("[first, len(started)]", code, message) == [0, begun]


def test_while_it_is_being_reported_its_end_is_the_answer(device):
    code = UNTOLD + "listener.reported = 'job-1'\nlistener._heard('t/jobs/notify', json.dumps(given))\n"
    assert device.value("[listener.reported, len(started)]", code, listing()[1]) == [None, 0]


def test_where_no_jobs_are_wanted_any_more_it_is_told_at_once(device):
    code = LISTENING + "store.untold = 'job-1'\n"
    assert device.value("connects()", code) == 1


# The link, and whoever asks for it in the middle.


def test_without_room_for_its_thread_the_link_is_off_and_not_connecting_for_ever(device):
    code = (
        SETTING
        + """
from link import link as module
class Full:
    HANDSHAKE = 0
    pause = staticmethod(lambda ms: None)
    def start(self, *args):
        raise MemoryError("no room for a thread")
module.threads = Full()
class Nobody:
    on = False
made = module.Link(chip, store.current, Nobody)
try:
    made.start()
    why = None
except MemoryError as e:
    why = str(e)
"""
    )
    assert device.value("[why, made.state, made.status()['attempts']]", code, GIVEN) == [
        "no room for a thread", "off", 0,
    ]  # fmt: skip


def test_while_an_identity_is_tried_nobody_connects_beside_it(device):
    """The broker would cut off one of the two."""
    code = (
        SETTING
        + """
import lazily
from rpc.errors import RpcError
link = Link()
link.stop()
service = lazily.load("rpc.services.mqtt").MQTT(store, link)
def connect():
    try:
        return next(service.connect(30)) is not None
    except RpcError as e:
        return e.kind
store.begin_trial()
during = [connect(), link.state]
store.end_trial()
"""
    )
    assert device.value("[during, connect(), link.state]", code, GIVEN) == [
        ["busy", "off"],
        True,
        "connected",
    ]


def test_a_claim_that_has_served_has_not_failed(device):
    """What fails behind the commit is no end of it; nor is what failed before somebody provisioned the device."""
    code = (
        SETTING
        + """
from renewal import claim as claims
claims.keep({"era": store.switch, "until": None})
link = Link()
device = Device(link)
class Used(claims.Claim):
    def _ask(self, claim):
        if self.attempts > 1:
            store._switched = {"active": "a", "count": store.switch + 1}
        raise LinkError("closed", "the network is gone")
        yield
made = Used(device)
first = [made._done(), str(made.error)]
"""
    )
    assert device.value("[first, made._done(), made.error, claims.kept()]", code, GIVEN) == [
        [False, "the network is gone"], True, None, None,
    ]  # fmt: skip


@pytest.mark.parametrize("untold", [True, False])
def test_of_its_own_renewal_a_list_says_nothing(device, untold):
    """That is told when it connects."""
    code = UNTOLD + f"store.untold = {untold}\nlistener._heard('t/jobs/get/accepted', json.dumps(given))\n"
    assert device.value("len(started)", code, listing()[0]) == 0


@pytest.mark.parametrize("again", [True, False])
def test_what_has_to_be_looked_for_again_is(device, again):
    code = LISTENING + "device.settings.values['aws.jobs'] = True\nlistener.refresh()\nlink.said = []\n"
    code += f"rotation.by_job = lambda *_: {again}\nmodule.lazily.load = lambda name: rotation\n"
    code += "listener._begin('by_job', {})\nrun()\n"
    assert device.value("[s[0] for s in link.said]", code) == [JOBS + "get"] * again


def test_once_a_day_it_looks_at_its_certificate(device):
    """One day before the end is a wish as good as any."""
    code = LISTENING + "device.settings.values['aws.renew'] = 1\nmodule.uptime = Uptime()\nseen = []\n"
    code += "rotation.by_itself = lambda *_: False\nmodule.lazily.load = lambda name: rotation\n"
    code += "for now in (0, 1, 86399999, 86400000, 86400001, 172800000):\n"
    code += "    Uptime.now = now\n    seen.append(connects())\n    run() if started else None\n"
    clock = "class Uptime:\n    now = 0\n    ms = lambda self: self.now\n"
    assert device.value("seen", clock + code) == [1, 0, 0, 1, 0, 1]


def test_it_listens_with_qos_1_and_stops_when_it_is_told(device):
    code = LISTENING + "kinds = []\nlink.listen = lambda inbox, qos: kinds.append([inbox.pattern, qos])\n"
    code += "gone = []\nlink.listen_no_more = lambda inbox: gone.append(inbox.pattern)\n"
    for jobs in (True, True, False):
        code += f"device.settings.values['aws.jobs'] = {jobs}\nlistener.refresh()\n"
    assert device.value("[kinds, gone]", code) == [[[JOBS + "#", 1]], [JOBS + "#"]]
