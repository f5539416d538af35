"""Parts of the firmware by themselves, on MicroPython."""

# A module of its own for each test, whose names may be replaced.
FRESH = """
import sys
def fresh(name):
    sys.modules.pop(name, None)
    __import__(name)
    return sys.modules[name]
"""
