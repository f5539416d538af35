"""Calls that are made again and again: well below what the account may make of them, and never quite evenly.

The first of a kind go at once. When they become many, Service Quotas is asked, once, how many AWS allows a second.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from atecc.errors import AwsError

_logger = logging.getLogger(__name__)

# AWS allows ten calls a second of the kinds that describe one thing, and no fewer of any (AWS IoT Core quotas); others
# may make some of them.
AT_ONCE = 10
USUAL = 6.0  # calls a second where nobody says what is allowed
SHARE = 0.5  # of what is allowed
# As Service Quotas names them: those of AWS IoT Core, and those of its jobs.
_RATE = re.compile(r"(\w+) (?:API TPS|throttle limit)")
_CORE, _MANAGEMENT = "iotcore", "iot"
_LISTS = (
    "list_service_quotas",
    "list_aws_default_service_quotas",
)  # the account's own first, as far as it has any
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}

clock, pause = time.monotonic, time.sleep


class Pace:
    """`limit` says how many calls a second AWS allows of a kind, if that is known."""

    def __init__(self, limit: Callable[[str], float | None]) -> None:
        self._limit = limit
        self._rates: dict[str, float] = {}
        self._left: dict[str, tuple[float, float]] = {}  # calls that may go at once, and when that was so

    def before(self, action: str) -> None:
        """Wait until it is this call's turn."""
        now = clock()
        left, since = self._left.get(action, (AT_ONCE, now))
        most = max(1.0, self._rates.get(action, AT_ONCE))
        left = min(most, left + (now - since) * self._rates.get(action, USUAL)) - 1
        self._left[action] = left, now
        if left < 0:
            if action not in self._rates:
                known = self._limit(action)
                self._rates[action] = known * SHARE if known else USUAL
            pause(-left / self._rates[action] * random.uniform(1, 1.5))  # noqa: S311

    def throttled(self, action: str) -> None:
        """Others make such calls too: no more go at once."""
        self._left[action] = 0.0, clock()


class Limits:
    """What Service Quotas says; `pages` as Cloud.pages."""

    def __init__(self, pages: Callable[..., Iterable[Any]]) -> None:
        self._pages = pages
        self._read: dict[tuple[str, str], Mapping[str, float]] = {}

    def __call__(self, action: str) -> float | None:
        service = _MANAGEMENT if "Job" in action else _CORE
        for listed in _LISTS:
            if action in (found := self._rates(listed, service)):
                return found[action]
        return None

    def _rates(self, listed: str, service: str) -> Mapping[str, float]:
        key = listed, service
        if key not in self._read:
            try:
                self._read[key] = self._ask(listed, service)
            except AwsError as error:
                _logger.info("Service Quotas does not say how many calls are allowed: %s", error.message)
                self._read = {(one, service): {} for one in _LISTS for service in (_CORE, _MANAGEMENT)}
        return self._read[key]

    def _ask(self, listed: str, service: str) -> Mapping[str, float]:
        quotas = self._pages(f"service-quotas.{listed}", "Quotas", once=True, ServiceCode=service)
        found = {}
        for one in quotas:
            named = _RATE.fullmatch(str(one.get("QuotaName")))
            period = one.get("Period") or {}
            seconds = period.get("PeriodValue", 1) * _SECONDS.get(period.get("PeriodUnit", "SECOND"), 0)
            if named and seconds and one.get("Value", 0) > 0:
                found[named[1]] = one["Value"] / seconds
        return found
