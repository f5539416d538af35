"""A request to one of AWS's own services over MQTT, and its answer: TOPIC, and below it accepted and rejected."""

import json

from job import waited
from link.errors import LinkError


class _Inbox:
    """What comes to one topic: the last message (bytes), or None."""

    def __init__(self, topic):
        self.pattern = topic
        self.message = None

    def takes(self, topic):
        return topic == self.pattern

    def add(self, topic, message):
        self.message = message


def ask(link, topic, request, timeout=30):
    """Publish `request` (what JSON can say) to `topic` and wait for what AWS answers: a dict. A generator (job.py).

    link: a link.Link that is on. LinkError: `rejected` with AWS's own words, `timeout` if it says nothing, or why the
    connection ended. In the end nothing is listened to any more.
    """
    accepted, rejected = (_Inbox("%s/%s" % (topic, ending)) for ending in ("accepted", "rejected"))
    yield from waited(link.connected())
    listening = []
    try:
        # An answer that comes before is lost.
        for inbox in (accepted, rejected):
            listening.append(inbox)
            yield from waited(link.listen(inbox, 1))
        yield from waited(link.publish(topic, json.dumps(request), 1, False))
        yield from waited(link.wait_for(lambda: accepted.message or rejected.message, timeout))
    finally:
        for inbox in listening:
            link.listen_no_more(inbox)
    if rejected.message:
        raise _rejection(topic, rejected.message)
    if accepted.message is None:
        raise LinkError("timeout", "AWS has not answered %s within %d s" % (topic, timeout), "mqtt")
    return _parsed(topic, accepted.message)


def _parsed(topic, message):
    try:
        answer = json.loads(message)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise LinkError("mqtt", "what AWS has answered to %s is no JSON object" % topic, "mqtt")
    return answer


def _rejection(topic, message):
    said = _parsed(topic, message)
    code = said.get("errorCode") or said.get("code")
    text = said.get("errorMessage") or said.get("message") or "without a reason"
    return LinkError("rejected", "AWS rejects %s: %s (%s)" % (topic, text, code), "mqtt")
