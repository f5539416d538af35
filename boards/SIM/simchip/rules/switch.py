"""Rules have names, so that a mutation test can take one away and see whether any test notices.

A chip in use has all of its rules: nothing but a test bench calls `switched_off`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

RULES: dict[str, str] = {}  # name -> what it says
_off: set[str] = set()


def rule_else(without: T) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Name a rule that decides something; `without` it, the answer is always the same."""

    def name(function: Callable[P, T]) -> Callable[P, T]:
        label = function.__name__
        if label in RULES:
            raise ValueError(f"two rules are called {label}")
        RULES[label] = (function.__doc__ or "").strip()

        @wraps(function)
        def applied(*args: P.args, **kwargs: P.kwargs) -> T:
            return without if label in _off else function(*args, **kwargs)

        return applied

    return name


def rule(function: Callable[P, None]) -> Callable[P, None]:
    """Name a rule that refuses (it raises) or has an effect; without it, nothing happens."""
    return rule_else(None)(function)


@contextmanager
def switched_off(*names: str) -> Iterator[None]:
    """Take the named rules away while the block runs."""
    unknown = set(names) - RULES.keys()
    if unknown:
        raise KeyError(f"no such rule: {', '.join(sorted(unknown))}")
    added = set(names) - _off
    _off.update(added)
    try:
        yield
    finally:
        _off.difference_update(added)
