"""What is said on /rpc: frames in WebSocket messages and in POST bodies, single methods by their path."""

import asyncio
import json

import microdot.microdot
from micropython import const
from microdot import Microdot, Request, Response

from job import complete
from rpc.described import describe
from rpc.errors import RpcError
from rpc.frame import HEAD_MAX, SIZE_MAX, TOO_LONG, is_utf8, load, parse
from rpc.workers import NoWorker

from . import asked
from .messages import Messages

_WRONG_ANSWER_MS = const(500)
_SEND_S = const(20)
_REFUSALS = {
    400: "this is no HTTP",
    403: "call this device by its address or its own name, and not out of a page in a browser",
    404: "there is only /rpc here",
    405: "a POST of JSON calls any method, GET only those that read and WebSocket",
    413: "too long",
    415: "a POST takes Content-Type: application/json",
    500: "the firmware has a defect, or too little memory",
}
_JSON = {"Content-Type": "application/json"}

Request.max_content_length = Messages.max_message_length = SIZE_MAX
Request.max_body_length = 0  # it is read here, when it is known whose it is
# Its tracebacks would go to the console, for any nonsense that a stranger sends.
microdot.microdot.print_exception = lambda error: None


class _App(Microdot):
    """microdot, with `serve(request)` for everything: none of its own answers, to OPTIONS or HEAD, say."""

    def __init__(self, serve, refuse):
        super().__init__()
        self._serve = serve
        for status in (400, 413, 500):
            self.errorhandler(status)(lambda request, *_, status=status: refuse(request, status))

    def find_route(self, request):
        request.url_args = {}
        return self._serve, "", None


class Routes:
    """The microdot app of all listeners.

    run: a coroutine function that has a worker run a generator for a connection; access: Access, which knows who is let
    in; is_own(name) tells whether a name (in small letters) is this device's; digest: Digest, which knows the password.
    """

    def __init__(self, dispatcher, run, access, is_own, digest):
        self._dispatcher = dispatcher
        self._run = run
        self._access = access
        self._is_own = is_own
        self._digest = digest
        self.app = _App(self._serve, self._refuse)

    async def _serve(self, request):
        """Whatever is asked for. First of all whether a page asks, then who; what it says is read last."""
        connection = request.sock[0]
        status = self._why_not(request)
        if not status and self._is_upgrade(request):
            return await self._socket(request)
        if status != 403 and not await self._admit(request):
            status = 401
        if status:
            await connection.discard(request.content_length)
            return self._refuse(request, status)
        box = [await connection.readexactly(request.content_length)]
        if request.path == "/rpc":
            gate = _Held(self._access, connection.caller)
            return await self._answer(connection, box, gate.admit) or "", 200, _JSON
        return await self._method(request, box)

    def _why_not(self, request):
        """The status of a refusal, or None: of what asks, where, and how."""
        headers = request.headers
        if asked.by_a_page(headers) or not asked.leads_here(headers.get("Host", ""), self._is_own):
            return 403
        if request.path != "/rpc" and not request.path.startswith("/rpc/"):
            return 404
        if request.method == "POST":
            return None if asked.is_json(headers) else 415
        if request.method == "GET" and (request.path[5:] in asked.READS or self._is_upgrade(request)):
            return None
        return 405

    @staticmethod
    def _is_upgrade(request):
        return (
            request.method == "GET"
            and request.path == "/rpc"
            and request.headers.get("Upgrade", "").lower() == "websocket"
        )

    def _refuse(self, request, status):
        connection = request and request.sock[0]
        known = connection and (connection.known or (self._access.is_open and not connection.is_secure))
        if status == 401 or not (known or status == 403):
            return "", 401, {"WWW-Authenticate": self._digest.http_challenge()}
        if status == 413 and request.path == "/rpc":
            return (
                self._dispatcher.handle(TOO_LONG + connection.begun(HEAD_MAX), lambda frame: None),
                200,
                _JSON,
            )
        return {"code": status, "message": _REFUSALS[status]}, status

    async def _admit(self, request):
        """Whether the caller of an HTTP request is let in."""
        connection = request.sock[0]
        if connection.is_secure:
            return True
        if not self._access.is_open:
            answer = request.headers.get("Authorization")
            if not self._digest.accepts_http(request.method, request.url, answer):
                if answer:
                    await asyncio.sleep_ms(_WRONG_ANSWER_MS)
                return False
        await connection.admit(self._access.plain_caller())
        return True

    # Frames.

    async def _answer(self, connection, box, admit):
        """The reply to the frame (bytes) in the list `box`, which is emptied: it is large, and soon needed no more."""
        connection.start()
        try:
            return await self._run(self._handled(box, admit), connection)
        except NoWorker as e:
            return complete(self._dispatcher.answer(({}, e), admit))
        finally:
            connection.done()

    def _handled(self, box, admit):
        return (yield from self._dispatcher.answer(parse(bytes(box.pop())), admit))

    async def _socket(self, request):
        connection = request.sock[0]
        socket = Messages(request)
        await socket.handshake()
        gate = _Gate(connection, self._access, self._digest)
        try:
            while await self._exchange(connection, socket, gate):
                pass
            await asyncio.wait_for(socket.close(), _SEND_S)
        except Exception:  # noqa: S110
            pass  # closed, cut off, too large, or too little memory; what follows is no HTTP in any case
        return Response.already_handled

    async def _exchange(self, connection, socket, gate):
        """One message and its reply."""
        reply = await self._answer(connection, [await socket.receive()], gate.admit)
        if gate.caller:
            await connection.admit(gate.caller)
        elif gate.wrong:
            gate.wrong = False
            await asyncio.sleep_ms(_WRONG_ANSWER_MS)
        if reply is not None:
            await asyncio.wait_for(socket.send(reply), _SEND_S)
        return gate.caller or not connection.is_secure

    # Single methods.

    async def _method(self, request, box):
        connection = request.sock[0]
        connection.start()
        try:
            return await self._run(self._called(request, box, connection.caller), connection)
        finally:
            connection.done()

    def _called(self, request, box, caller):
        try:
            if request.method == "POST":
                params = load(bytes(box.pop())) if box[0] else {}
            else:
                params = {name: _value(request.args[name]) for name in request.args}
            caller = _Held(self._access, caller).admit(None)
            result = yield from self._dispatcher.run(request.path[len("/rpc/") :], params, caller)
            return json.dumps(result), 200, _JSON
        except Exception as e:
            error = describe(e)
            return json.dumps(error), error["code"] if error["code"] in (403, 404) else 500, _JSON


class _Held:
    """Lets in `caller`, who was let in when the request came, if that still holds when it is run."""

    def __init__(self, access, caller):
        self._access = access
        self._caller = caller

    def admit(self, _frame):
        if not self._access.holds(self._caller):
            raise RpcError("refused", "what let you in holds no longer on this device")
        return self._caller


class _Gate:
    """Decides frame by frame: the caller of a WebSocket may show who it is in any of them, and each may be its last."""

    def __init__(self, connection, access, digest):
        self._connection = connection
        self._access = access
        self._digest = digest
        self.caller = None  # of the last frame
        self.wrong = False

    def admit(self, frame):
        self.caller = None
        self.wrong = False
        if self._connection.is_secure:
            self.caller = _Held(self._access, self._connection.caller).admit(frame)
        elif self._access.is_open or self._digest.accepts_frame(frame.get("auth")):
            self.caller = self._access.plain_caller()
        else:
            self.wrong = frame.get("auth") is not None
            raise self._digest.challenge()
        self._connection.pass_as(self.caller)
        return self.caller


def _value(text):
    try:
        return load(text)
    except RpcError:
        if not is_utf8(text.encode()):
            raise
        return text
