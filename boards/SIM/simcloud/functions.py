"""AWS Lambda as far as a hook needs it: a function is run in this process, from the very zip that was deployed.

It has the standard library and boto3, whose calls come to the stand-in with the rights of the function's role.
"""

import base64
import builtins
import hashlib
import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from threading import Event, Lock, Thread
from types import ModuleType, SimpleNamespace
from typing import Any

from moto.core.exceptions import JsonRESTError

from simcloud.access import AccessKey
from simcloud.model import partition
from simcloud.own import Handler
from simcloud.roles import Roles

SERVICE = "lambda.amazonaws.com"
BESIDE = {"boto3", "botocore"}
LONGEST_SECONDS = 900
LOAD_SECONDS = 60

Params = dict[str, Any]


class LambdaError(JsonRESTError):
    def __init__(self, status: int, error: str, message: str) -> None:
        self.code = status
        super().__init__(error, message)


@dataclass
class Function:
    name: str
    arn: str
    role: str
    runtime: str
    handler: str
    zip: bytes
    timeout: int = 3
    memory: int = 128
    environment: dict[str, str] = field(default_factory=dict)
    statements: dict[str, Params] = field(default_factory=dict)  # who may invoke it
    loaded: Callable[[Any, Any], Any] | None = None
    updating: bool = False  # until somebody looks, or has been refused
    lock: Lock = field(default_factory=Lock)  # one environment, one call at a time

    @property
    def described(self) -> Params:
        return {
            "FunctionName": self.name,
            "FunctionArn": self.arn,
            "Runtime": self.runtime,
            "Role": self.role,
            "Handler": self.handler,
            "Timeout": self.timeout,
            "MemorySize": self.memory,
            **({"Environment": {"Variables": self.environment}} if self.environment else {}),
            "CodeSize": len(self.zip),
            "CodeSha256": base64.b64encode(hashlib.sha256(self.zip).digest()).decode(),
            "LastModified": time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime()),
            "State": "Active",
            "LastUpdateStatus": "Successful",
            "PackageType": "Zip",
            "Version": "$LATEST",
        }


class Functions:
    """client(key, service) gives boto3's, as the holder of an access key; `keys` are those that the API knows."""

    def __init__(
        self,
        region: str,
        account: str,
        roles: Roles,
        keys: dict[str, AccessKey],
        client: Callable[[AccessKey, str], Any],
    ) -> None:
        self._region, self._account = region, account
        self._roles = roles
        self._keys = keys
        self._client = client
        self._functions: dict[str, Function] = {}
        self.handlers: dict[str, Handler] = {
            "CreateFunction": self._create,
            "GetFunction": lambda params: {"Configuration": self._find(params).described, "Code": {}},
            "GetFunctionConfiguration": self._get_configuration,
            "UpdateFunctionCode": self._update_code,
            "UpdateFunctionConfiguration": self._update_configuration,
            "DeleteFunction": self._delete,
            "AddPermission": self._add_permission,
            "GetPolicy": self._get_policy,
            "RemovePermission": self._remove_permission,
        }

    def _find(self, params: Params) -> Function:
        name = str(params["FunctionName"]).rpartition(":")[2]
        if name not in self._functions:
            arn = self._arn(name)
            raise LambdaError(404, "ResourceNotFoundException", f"Function not found: {arn}")
        return self._functions[name]

    def _arn(self, name: str) -> str:
        return f"arn:{partition(self._region)}:lambda:{self._region}:{self._account}:function:{name}"

    def _create(self, params: Params) -> Params:
        name, role = params["FunctionName"], params["Role"]
        if name in self._functions:
            raise LambdaError(409, "ResourceConflictException", f"Function already exist: {name}")
        if not self._roles.trusts(role, SERVICE) or not self._roles.is_known_everywhere(role):
            message = "The role defined for the function cannot be assumed by Lambda."
            raise LambdaError(400, "InvalidParameterValueException", message)
        if not str(params.get("Runtime", "")).startswith("python3."):
            raise LambdaError(400, "InvalidParameterValueException", "The stand-in runs Python alone.")
        timeout = int(params.get("Timeout", 3))
        if not 1 <= timeout <= LONGEST_SECONDS:
            raise LambdaError(400, "InvalidParameterValueException", f"Timeout {timeout} is not possible")
        made = Function(
            name, self._arn(name), role, params["Runtime"], params["Handler"], _zip(params["Code"]), timeout
        )
        made.environment = variables(params)
        self._functions[name] = made
        return made.described

    def _get_configuration(self, params: Params) -> Params:
        function = self._find(params)
        function.updating = False
        return function.described

    def _update_code(self, params: Params) -> Params:
        function = self._begin_update(params)
        function.zip, function.loaded = _zip(params), None
        return function.described

    def _update_configuration(self, params: Params) -> Params:
        function = self._begin_update(params)
        function.timeout = int(params.get("Timeout", function.timeout))
        if "Environment" in params:
            function.environment = variables(params)
        function.loaded = None
        return function.described

    def _begin_update(self, params: Params) -> Function:
        """AWS takes some seconds for each, and no other one meanwhile."""
        function = self._find(params)
        function.updating = not function.updating
        if not function.updating:
            message = (
                f"The operation cannot be performed: an update is in progress for resource {function.arn}"
            )
            raise LambdaError(409, "ResourceConflictException", message)
        return function

    def _delete(self, params: Params) -> None:
        del self._functions[self._find(params).name]

    def _add_permission(self, params: Params) -> Params:
        function = self._find(params)
        identifier = params["StatementId"]
        if identifier in function.statements:
            message = f"The statement id ({identifier}) provided already exists."
            raise LambdaError(409, "ResourceConflictException", message)
        conditions = {"ArnLike": {"AWS:SourceArn": params.get("SourceArn")}}
        conditions |= {"StringEquals": {"AWS:SourceAccount": params.get("SourceAccount")}}
        statement = {
            "Sid": identifier,
            "Effect": "Allow",
            "Principal": {"Service": params["Principal"]},
            "Action": params["Action"],
            "Resource": function.arn,
            "Condition": {kind: one for kind, one in conditions.items() if None not in one.values()},
        }
        function.statements[identifier] = statement
        return {"Statement": json.dumps(statement)}

    def _get_policy(self, params: Params) -> Params:
        function = self._find(params)
        if not function.statements:
            message = "The resource you requested does not exist."
            raise LambdaError(404, "ResourceNotFoundException", message)
        document = {"Version": "2012-10-17", "Statement": list(function.statements.values())}
        return {"Policy": json.dumps(document)}

    def _remove_permission(self, params: Params) -> None:
        if self._find(params).statements.pop(params["StatementId"], None) is None:
            raise LambdaError(404, "ResourceNotFoundException", "No such statement")

    # --- for those who invoke it

    def may_invoke(self, arn: str, service: str, source: str) -> bool:
        """Whether there is such a function, which the service may call on behalf of the resource `source`."""
        function = self._functions.get(arn.rpartition(":")[2])
        if function is None or function.arn != arn:
            return False
        return any(self._lets(one, service, source) for one in function.statements.values())

    def _lets(self, statement: Params, service: str, source: str) -> bool:
        conditions = statement["Condition"]
        like = conditions.get("ArnLike", {}).get("AWS:SourceArn", "*")
        account = conditions.get("StringEquals", {}).get("AWS:SourceAccount", self._account)
        return (
            statement["Principal"] == {"Service": service}
            and statement["Action"] in ("lambda:InvokeFunction", "lambda:*")
            and fnmatchcase(source, like)
            and account == self._account
        )

    def invoke(self, arn: str, event: Params, seconds: float) -> Any:
        """What it returns; whatever it raises, and TimeoutError. Loading it takes a busy computer its time, apart."""
        function = self._functions[arn.rpartition(":")[2]]
        outcome: Future[Any] = Future()
        begun = Event()
        text = json.dumps(event)

        def run() -> None:
            try:
                with function.lock:
                    function.loaded = function.loaded or self._load(function)
                    begun.set()
                    returned = function.loaded(json.loads(text), SimpleNamespace(function_name=function.name))
                outcome.set_result(json.loads(json.dumps(returned)))
            except BaseException as error:
                begun.set()
                outcome.set_exception(error)

        Thread(target=run, name=f"simcloud {function.name}", daemon=True).start()
        begun.wait(LOAD_SECONDS)
        return outcome.result(min(seconds, function.timeout))

    def _load(self, function: Function) -> Callable[[Any, Any], Any]:
        module, _, name = function.handler.rpartition(".")
        archive = zipfile.ZipFile(io.BytesIO(function.zip))
        key = AccessKey.new(function.name, *self._roles.may(function.role))
        self._keys[key.access_key_id] = key
        boto3 = SimpleNamespace(client=lambda service, **_: self._client(key, service))
        system = ModuleType("os")
        vars(system).update(vars(os) | {"environ": dict(function.environment)})
        own = {"boto3": boto3, "os": system}

        def load(wanted: str, *args: Any, **options: Any) -> Any:
            root = wanted.partition(".")[0]
            if f"{root}.py" in archive.namelist():
                return module_of(root)
            if root not in sys.stdlib_module_names and root not in BESIDE:
                raise ImportError(f"Lambda has no module {wanted}")
            return own.get(wanted) or __import__(wanted, *args, **options)

        @cache
        def module_of(name: str) -> ModuleType:
            made = ModuleType(name)
            vars(made)["__builtins__"] = vars(builtins) | {"__import__": load}
            exec(compile(archive.read(f"{name}.py"), f"{name}.py", "exec"), vars(made))  # noqa: S102
            return made

        found: Callable[[Any, Any], Any] = getattr(module_of(module), name)
        return found


def variables(params: Params) -> dict[str, str]:
    return dict(params.get("Environment", {}).get("Variables", {}))


def _zip(code: Params) -> bytes:
    data = base64.b64decode(code.get("ZipFile") or "")
    if not zipfile.is_zipfile(io.BytesIO(data)):
        raise LambdaError(400, "InvalidParameterValueException", "Could not unzip uploaded file.")
    return data
