"""The broker's rules: who may connect, and which packets pass. mosquitto asks before it acts."""

from collections.abc import Callable
from dataclasses import dataclass

from simcloud.journal import Decision, Journal
from simcloud.policy import Request, Verdict, evaluate
from simcloud.registry import Principal, Registry
from simcloud.services import Outgoing, Sender, Services

MAX_CLIENT_ID = 128
MAX_TOPIC = 256
MAX_SLASHES = 7
MAX_PAYLOAD = 128 * 1024
MAX_QOS = 1
TAKEN_OVER = "DUPLICATE_CLIENTID"


@dataclass
class Session:
    certificate_id: str
    client_id: str
    connected: bool = True
    ending: str = ""  # why it is going to end, if that is decided here


@dataclass(frozen=True)
class Packet:
    """A PUBLISH, a topic filter of a SUBSCRIBE, or a message on its way to a client."""

    action: str  # publish, subscribe, receive
    topic: str
    qos: int = 0
    retain: bool = False
    size: int = 0


class Judge:
    """Sessions go by a handle that the broker chooses; one that is gone may still get its will sent."""

    def __init__(
        self,
        registry: Registry,
        services: Services,
        journal: Journal,
        newcomer: Callable[[bytes], bool] = lambda certificate: False,
    ) -> None:
        self._newcomer = newcomer
        self._just_met: set[str] = set()  # IDs of certificates
        self._registry = registry
        self._services = services
        self._journal = journal
        self._subscribed: dict[str, dict[str, int]] = {}  # by client ID: filters, each with its QoS
        self._sessions: dict[str, Session] = {}
        self._to_cut: set[str] = set()

    def meet(self, certificate_id: str, certificate: bytes) -> None:
        """Somebody is going to connect with this certificate (DER), which may be one that nobody knows yet."""
        with self._registry.lock:
            known = certificate_id in self._registry.certificates
        if certificate and not known and self._newcomer(certificate):
            self._just_met.add(certificate_id)

    def connect(self, handle: str, certificate_id: str, client_id: str, clean: bool) -> bool:
        session = Session(certificate_id, client_id)
        verdict = self._may_connect(session)
        if verdict.allowed:
            self._note_takeover(client_id)
            self._sessions[handle] = session
            if clean:
                self._subscribed.pop(client_id, None)
            self._tell(session, True, "NONE")
        elif not self._is_connected(client_id):
            self._tell(session, False, "AUTH_ERROR")
        return self._journal.write(Decision("connect", verdict.allowed, client_id, "", verdict.reason))

    def packet(self, handle: str, packet: Packet) -> bool:
        session = self._sessions.get(handle)
        client_id = session.client_id if session else "-"
        verdict = self._may_pass(session, packet) if session else Verdict(False, "no such session")
        if session and not verdict.allowed and packet.action != "receive":
            session.ending = "AUTH_ERROR"
        if verdict.allowed and packet.action == "subscribe":
            self._subscribed.setdefault(client_id, {})[packet.topic] = packet.qos
        return self._journal.write(
            Decision(packet.action, verdict.allowed, client_id, packet.topic, verdict.reason)
        )

    def unsubscribed(self, handle: str, topic: str) -> None:
        if session := self._sessions.get(handle):
            self._subscribed.get(session.client_id, {}).pop(topic, None)

    # AWS's own services.

    def message(self, handle: str, topic: str, payload: bytes) -> None:
        """A publish, which was allowed."""
        if session := self._sessions.get(handle):
            self._services.take(Sender(session.client_id, session.certificate_id), topic, payload)

    def outgoing(self) -> list[tuple[Outgoing, int]]:
        """What the services have to say now, each with its QoS."""
        return [(one, qos) for one in self._services.outgoing() if (qos := self._may_go(one)) is not None]

    def _may_go(self, message: Outgoing) -> int | None:
        """An answer goes to who has asked: connected, subscribed, and allowed to receive it."""
        client_id = message.client_id
        if not client_id:
            return MAX_QOS
        session = next((s for s in self._sessions.values() if s.connected and s.client_id == client_id), None)
        granted = [
            qos for each, qos in self._subscribed.get(client_id, {}).items() if is_of(each, message.topic)
        ]
        if not session:
            verdict = Verdict(False, "who has asked isn't connected any more")
        elif not granted:
            verdict = Verdict(False, "who has asked hasn't subscribed to it")
        else:
            verdict = self._may_pass(session, Packet("receive", message.topic))
        self._journal.write(Decision("receive", verdict.allowed, client_id, message.topic, verdict.reason))
        return max(granted) if verdict.allowed else None

    def gone(self, handle: str, reason: str) -> None:
        if session := self._sessions.get(handle):
            session.connected = False
            if session.ending == TAKEN_OVER or not self._is_connected(session.client_id):
                self._tell(session, self._is_connected(session.client_id), session.ending or reason)

    def _is_connected(self, client_id: str) -> bool:
        return any(each.connected and each.client_id == client_id for each in self._sessions.values())

    def _tell(self, session: Session, connected: bool, reason: str) -> None:
        with self._registry.lock:
            self._registry.note_connectivity(session.certificate_id, session.client_id, connected, reason)

    def cut(self, client_id: str) -> None:
        """Ask for a client's connection to be cut; it happens at the broker's next tick."""
        self._to_cut.add(client_id)

    def overdue(self) -> list[str]:
        """The client IDs to cut off now: those asked for, and those whose certificate isn't good any more."""
        asked, self._to_cut = self._to_cut, set()
        due = []
        for session in [each for each in self._sessions.values() if each.connected]:
            principal = self._principal(session)
            reason = "by request" if session.client_id in asked else standing(session, principal)
            if reason:
                self._journal.write(Decision("cut", True, session.client_id, "", reason))
                session.connected = False
                session.ending = "SERVER_INITIATED_DISCONNECT" if session.client_id in asked else "AUTH_ERROR"
                due.append(session.client_id)
        return due

    def _note_takeover(self, client_id: str) -> None:
        earlier = [each for each in self._sessions.values() if each.connected and each.client_id == client_id]
        for each in earlier:
            each.ending = TAKEN_OVER
        if earlier:
            reason = "a second connection has the same client ID"
            self._journal.write(Decision("cut", True, client_id, "", reason))

    def _may_connect(self, session: Session) -> Verdict:
        if broken := limit_of_client_id(session.client_id):
            return Verdict(False, broken)
        if session.certificate_id in self._just_met:
            self._just_met.discard(session.certificate_id)
            return Verdict(False, "its certificate has just been registered, for the next connection")
        principal = self._principal(session)
        if principal and not principal.settled:
            return Verdict(False, "the change of its certificate hasn't reached the broker yet")
        return self._evaluate(session, "iot:Connect", f"client/{session.client_id}")

    def _may_pass(self, session: Session, packet: Packet) -> Verdict:
        if packet.action == "receive":
            return self._evaluate(session, "iot:Receive", f"topic/{packet.topic}")
        if broken := limit_of_packet(packet):
            return Verdict(False, broken)
        if packet.action == "subscribe":
            return self._evaluate(session, "iot:Subscribe", f"topicfilter/{packet.topic}")
        verdict = self._evaluate(session, "iot:Publish", f"topic/{packet.topic}")
        if verdict.allowed and packet.retain:
            return self._evaluate(session, "iot:RetainPublish", f"topic/{packet.topic}")
        return verdict

    def _evaluate(self, session: Session, action: str, resource: str) -> Verdict:
        principal = self._principal(session)
        if broken := standing(session, principal):
            return Verdict(False, broken)
        assert principal
        request = Request(action, self._registry.arn(resource), principal.variables)
        return evaluate(principal.policies, request)

    def _principal(self, session: Session) -> Principal | None:
        with self._registry.lock:
            return self._registry.principal(session.certificate_id, session.client_id)


def standing(session: Session, principal: Principal | None) -> str | None:
    """What is wrong with the certificate itself, if anything is."""
    shown = f"certificate {session.certificate_id[:8]}…"
    if principal is None:
        return f"{shown} isn't registered"
    return None if principal.status == "ACTIVE" else f"{shown} is {principal.status}"


def is_of(pattern: str, topic: str) -> bool:
    """Whether a subscription to `pattern` is one to `topic`, which begins with $."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[0] != levels[0]:
        return False
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(
        w in ("+", level) for w, level in zip(wanted, levels, strict=True)
    )


def limit_of_client_id(client_id: str) -> str | None:
    if len(client_id.encode()) > MAX_CLIENT_ID:
        return f"the client ID is longer than {MAX_CLIENT_ID} bytes"
    return None


def limit_of_packet(packet: Packet) -> str | None:
    """AWS's limits, in the order in which they are looked at."""
    if packet.qos > MAX_QOS:
        return "QoS 2 isn't supported"
    if len(packet.topic.encode()) > MAX_TOPIC:
        return f"the topic is longer than {MAX_TOPIC} bytes"
    if packet.topic.count("/") > MAX_SLASHES:
        return f"the topic has more than {MAX_SLASHES} slashes"
    if packet.size > MAX_PAYLOAD:
        return f"the payload is larger than {MAX_PAYLOAD} bytes"
    known = ("$aws/", "$share/") if packet.action == "subscribe" else ("$aws/",)
    if packet.topic.startswith("$") and not packet.topic.startswith(known):
        return "a topic that begins with $ is reserved"
    return None
