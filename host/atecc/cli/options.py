"""Options that several commands have, as one decorator."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

DAYS = 365  # that a certificate of one's own CA is valid

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def together(*options: Decorator) -> Decorator:
    """These options, in this order in the help."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), function)

    return decorate


days_option = click.option(
    "--days", type=int, metavar="N", help=f"How long a certificate of your CA is valid. Default: {DAYS}."
)


def days(options: dict[str, Any]) -> int:
    """What was given, 0 as well, or the default."""
    return DAYS if options["days"] is None else int(options["days"])
