"""A renewal on MicroPython and a simulated chip, for its tests: the link is made here, and so is what AWS answers."""

from fresh import FRESH
from identities import CA_KEY, NOW, STORE, issue

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

ITSELF = SETTING + "Device.settings.values['aws.renew'] = 3650\n"
MINUTE = f"rotation.clock.now = lambda: {int(NOW.timestamp()) + 60}\n"


def renewed(device, fails=None):
    """It has renewed its certificate by itself, the end of which was cut off or not; what it has said."""
    code = ITSELF + MINUTE + f"link = Link(**{fails or {}!r})\nitself(link)\n"
    return device.value("[store.active, store.untold, [s for s in link.said if s[0] == TOLD]]", code, GIVEN)


SAYS = ["things/thing-1/rotated", {}]


# The listener, and its thread, which is run when the test says so.

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


# Parts of it by themselves.

THREADS = (
    FRESH
    + """
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
)
