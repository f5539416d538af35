"""AWS IoT Jobs in the stand-in: the engine, its operations in the API, and its topics at the broker."""

import json
from typing import Any

from simcloud.joboperations import JobOperations, members
from simcloud.jobs import Jobs, Params
from simcloud.jobtopics import JobTopics, base
from simcloud.registry import Registry
from simcloud.services import Refused, Request, Services

TOPICS = r"\$aws/things/(?P<thing>[^/]+)/jobs/(?P<rest>(get|start-next|[^/]+/(get|update)))"


class Rejection(Refused):
    """With the document that AWS's jobs answer."""

    def __init__(self, document: Params) -> None:
        super().__init__(400, str(document["code"]), str(document["message"]))
        self.document = document


class JobService:
    def __init__(self, registry: Registry, services: Services) -> None:
        self._registry = registry
        self._services = services
        self.jobs = Jobs(registry.now, lambda target: members(registry, target), self._notify)
        self.operations = JobOperations(registry, self.jobs, registry.now)
        self._topics = JobTopics(self.jobs, registry.now)
        services.offer("mqtt:Jobs", TOPICS, self._answer, rejection)
        services.passing = self._pass

    def _pass(self) -> None:
        with self._registry.lock:
            self.jobs.tick()

    def _notify(self, thing: str, first: bool) -> None:
        for rest, message in self._topics.notices(thing, first):
            self._services.publish(base(thing) + rest, json.loads(message))

    def _answer(self, request: Request) -> Params | None:
        with self._registry.lock:
            ending, document = self._topics.answer(
                request.parts["thing"], request.parts["rest"], request.payload
            )
        if ending == "rejected":
            raise Rejection(document)
        return document


def rejection(_: Request, refused: Refused) -> Params:
    """`document` is the jobs' own; a fault that a test has ordered has none."""
    own: Any = getattr(refused, "document", None)
    return own or {"code": refused.code, "message": refused.message}
