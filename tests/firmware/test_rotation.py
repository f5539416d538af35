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
    def status(self):
        return {"client_id": "thing-1"}
    def connected(self):
        return Done()
    def listen(self, inbox, qos):
        self.inboxes.append(inbox)
    def listen_no_more(self, inbox):
        self.inboxes.remove(inbox)
    def start(self):
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
        for end in ("update", "create-from-csr/json", "provision/json", "sign"):
            if topic.endswith(end):
                self.answer(topic, end.split("/")[0], json.loads(message))
        return Done()
    def answer(self, topic, what, asked):
        how = self.fails.get(what)
        if how == "down":
            raise LinkError("closed", "the network is gone")
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
    listener.head = "job-1"
    return rotation.work(listener, Device(link), what or execution())
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
    code = SETTING + "link = Link()\nagain = work(link)\nthere = work(link)\n"
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
    code = SETTING + "link = Link()\nwork(link)\nwork(link)\n"
    said = device.value("[s[1] for s in link.said if 'certificateSigningRequest' not in s[1]]", code, GIVEN)
    assert said == [
        {"status": "IN_PROGRESS", "expectedVersion": 1},
        {"certificateOwnershipToken": "t", "parameters": {"ThingName": "thing-1"}},
        {"jobId": "job-1"},
        {
            "status": "SUCCEEDED",
            "statusDetails": {"unconfirmed": "nobody at AWS has looked at the new connection"},
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
    code = SETTING + f"link = Link(**{fails!r})\nagain = work(link)\nlink.fails = {{}}\nwork(link)\n"
    seen, again, said = device.value(f"[{SEEN}, again, link.said[-2:]]", code, GIVEN)
    assert seen == ["a", "empty", "connected", tried] and again is True
    (where, told), (_, ended) = said
    assert (where, told["jobId"]) == ("things/thing-1/rotated", "job-1") and why in told["error"]
    assert (ended["status"], ended["statusDetails"]["reason"]) == ("FAILED", told["error"])


def test_what_aws_does_not_give_is_not_begun(device):
    """Somebody has canceled it between its notice and our word."""
    code = SETTING + "link = Link(update='canceled')\nmade = chip.PublicKey\nagain = work(link)\n"
    assert device.value(f"[{SEEN}, again]", code, GIVEN) == [["a", "empty", "connected", 0], False]
    assert device.chip.keys_made == 1


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
    code += f"rotation.clock.now = lambda: {today}\nrotation.work(listener, Device(link), None)\n"
    active, said = device.value("[store.active, len(link.said)]", code, GIVEN)
    assert (active, said) == (("b", 2) if renewed else ("a", 0))


def test_by_itself_only_by_a_template(device):
    code = SETTING + "link = Link()\nDevice.settings.values |= {'aws.renew': 3650, 'aws.template': ''}\n"
    code += "rotation.work(listener, Device(link), None)\n"
    assert device.value("[store.active, len(link.said)]", code, GIVEN) == ["a", 0]


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
    code = (
        SETTING
        + "heard = []\nlistener._begin = heard.append\nlistener._heard('t/notify-next', json.dumps(given))\n"
    )
    assert (device.value("len(heard)", code, message) == 1) is begun
