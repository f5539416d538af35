"""The API's front door, in WSGI: who is calling, may they, is a fault due? Only then moto is asked."""

import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from io import BytesIO
from socket import SHUT_RDWR
from typing import Any

from simcloud import roles
from simcloud.access import AccessKey, Environ, caller, service_of
from simcloud.faults import ApiError, Faults, StartResponse
from simcloud.journal import Decision, Journal
from simcloud.model import partition, service_model
from simcloud.own import Handler, answer
from simcloud.quotas import Quotas
from simcloud.registry import Registry
from simcloud.roles import Roles

WsgiApp = Callable[[Environ, StartResponse], Iterable[bytes]]
UNKNOWN = "UnknownOperation"
WHOLE = ("iot", "iam")  # what the stand-in does not answer itself, moto does
# Who gives a role to a service has to be allowed to.
PASSING = {
    ("iot", "CreateProvisioningTemplate"),
    ("iot", "UpdateProvisioningTemplate"),
    ("lambda", "CreateFunction"),
}


class Gate:
    """`own` are the operations that the stand-in answers itself, by service; `keys` may become more meanwhile."""

    def __init__(
        self,
        app: WsgiApp,
        registry: Registry,
        keys: Mapping[str, AccessKey],
        faults: Faults,
        journal: Journal,
        own: Mapping[str, Mapping[str, Handler]],
        roles: Roles,
        quotas: Quotas,
    ) -> None:
        self._app = app
        self._registry = registry
        self._keys = keys
        self._faults = faults
        self._journal = journal
        self._own = own
        self._roles = roles
        self._quotas = quotas

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        service = service_of(environ)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        called = named(service, environ, body)
        if service not in WHOLE and called not in self._own.get(service, {}):
            called = UNKNOWN
        shown = called if service == "iot" else f"{service}:{called}"
        user = "-"
        try:
            key = caller(environ, body, self._keys, self._registry.region_name)
            user = key.user
            self._authorize(key, service, called)
            self._quotas.take(shown)
            if fault := self._faults.take(shown):
                raise fault
        except ApiError as error:
            self._journal.write(Decision(shown, False, user, "", str(error)))
            return error.answer(start_response, service == "iam")
        environ["wsgi.input"] = BytesIO(body)
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = self._registry.account_id
        if shown == "DescribeEndpoint" and not environ["QUERY_STRING"]:
            environ["QUERY_STRING"] = "endpointType=iot:Data"  # AWS's default; moto's is Data-ATS
        try:
            with self._registry.lock:
                status, said = self._ask(service, called, environ, body, start_response)
        except ApiError as error:
            self._journal.write(Decision(shown, False, user, "", str(error)))
            return error.answer(start_response)
        if self._faults.loses(shown):
            self._journal.write(Decision(shown, True, user, "", "done, and the answer is lost"))
            environ["werkzeug.socket"].shutdown(SHUT_RDWR)
        reason = status if status < "4" else f"{status}: {b''.join(said).decode(errors='replace')}"
        self._journal.write(Decision(shown, status < "4", user, "", reason))
        return said

    def _ask(
        self, service: str, called: str, environ: Environ, body: bytes, start_response: StartResponse
    ) -> tuple[str, list[bytes]]:
        """The answer, mostly moto's, and the status with which it came."""
        if handler := self._own.get(service, {}).get(called):
            model = service_model(service).operation_model(called)
            return "200", answer(model, handler, environ, body, start_response)
        statuses = []

        def remember(status: str, *rest: Any) -> Any:
            statuses.append(status)
            return start_response(status, *rest)

        app = self._roles.answer if service == "iam" else self._app
        listed = list(app(environ, remember))
        return statuses[0], listed

    def _authorize(self, key: AccessKey, service: str, called: str) -> None:
        if called == UNKNOWN:
            message = "This has AWS IoT's API, and as much of IAM's and Lambda's as a hook takes."
            raise ApiError(404, "UnknownOperationException", message)
        part = partition(self._registry.region_name)
        names = [called if service == "iot" else f"{service}:{called}"]
        names += ["iam:PassRole"] if (service, called) in PASSING else []
        for name in names:
            if not any(fnmatchcase(name, pattern) for pattern in key.may):
                raise denied(f"arn:{part}:iam::{self._registry.account_id}:user/{key.user}", name, service)


def denied(user: str, name: str, service: str) -> ApiError:
    action = name if ":" in name else f"iot:{name}"
    message = f"User: {user} is not authorized to perform: {action}"
    why = f"because no identity-based policy allows the {action} action"
    code = "AccessDenied" if service == "iam" else "AccessDeniedException"
    return ApiError(403, code, f"{message} {why}")


def named(service: str, environ: Environ, body: bytes) -> str:
    """The operation that a request is for."""
    if service == "iam":
        found = roles.called(body)
        return found if found in roles.OPERATIONS else UNKNOWN
    if target := environ.get("HTTP_X_AMZ_TARGET"):  # AWS's JSON protocol
        return str(target).rpartition(".")[2]
    return operation(environ["REQUEST_METHOD"], environ["RAW_URI"].partition("?")[0], service)


def operation(method: str, path: str, service: str = "iot") -> str:
    """PUT /target-policies/x is AttachPolicy."""
    listed = routes(service)
    return next((name for verb, uri, name in listed if verb == method and uri.fullmatch(path)), UNKNOWN)


@cache
def routes(service: str = "iot") -> list[tuple[str, re.Pattern[str], str]]:
    """From AWS's description of the API: method, path and name of every operation."""
    model = service_model(service)
    described = {name: model.operation_model(name).http for name in model.operation_names}
    return [(http["method"], route(http["requestUri"]), name) for name, http in described.items()]


def route(uri: str) -> re.Pattern[str]:
    """/things/{thingName}/principals as a pattern; {name+} takes slashes in."""
    path = re.escape(uri.partition("?")[0])
    path = re.sub(r"\\\{[^}]*\\\+\\\}", ".+", path)
    return re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", path))
