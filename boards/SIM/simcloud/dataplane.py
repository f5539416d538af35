"""Publish, the one operation of AWS IoT's data plane over HTTPS that is here: a message of whoever has the right."""

from simcloud.model import AwsError
from simcloud.own import Handler, Params
from simcloud.services import Sender, Services

LONGEST_TOPIC, LONGEST_PAYLOAD = 256, 128 * 1024
NO_CLIENT = "n/a"  # what a rule's clientid() gives of a message that came by no MQTT


class DataPlane:
    def __init__(self, services: Services) -> None:
        self._services = services
        self.handlers: dict[str, Handler] = {"Publish": self._publish}

    def _publish(self, params: Params) -> None:
        topic, payload = params["topic"], params.get("payload", b"")
        if not 0 < len(topic.encode()) <= LONGEST_TOPIC or any(c in topic for c in "+#") or topic[0] == "$":
            raise AwsError("InvalidRequestException", f"topic {topic} is not possible")
        if len(payload) > LONGEST_PAYLOAD:
            raise AwsError("InvalidRequestException", "The payload is too large")
        try:
            self._services.say(topic, payload.decode())
        except UnicodeDecodeError:
            raise AwsError("InvalidRequestException", "The stand-in's messages are text") from None
        self._services.rules(Sender(NO_CLIENT, ""), topic, payload)
