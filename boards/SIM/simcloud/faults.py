"""Errors of the API: the ones AWS has, and the ones a test orders."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from threading import Lock
from typing import Any
from xml.sax.saxutils import escape

StartResponse = Callable[..., Any]


class ApiError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message

    def answer(self, start_response: StartResponse, xml: bool = False) -> Iterable[bytes]:
        """As WSGI wants it, and as AWS's REST services phrase it; xml: as IAM does."""
        if xml:
            parts = f"<Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
            body = f"<ErrorResponse><Error>{parts}</Error></ErrorResponse>".encode()
        else:
            body = json.dumps({"__type": self.code, "message": self.message}).encode()
        headers = [
            ("Content-Type", "text/xml" if xml else "application/json"),
            ("Content-Length", str(len(body))),
            ("x-amzn-ErrorType", self.code),
        ]
        start_response(f"{self.status} {self.code}", headers)
        return [body]


@dataclass
class Order:
    operation: str
    error: ApiError
    times: int


class Faults:
    """Errors to answer with instead of working, the next `times` calls of an operation (`*` is any)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._orders: list[Order] = []
        self._lost: list[str] = []

    def add(self, operation: str, error: ApiError, times: int = 1) -> None:
        with self._lock:
            self._orders.append(Order(operation, error, times))

    def throttle(self, operation: str = "*", times: int = 1) -> None:
        self.add(operation, ApiError(429, "ThrottlingException", "Rate exceeded"), times)

    def fail(self, operation: str = "*", times: int = 1) -> None:
        error = ApiError(500, "InternalFailureException", "An unexpected error has occurred.")
        self.add(operation, error, times)

    def lose(self, operation: str, times: int = 1) -> None:
        """Do what is asked, and cut the connection off instead of answering."""
        with self._lock:
            self._lost += [operation] * times

    def clear(self) -> None:
        with self._lock:
            self._orders.clear()
            self._lost.clear()

    def loses(self, operation: str) -> bool:
        """Whether the answer to this call is lost, which uses that up."""
        with self._lock:
            due = next((one for one in self._lost if fnmatchcase(operation, one)), None)
            if due is not None:
                self._lost.remove(due)
            return due is not None

    def take(self, operation: str) -> ApiError | None:
        """The error that is due for this call, which uses it up."""
        with self._lock:
            for order in self._orders:
                if order.times and fnmatchcase(operation, order.operation):
                    order.times -= 1
                    return order.error
        return None
