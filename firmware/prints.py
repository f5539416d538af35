"""What programs print. In the middle of an answer to a host it would make that unreadable: it goes to the program's
log, and on the line only while no host asks there.
"""

import builtins
import io
import sys

import _thread

import line

_print = builtins.print
_programs = []


def of(program):
    """From now on this program prints too: `note(text)` is its log, `is_me()` whether this is its thread."""
    if program not in _programs:
        _programs.append(program)
    builtins.print = tell


def exception(error):
    """Its traceback, line by line: sys.print_exception knows nothing of who else is on the line."""
    text = io.StringIO()
    sys.print_exception(error, text)
    for one in text.getvalue().split("\n"):
        print(one)


def tell(*args, **options):
    if "file" in options or _thread.get_ident() == line.main:
        _print(*args, **options)
        return
    text = io.StringIO()
    _print(*args, file=text, **options)
    text = text.getvalue()
    # Another thread's is that of the program, mostly the only one, which has started it or has asked to be called.
    for program in [one for one in _programs if one.is_me()] or _programs[-1:]:
        program.note(text)
    with line.lock:
        if not line.hosted:
            sys.stdout.write(text)
