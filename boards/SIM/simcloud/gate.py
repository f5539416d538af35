"""The API's front door, in WSGI: who is calling, may they, is a fault due? Only then moto is asked."""

import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import cache
from io import BytesIO
from socket import SHUT_RDWR
from typing import Any

from simcloud.access import AccessKey, Environ, caller
from simcloud.faults import ApiError, Faults, StartResponse
from simcloud.journal import Decision, Journal
from simcloud.operations import Operations
from simcloud.own import answer
from simcloud.registry import Registry, service_model

WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]
UNKNOWN = "UnknownOperation"


class Gate:
    def __init__(
        self, app: WsgiApp, registry: Registry, keys: Iterable[AccessKey], faults: Faults, journal: Journal
    ) -> None:
        self._app = app
        self._registry = registry
        self._keys = {key.access_key_id: key for key in keys}
        self._faults = faults
        self._journal = journal
        self._own = Operations(registry).handlers

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        called = operation(environ["REQUEST_METHOD"], environ["RAW_URI"].partition("?")[0])
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        user = "-"
        try:
            key = caller(environ, body, self._keys, self._registry.region_name)
            user = key.user
            self._authorize(key, called)
            if fault := self._faults.take(called):
                raise fault
        except ApiError as error:
            self._journal.write(Decision(called, False, user, "", str(error)))
            return error.answer(start_response)
        environ["wsgi.input"] = BytesIO(body)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._registry.account_id
        if called == "DescribeEndpoint" and not environ["QUERY_STRING"]:
            environ["QUERY_STRING"] = "endpointType=iot:Data"  # AWS's default; moto's is Data-ATS
        try:
            with self._registry.lock:
                status, said = self._ask(called, environ, body, start_response)
        except ApiError as error:
            self._journal.write(Decision(called, False, user, "", str(error)))
            return error.answer(start_response)
        if self._faults.loses(called):
            self._journal.write(Decision(called, True, user, "", "done, and the answer is lost"))
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
        reason = status if status < "4" else f"{status}: {b''.join(said).decode(errors='replace')}"
        self._journal.write(Decision(called, status < "4", user, "", reason))
        return said

    def _ask(
        self, called: str, environ: Environ, body: bytes, start_response: StartResponse
    ) -> tuple[str, list[bytes]]:
        """The answer, mostly moto's, and the status with which it came."""
        if called in self._own:
            return "200", answer(called, self._own[called], environ, body, start_response)
        statuses = []

        def remember(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        listed = list(self._app(environ, remember))
        return statuses[0], listed

    def _authorize(self, key: AccessKey, called: str) -> None:
        if called == UNKNOWN:
            raise ApiError(404, "UnknownOperationException", "This has AWS IoT's API and nothing else.")
        if not any(fnmatchcase(called, pattern) for pattern in key.may):
            user = f"arn:aws:iam::{self._registry.account_id}:user/{key.user}"
            message = f"User: {user} is not authorized to perform: iot:{called}"
            why = f"because no identity-based policy allows the iot:{called} action"
            raise ApiError(403, "AccessDeniedException", f"{message} {why}")


def operation(method: str, path: str) -> str:
    """PUT /target-policies/x is AttachPolicy."""
    return next((name for verb, uri, name in routes() if verb == method and uri.fullmatch(path)), UNKNOWN)


@cache
def routes() -> list[tuple[str, re.Pattern[str], str]]:
    """From AWS's description of the API: method, path and name of every operation."""
    model = service_model()
    described = {name: model.operation_model(name).http for name in model.operation_names}
    return [(http["method"], route(http["requestUri"]), name) for name, http in described.items()]


def route(uri: str) -> re.Pattern[str]:
    """/things/{thingName}/principals as a pattern; {name+} takes slashes in."""
    path = re.escape(uri.partition("?")[0])
    path = re.sub(r"\\\{[^}]*\\\+\\\}", ".+", path)
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", path))
