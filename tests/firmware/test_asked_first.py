"""What is looked at before the chip is asked, and what is held meanwhile: allowances, numbers, a slot's rules."""

import pytest
from fresh import FRESH

HELD = (
    FRESH
    + """
class Lock:
    held = False
    def __enter__(self): self.held = True
    def __exit__(self, *_): self.held = False
"""
)

# What strangers may cost: the clock stands still until the test moves it.

ALLOWANCE = (
    HELD
    + """
module = fresh("rpc.mqtt")
class Uptime:
    now = 0
    def ms(self):
        unheld.append(not allowance._lock.held)
        return self.now
unheld = []
allowance = module.Allowance()
allowance._lock = Lock()
clock = module.uptime = Uptime()
allowance._filled = 0
def begin(most=9):
    return sum([allowance.begin() for _ in range(most)])
def fail(number):
    for _ in range(number): allowance.end(True)
"""
)


@pytest.mark.parametrize(
    ("happens", "begun"),
    [
        ("", [5]),
        ("fail(5)", [5, 0]),
        ("fail(5)\nclock.now = 999", [5, 0]),
        ("fail(5)\nclock.now = 1000", [5, 1]),
        ("fail(5)\nclock.now = 3999", [5, 3]),
        ("fail(5)\nclock.now = 60000", [5, 5]),
        ("fail(2)", [5, 0]),  # three are on their way still, and three may fail
        ("fail(2)\nclock.now = 2000", [5, 2]),
        ("for _ in range(5): allowance.end()", [5, 5]),
        ("fail(1)\nfor _ in range(4): allowance.end()", [5, 4]),
    ],
)
def test_five_may_fail_at_once_and_then_one_each_second(micropython, happens, begun):
    code = ALLOWANCE + f"seen = [begin()]\n{happens}\n" + ("seen.append(begin())\n" if happens else "")
    assert micropython.value("[seen, any(unheld)]", code) == [begun, False]


def test_two_threads_are_not_let_in_for_one(micropython):
    code = ALLOWANCE + "began = allowance.begin()\n"
    assert micropython.value("[began, unheld]", code) == [True, [False]]


CHANNEL = (
    ALLOWANCE
    + """
class Link:
    serving = given
class Operators:
    why_none = "nobody"
class Dispatcher:
    def answer(self, frame, gate):
        yield from ()
        return None
settings = {"rpc.mqtt.unsigned": unsigned}
channel = module.Channel(Dispatcher(), Link(), None, settings.get, Operators(), None)
"""
)


@pytest.mark.parametrize(
    ("serving", "unsigned", "why"),
    [
        ((True, None), False, "nobody"),
        ((True, None), True, None),
        ((False, "mqtt is off"), False, "mqtt is off"),
        ((False, "mqtt is off"), True, "mqtt is off"),
    ],
)
def test_why_nothing_is_listened_to(micropython, serving, unsigned, why):
    told = micropython.value("channel.status()", f"unsigned = {unsigned}\n" + CHANNEL, serving)
    assert told == {"enabled": True, "unsigned": unsigned, "listening": serving[0], "why": why}


def test_whoever_is_refused_has_used_up_what_strangers_may(micropython):
    code = "unsigned = False\n" + CHANNEL + "channel._strangers = allowance\nallowance.begin()\n"
    code += 'list(channel._refuse(\'one/rpc\', [b\'{"id": 1, "method": "x"}\']))\n'
    assert micropython.value("begin()", code, (True, None)) == 4


# A number that was here before costs the chip nothing.

NUMBERS = (
    HELD
    + """
module = fresh("rpc.verify")
asked = []
class Chip:
    def Verify(self, *more):
        asked.append(more)
        return True
class Counters:
    def check(self, key, number):
        if number < 7: raise module.RpcError("counter", "it was here before")
    def use(self, key, number):
        self.check(key, number)
        used.append(number)
used = []
class Certificate:
    public_key, der, sha256 = b"key", b"der", "ca"
    not_after = 1 << 40
    def is_by(self, ca, verifies): return verifies(b"ca's key", b"signature", b"digest")
class Operators(module.Operators):
    def _certificate(self, signed): return Certificate(), [Certificate()]
    def _check_time(self, time): pass
class Signed:
    time, signature, counter = 0, b"", given
def admitted():
    try:
        return Operators(Chip(), None, Counters()).admit(Signed, b"digest")[1]
    except module.RpcError as e:
        return e.kind
"""
)


@pytest.mark.parametrize(("number", "says", "asked", "used"), [(6, "counter", 0, []), (7, "ca", 2, [7])])
def test_a_number_that_was_here_before_costs_no_verification(micropython, number, says, asked, used):
    assert micropython.value("[admitted(), len(asked), used]", NUMBERS, number) == [says, asked, used]


SIGNED = (
    HELD
    + """
import binascii, json
module = fresh("rpc.signed")
def b64(size): return binascii.b2a_base64(bytes(size)).decode().strip()
def read(operator=9, signature=64, time=0, counter=0, more=""):
    head = {"id": 1, "operator": b64(operator), "signature": b64(signature), "time": time, "counter": counter}
    try:
        signed = module.Signed(module.MAGIC + json.dumps(head | {"x": more}).encode() + b"\\n{}")
    except module.RpcError as e:
        return e.kind
    return [len(signed.operator), len(signed.signature), signed.time, signed.counter, bytes(signed.frame).decode()]
"""
)


@pytest.mark.parametrize(
    ("head", "read"),
    [
        ("", [9, 64, 0, 0, "{}"]),
        ("operator=0", "frame"),
        ("operator=1", [1, 64, 0, 0, "{}"]),
        ("operator=2048", [2048, 64, 0, 0, "{}"]),
        ("operator=2049", "frame"),
        ("signature=63", "frame"),
        ("signature=65", "frame"),
        ("time=-1", "frame"),
        ("time=True", "frame"),
        ("time='1'", "frame"),
        ("counter=2**53 - 1", [9, 64, 0, 2**53 - 1, "{}"]),
        ("counter=2**53", "frame"),
        ("more='x' * 4000", "frame"),
    ],
)
def test_the_form_of_a_signed_request(micropython, head, read):
    assert micropython.value(f"read({head})", SIGNED) == read


# A slot's rules.

SLOT = (
    HELD
    + """
module = fresh("rpc.services.atecc")
class Rules:
    private = can_import = lockable = True
    locked = False
    write_key = 4
    def check_shows_key(self, valid): done.append(["shows", chip.held])
class Zone:
    data_locked = True
    def slot(self, number): return Rules()
class Chip(Lock):
    KeyValid = None
    def config(self): return Zone()
    require_locked = config
    def LockSlot(self, slot):
        done.append(["locked", self.held])
        Rules.locked = locks
    def PublicKey(self, slot):
        done.append(["key", self.held])
        return b"key"
class Store:
    class keys:
        @staticmethod
        def replace(slot, zone, asker, make, serial): done.append(["replaced", chip.held])
done, chip, locks = [], Chip(), True
service = module.ATCA(chip, Store, lambda: True)
module.asker = lambda caller, bench: None
def put(wkey=None, wkslot=None, ecc=True):
    try:
        return service.set_key(2, bytes(32), 0, ecc, wkey, wkslot, None, None)
    except module.RpcError as e:
        return [e.kind, str(e)]
"""
)


@pytest.mark.parametrize(
    ("setting", "call", "says"),
    [
        ("", "put(b'w')", None),
        ("", "put(b'w', 4)", None),
        ("Zone.data_locked = False", "put()", None),
        ("", "put()", ["slot", "takes a key only sealed (wkey)"]),
        ("", "put(b'w', 5)", ["argument", "write key is in slot 4"]),
        ("", "put(b'w', ecc=False)", ["slot", "slot 2 is for private key"]),
        ("Rules.can_import = False", "put(b'w')", ["slot", "forbids PrivWrite"]),
    ],
)
def test_a_key_is_put_where_the_slots_rules_let_it(micropython, setting, call, says):
    said, done = micropython.value(f"[{call}, done]", SLOT + setting + "\n")
    if says is None:
        assert (said, done) == (None, [["replaced", True]])
    else:
        assert (said[0], done) == (says[0], []) and says[1] in said[1]


def test_nobody_changes_the_chip_between_the_look_and_the_key(micropython):
    shown = "[service.get_pub_key(2), done, chip.held]"
    assert micropython.value(shown, SLOT) == [{"pubkey": "a2V5"}, [["shows", True], ["key", True]], False]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("", None),
        ("Rules.locked = True", ["locked", "slot 2 is locked already"]),
        ("Rules.lockable = False", ["slot", "slot 2 can't be locked"]),
    ],
)
def test_a_slot_is_locked_once_and_where_it_can_be(micropython, setting, says):
    code = SLOT + setting + "\nservice._check_serial = lambda zone, serial, why: None\n"
    code += "try:\n    said = service.lock_slot(2, None)\nexcept module.RpcError as e:\n    said = [e.kind, str(e)]\n"
    said, done = micropython.value("[said, done]", code)
    if says is None:
        assert (said, done) == (None, [["locked", True]])
    else:
        assert (said[0], done) == (says[0], []) and says[1] in said[1]
