"""A claim by itself: its patience, and what becomes of it."""

import pytest
from renewing import THREADS

# A claim, and the device that has it.

CLAIM = (
    THREADS
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
