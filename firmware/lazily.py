"""Modules that are there only while something of theirs is in use: on a microcontroller memory is what is short.

A frozen module is loaded in no time, but its functions and classes take memory for as long as it is known by its name.
"""

import sys

import _thread

_lock = _thread.allocate_lock()


def load(name):
    """The module `name`, forgotten at once: it goes when the last of its functions is let go of.

    For modules without a state, or exceptions, of their own: the next one to load it gets another.
    """
    with _lock:
        known = name in sys.modules
        module = __import__(name, None, None, (None,))
        if not known:
            del sys.modules[name]
            package, _, leaf = name.rpartition(".")
            if package:
                delattr(sys.modules[package], leaf)
    return module
