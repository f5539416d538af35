"""What a device says and hears below $aws/things/THING/jobs/: the engine's part in MQTT."""

import json
from typing import Any

from simcloud.jobs import IN_PROGRESS, JobError, Jobs, Params

NOTIFY, NOTIFY_NEXT = "notify", "notify-next"
# So many of them at most are in a notice, where none has a schedule (AWS's "Jobs notifications").
MOST_LISTED = 10


def base(thing: str) -> str:
    return f"$aws/things/{thing}/jobs/"


class JobTopics:
    """`clock` is the engine's."""

    def __init__(self, jobs: Jobs, clock: Any) -> None:
        self._jobs = jobs
        self._clock = clock

    def notices(self, thing: str, first: bool) -> list[tuple[str, bytes]]:
        """(what follows …/jobs/, message) of what is published when its pending executions have changed; first: whether
        another one is next."""
        found = self._jobs.pending(thing)
        listed: dict[str, list[Params]] = {}
        for one in found[:MOST_LISTED]:
            listed.setdefault(one.status, []).append(one.summary())
        notice = self._said(NOTIFY, {"jobs": listed})
        execution = found[0].whole() if found else {}
        return [self._said(NOTIFY_NEXT, {"execution": execution}), notice] if first else [notice]

    def answer(self, thing: str, rest: str, message: bytes) -> tuple[str, Params]:
        """(accepted or rejected, document) for a request."""
        token: Params = {}
        try:
            request = self._read(message)
            token = {"clientToken": request["clientToken"]} if "clientToken" in request else {}
            self._jobs.tick()
            return "accepted", self._do(thing, rest, request) | token | self._stamp
        except JobError as error:
            said: Params = {"code": error.code, "message": str(error)}
            said |= token | self._stamp
            if error.code in ("VersionMismatch", "InvalidStateTransition") and error.state:
                said["executionState"] = error.state
            return "rejected", said

    @property
    def _stamp(self) -> Params:
        return {"timestamp": int(self._clock())}

    @staticmethod
    def _read(message: bytes) -> Params:
        try:
            request = json.loads(message.decode() or "{}")
        except ValueError:
            raise JobError("InvalidJson", "The message is not JSON in UTF-8") from None
        if not isinstance(request, dict) or not isinstance(request.get("clientToken", ""), str):
            raise JobError("InvalidRequest", "The message is not an object as it has to be")
        return request

    def _do(self, thing: str, rest: str, request: Params) -> Params:
        match rest.split("/"):
            case ["get"]:
                found = self._jobs.pending(thing)
                return {
                    "inProgressJobs": [one.summary() for one in found if one.status == IN_PROGRESS],
                    "queuedJobs": [one.summary() for one in found if one.status != IN_PROGRESS],
                }
            case ["start-next"]:
                started = self._jobs.start_next(thing, request)
                return {"execution": started.whole()} if started else {}
            case [identifier, "get"]:
                described = self._jobs.describe(thing, identifier)
                document = bool(request.get("includeJobDocument", True))
                return {"execution": described.whole(document)} if described else {}
            case [identifier, "update"]:
                updated = self._jobs.update(thing, identifier, request)
                state = {"executionState": updated.state()} if request.get("includeJobExecutionState") else {}
                document = bool(request.get("includeJobDocument"))
                return state | ({"jobDocument": updated.job.document} if document else {})
        raise JobError("InvalidTopic", f"No operation of the jobs has the topic {rest}")

    def _said(self, rest: str, what: Params) -> tuple[str, bytes]:
        return rest, json.dumps(what | self._stamp).encode()
