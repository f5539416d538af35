"""Two callers at once: one is held before each of his operations of the chip and each write to flash, while the other
takes a step of his own, as far as he is let. Whatever the order, the active identity has its certificate and its key,
and what counts as tried is what was tried."""

import pytest

SETUP = """
import binascii, os
import _thread
import identity.record
import threads
from identity import csr, der, names
from identity.certificate import Certificate
from identity.keys import content, holds, is_proven
from identity.terms import OWNER, Asker, StoreError
from identity.store import Store
bench = Asker("wss", bench=True)
serial = chip.config().serial.hex()

def certificate(public_key):
    "One for this key; nobody has signed it."
    algorithm = der.sequence(der.oid("1.2.840.10045.4.3.2"))
    name = names.encode([[["CN", "x"]]])
    dates = der.sequence(der.tlv(der.UTC_TIME, b"260101000000Z"), der.tlv(der.UTC_TIME, b"270101000000Z"))
    body = der.sequence(der.unsigned(b"\\x05"), algorithm, name, dates, name, csr.public_key_info(public_key))
    return der.sequence(body, algorithm, der.bit_string(b"\\x00"))

def stage(begun, endpoint="broker.example"):
    made = certificate(begun["pubkey"])
    store.stage(begun["token"], made, [made], name="x", client_id="x", endpoint=endpoint, port=8883)

def tries(token):
    record, digest = store.candidate(token)
    hooks.pause()
    seen.append(record["endpoint"])
    store.mark_tried(token, digest)

class Event:
    def __init__(self):
        self.lock = _thread.allocate_lock()
        self.lock.acquire()
        self.happened = False
    def happen(self):
        if not self.happened:
            self.happened = True
            self.lock.release()
    def wait(self):
        self.lock.acquire()
        self.lock.release()

class Hooks:
    "Hold the thread that is `watched` at its step number `at`, until the other one is done or waits for the chip."
    def __init__(self, chip):
        self.watched = self.other = None
        self.count = self.at = 0
        self.held = Event()
        self.lock = chip._lock
        chip._lock = self
        for name in ("require_locked", "serial", "KeyValid", "PublicKey", "GenKey", "Sign", "Verify"):
            self.hook(chip, name)
        self.save = identity.record.Record.save
        identity.record.Record.save = lambda record, value: self.pause() or self.save(record, value)
    def hook(self, chip, name):
        operation = getattr(chip, name)
        def hooked(*words):
            self.pause()
            return operation(*words)
        setattr(chip, name, hooked)
    def acquire(self):
        if not self.lock.acquire(0):
            self.held.happen()
            self.lock.acquire()
        return True
    def release(self):
        self.lock.release()
    def pause(self):
        if _thread.get_ident() != self.watched:
            return
        self.count += 1
        if self.count == self.at:
            self.held = Event()
            self.other.start()
            self.held.wait()

class Caller:
    def __init__(self, step, watch=False):
        self.step = step
        self.watch = watch
        self.said = None
        self.done = Event()
    def start(self):
        threads.start(threads.REQUEST, self.main)
    def main(self):
        if self.watch:
            hooks.watched = _thread.get_ident()
        try:
            self.step()
            self.said = "done"
        except StoreError as e:
            self.said = e.kind
        except Exception as e:
            self.said = repr(e)
        if self.watch:
            hooks.watched = None
        else:
            hooks.held.happen()
        self.done.happen()

hooks = Hooks(chip)
FILES = ["/race/" + name + side for name in ("a", "b", "switch", "keys", "adopted") for side in (".0", ".1")]

def provision():
    global begun
    begun = store.begin([], key="overwrite", serial=serial, asker=OWNER)
    stage(begun)
    store.mark_tried(begun["token"], store.candidate(begun["token"])[1])

def snapshot():
    found = {}
    for path in FILES:
        try:
            with open(path, "rb") as f:
                found[path] = f.read()
        except OSError:
            pass
    return found

def restore(files):
    now = snapshot()
    for path in FILES:
        if path in now and path not in files:
            os.remove(path)
        elif now.get(path) != files.get(path):
            with open(path, "wb") as f:
                f.write(files[path])
    return Store(chip, "/race", (0, 1))

base = both = None
def world():
    "An active identity in slot 0, and one in slot 1 that only has to be committed: made anew where a key has changed."
    global store, seen, base, both, points
    seen = []
    if both is None or chip.PublicKey(0) != points[0]:
        store = restore({})
        provision()
        store.commit(begun["token"])
        base = snapshot()
        both = None
    if both is None or chip.PublicKey(1) != points[1]:
        store = restore(base)
        provision()
        both = snapshot()
    store = restore(both)
    points = chip.PublicKey(0), chip.PublicKey(1)

STEPS = {
    "Begin": lambda: store.begin([], asker=bench),
    "Begin existing": lambda: store.begin([], key="existing", asker=bench),
    "Stage": lambda: stage(begun, "broker.nobody.tried"),
    "Try": lambda: tries(begun["token"]),
    "Commit": lambda: store.commit(begun["token"]),
    "Commit untried": lambda: store.commit(begun["token"], True, OWNER),
    "Discard": lambda: store.discard(begun["token"]),
    "Adopt": lambda: adopts(),
    "GenKey": lambda: by_hand(),
}
def adopts():
    made = certificate(chip.PublicKey(1))
    store.adopt(1, made, [made], name="y", client_id="y", endpoint="broker.adopted", port=8883)
def by_hand():
    with chip:
        zone = chip.require_locked()
        store.keys.replace(1, zone, OWNER, lambda: chip.GenKey(1), serial)

def wrong():
    "What is wrong with the identities, or None."
    again = Store(chip, "/race", (0, 1))
    if again.active != store.active:
        return "the flash has another active identity (%s) than the device (%s)" % (again.active, store.active)
    record = again.current()
    if "certificate" not in record:
        return "the active identity %s has no certificate" % again.active
    made = Certificate(binascii.a2b_base64(record["certificate"]))
    if not holds(chip, record["slot"], made.public_key):
        return "the active identity %s has not the key in slot %d" % (again.active, record["slot"])
    if not (untried or is_proven(record) or "adopted" in record):
        return "something untried is active"
    for name in ("a", "b"):
        record = again.get(name)
        if record["state"] == "tried" and record["tried"] != content(record):
            return "identity %s is tried, and holds something else" % name
        if seen and record["state"] == "tried" and record["endpoint"] != seen[0]:
            return "identity %s is tried, and its broker was not" % name
    return None

def interleaved(first, second):
    "[[number of the step, what the first was told, the second, what is wrong]] for each step of the first."
    global untried
    untried = "Commit untried" in (first, second)
    found = []
    at = 0
    while True:
        at += 1
        world()
        hooks.count, hooks.at = 0, at
        hooks.other = Caller(STEPS[second])
        one = Caller(STEPS[first], watch=True)
        one.start()
        one.done.wait()
        if hooks.count < at:
            return found
        hooks.other.done.wait()
        found.append([at, one.said, hooks.other.said, wrong()])
"""
SAID = {"done", "state", "busy", "key-in-use", "refused", "certificate"}
# Who is held at each of his steps, and who comes in between.
PAIRS = {
    "Begin": ("Begin", "Commit", "GenKey"),
    "Begin existing": ("Begin", "Commit untried"),
    "Stage": ("Stage", "Begin", "Commit"),
    "Try": ("Stage", "Begin", "Begin existing", "Discard", "Commit", "Commit untried"),
    "Commit": ("Begin", "Stage", "Commit", "Discard", "GenKey"),
    "GenKey": ("Begin", "Commit"),
}


@pytest.mark.parametrize("held", PAIRS)
def test_whatever_the_order_the_active_identity_is_whole(bench, held):
    made = bench(preset="tls", locked=True)
    all_found = made.value(f"[interleaved({held!r}, other) for other in {PAIRS[held]!r}]", SETUP)
    for other, found in zip(PAIRS[held], all_found, strict=True):
        assert found, f"{held} has no step at which it could be held"
        for at, first, second, trouble in found:
            where = f"{held} ({first}) held at its step {at}, {other} ({second})"
            assert trouble is None, f"{trouble}: {where}"
            assert {first, second} <= SAID, where


def test_an_adoption_is_one_of_the_steps(bench):
    made = bench(preset="tls", locked=True)
    ready = "\nworld_of_two = world\ndef world():\n    world_of_two()\n    store.discard()\n"
    others = ("Begin", "GenKey")
    all_found = made.value(f"[interleaved('Adopt', other) for other in {others!r}]", SETUP + ready)
    for other, found in zip(others, all_found, strict=True):
        assert len(found) > 5
        for at, first, second, trouble in found:
            where = f"Adopt ({first}) held at its step {at}, {other} ({second})"
            assert trouble is None and first == ("state" if at == 1 and other == "Begin" else "done"), where
            assert second in SAID, where
