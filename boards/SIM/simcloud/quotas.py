"""How many calls a second the account may make: Service Quotas tells it. More are throttled where a test says so."""

import time
from collections.abc import Mapping
from threading import Lock
from typing import Any

from simcloud.faults import ApiError
from simcloud.model import service_model
from simcloud.own import Handler, page

DEFAULT = 10.0  # calls a second: AWS allows no fewer of any
LARGEST_PAGE = 100
CORE, MANAGEMENT = "iotcore", "iot"
NAMES = {CORE: "{} API TPS", MANAGEMENT: "{} throttle limit"}
# Quotas that are no rate of an operation stand in the same list.
OTHERS = {"Maximum policy document size": 2048.0, "Fleet Provisioning RegisterThing MQTT API TPS": 10.0}

Params = dict[str, Any]


class Quotas:
    """`limit` lets so many calls of an operation through in a second (a token bucket), from then on."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._limits: dict[str, float] = {}
        self._left: dict[str, tuple[float, float]] = {}
        self.handlers: Mapping[str, Handler] = {
            "ListServiceQuotas": lambda params: _page(params, self._limits),
            "ListAWSDefaultServiceQuotas": lambda params: _page(params, _defaults()),
        }

    def limit(self, operation: str, rate: float) -> None:
        with self._lock:
            self._limits[operation] = rate
            self._left[operation] = rate, time.monotonic()

    def clear(self) -> None:
        with self._lock:
            self._limits.clear()

    def take(self, operation: str) -> None:
        """ThrottlingException for a call too many. What is refused counts nothing."""
        with self._lock:
            rate = self._limits.get(operation)
            if rate is None:
                return
            now = time.monotonic()
            left, since = self._left[operation]
            left = min(rate, left + (now - since) * rate)
            enough = left >= 1
            self._left[operation] = left - enough, now
        if not enough:
            raise ApiError(429, "ThrottlingException", "Rate exceeded")


def _defaults() -> Mapping[str, float]:
    return OTHERS | dict.fromkeys(service_model().operation_names, DEFAULT)


def _page(params: Params, rates: Mapping[str, float]) -> Params:
    service = params["ServiceCode"]
    if service not in NAMES:
        raise ApiError(
            400, "NoSuchResourceException", "The request failed because the service does not exist"
        )
    found = [
        {
            "ServiceCode": service,
            "QuotaName": name if name in OTHERS else NAMES[service].format(name),
            "Value": value,
        }
        for name, value in rates.items()
        if (service == MANAGEMENT) == ("Job" in name)
    ]
    listed, token = page(found, int(params.get("MaxResults") or LARGEST_PAGE), params.get("NextToken"))
    return {"Quotas": listed} | ({"NextToken": token} if token else {})
