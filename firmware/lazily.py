"""Modules that are there only while something of theirs is in use: on a microcontroller memory is what is short.

A frozen module is loaded in no time, but its functions and classes take memory for as long as it is known by its name.
"""

import sys

import _thread

# Held by whoever loads a module of the firmware while others may do so too: the new ones of one are not the other's.
lock = _thread.allocate_lock()
# What may come with such a module, and is forgotten with it. Whatever else is new the owner's program is loading.
_OURS = (
    "rpc",
    "renewal",
    "identity",
    "link",
    "atecc608",
    "microdot",
    "asyncio",
    "selfcheck",
    "values",
    "application",
)


def load(name):
    """The module `name`, forgotten at once, and so are those that came with it: they go when the last of their
    functions is let go of.

    For modules without a state, or exceptions, of their own: the next one to load them gets others.
    """
    with lock:
        known = set(sys.modules)
        module = __import__(name, None, None, (None,))
        for new in [one for one in sys.modules if one not in known]:
            if new == name or new.partition(".")[0] in _OURS:
                _forget(new)
    return module


def keep(name):
    """The module `name`, which stays: it has a state."""
    with lock:
        return __import__(name, None, None, (None,))


def _forget(name):
    sys.modules.pop(name, None)
    package, _, leaf = name.rpartition(".")
    if package in sys.modules and hasattr(sys.modules[package], leaf):
        delattr(sys.modules[package], leaf)
