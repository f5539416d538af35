"""Modules that are there only while something of theirs is in use: on a microcontroller memory is what is short.

A frozen module is loaded in no time, but its functions and classes take memory for as long as it is known by its name.
"""

import sys

import _thread

_lock = _thread.allocate_lock()


def load(name):
    """The module `name`, forgotten at once, and so are those that came with it: they go when the last of their
    functions is let go of.

    For modules without a state, or exceptions, of their own: the next one to load them gets others.
    """
    with _lock:
        known = set(sys.modules)
        module = __import__(name, None, None, (None,))
        for new in [one for one in sys.modules if one not in known]:
            _forget(new)
    return module


def _forget(name):
    del sys.modules[name]
    package, _, leaf = name.rpartition(".")
    if package in sys.modules:
        delattr(sys.modules[package], leaf)
