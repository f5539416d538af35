"""A connection with the staged identity, before it may become the active one."""

import threads
import uptime
from identity.terms import StoreError
from job import waited

# A thread's stack is given back a moment after its end, and the next one needs it.
_ROOM_TRIES = 300
_ROOM_MS = 100


def try_staged(store, link, token, timeout, tries=1, then=None):
    """Connect with what is staged, in place of the link if that has the same client ID; where, tls and ms (dict).

    A generator (job.py). tries: how often, if the broker hangs up: what AWS was told a moment ago it does not know
    everywhere. then(): what is to be done when it has succeeded, before the link connects again.
    """
    if not store.begin_trial():
        raise StoreError("busy", "another caller is trying the staged identity")
    try:
        return (yield from _try(store, link, token, timeout, tries, then))
    finally:
        store.end_trial()


def _try(store, link, token, timeout, tries, then):
    record, digest = store.candidate(token)
    # The broker cuts off the first of two sessions with one client ID.
    paused = link.status()["client_id"] == record["client_id"]
    if paused:
        link.stop()
    started = uptime.ms()
    try:
        tls = yield from waited(link.attempt(record, timeout, tries))
        took = uptime.ms() - started
        store.mark_tried(token, digest)
        if then:
            then()
    finally:
        if paused:
            _start(link)
    where = {k: record[k] for k in ("endpoint", "port", "client_id")}
    return where | {"tls": tls, "ms": took}


def _start(link):
    """Whatever has become of the try, the device has to connect again."""
    for _ in range(_ROOM_TRIES):
        try:
            return link.start()
        except MemoryError:
            threads.pause(_ROOM_MS)
    return link.start()
