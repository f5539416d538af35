"""What is said on /rpc: frames in WebSocket messages and in POST bodies, single methods by their path."""

import asyncio
import json

import microdot.microdot
from micropython import const
from microdot import Microdot, Request, Response

from rpc.caller import Caller
from rpc.errors import RpcError, describe
from rpc.frame import SIZE_MAX, load, parse
from rpc.workers import NoWorker

from .messages import TOO_LONG, Messages

_WRONG_ANSWER_MS = const(500)
_SEND_S = const(20)
# The one page whose name a caller may bear that is no page: Mongoose OS's client says it on every connection.
_MOS_ORIGIN = "https://api.cesanta.com/"
_REFUSALS = {400: "this is no HTTP", 413: "too long", 500: "the firmware has a defect, or too little memory"}
_JSON = {"Content-Type": "application/json"}

Request.max_content_length = Request.max_body_length = Messages.max_message_length = SIZE_MAX
# Its tracebacks would go to the console, for any nonsense that a stranger sends.
microdot.microdot.print_exception = lambda error: None

SECURE = Caller("wss")
PLAIN = Caller("ws")


class Routes:
    """The microdot app of one listener.

    run: a coroutine function that has a worker call a function; digest: Digest, or None where TLS has already made
    sure of the caller (`caller`); bench() tells whether callers without a password are served.
    """

    def __init__(self, dispatcher, run, caller, digest=None, bench=None):
        self._dispatcher = dispatcher
        self._run = run
        self._caller = caller
        self._digest = digest
        self._bench = bench
        self.app = app = Microdot()
        app.before_request(self._refuse_pages)
        app.route("/rpc", methods=["GET", "POST"])(self._frames)
        app.route("/rpc/<method>", methods=["GET", "POST"])(self._method)
        for status in (400, 404, 405, 413, 500):
            app.errorhandler(status)(self._refusal(status))

    # Who calls.

    def _refuse_pages(self, request):
        if self._from_a_page(request):
            return self._unauthorized() if self._digest else ("", 403)
        return None

    def _refusal(self, status):
        def handler(request):
            connection = request and request.sock[0]
            if self._digest and not (connection and (connection.admitted or self._bench())):
                return self._unauthorized()
            if status == 413 and request.path == "/rpc":
                return self._dispatcher.handle(None, lambda frame: self._caller), 200, _JSON
            return {"code": status, "message": _REFUSALS.get(status, "there is only /rpc here")}, status

        return handler

    def _unauthorized(self):
        return "", 401, {"WWW-Authenticate": self._digest.http_challenge()}

    @staticmethod
    def _from_a_page(request):
        """Whether a page in a browser asks, which may use what that browser knows: a password, a certificate."""
        return request.headers.get("Origin", _MOS_ORIGIN) != _MOS_ORIGIN

    async def _admit(self, request):
        """Whether the caller of an HTTP request is let in."""
        connection = request.sock[0]
        if self._digest and not self._bench():
            answer = request.headers.get("Authorization")
            if not self._digest.accepts_http(request.method, request.url, answer):
                if answer:
                    await asyncio.sleep_ms(_WRONG_ANSWER_MS)
                return False
        await connection.admit()
        return True

    # Frames.

    async def _frames(self, request):
        if request.method == "GET":
            return await self._socket(request)
        if not await self._admit(request):
            return self._unauthorized()
        reply = await self._answer(request.sock[0], [request.body], lambda frame: self._caller)
        return reply or "", 200, _JSON

    async def _answer(self, connection, box, admit):
        """The reply to the frame (bytes) in the list `box`, which is emptied: it is large, and soon needed no more."""
        connection.start()
        try:
            return await self._run(lambda: self._handled(box, admit))
        except NoWorker as e:
            return self._dispatcher.answer(({}, e), admit)
        finally:
            connection.done()

    def _handled(self, box, admit):
        return self._dispatcher.answer(parse(_text(box)), admit)

    async def _socket(self, request):
        connection = request.sock[0]
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return self._unauthorized() if self._digest and not self._bench() else 400
        socket = Messages(request)
        await socket.handshake()
        gate = _Gate(self._caller, self._digest, self._bench)
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
        if gate.passed:
            await connection.admit()
        elif gate.wrong:
            gate.wrong = False
            await asyncio.sleep_ms(_WRONG_ANSWER_MS)
        if reply is not None:
            await asyncio.wait_for(socket.send(reply), _SEND_S)
        return True

    # Single methods.

    async def _method(self, request, method):
        if not await self._admit(request):
            return self._unauthorized()
        connection = request.sock[0]
        connection.start()
        try:
            return await self._run(lambda: self._called(request, method))
        finally:
            connection.done()

    def _called(self, request, method):
        try:
            params = (
                load(request.body)
                if request.body
                else {name: _value(request.args[name]) for name in request.args}
            )
            return json.dumps(self._dispatcher.call(method, params, self._caller)), 200, _JSON
        except Exception as e:
            error = describe(e)
            return json.dumps(error), error["code"] if error["code"] in (403, 404) else 500, _JSON


class _Gate:
    """Decides frame by frame: the caller of a WebSocket may show who it is in any of them."""

    def __init__(self, caller, digest, is_open):
        self._caller = caller
        self._digest = digest
        self._is_open = is_open
        self.passed = False
        self.wrong = False

    def admit(self, frame):
        self.passed = self.wrong = False
        auth = frame.get("auth")
        if self._digest and not self._is_open() and not self._digest.accepts_frame(auth):
            self.wrong = auth is not None
            raise self._digest.challenge()
        self.passed = True
        return self._caller


def _text(box):
    """The message in `box`, which is emptied; None if it was too long to be kept."""
    if box[0] == TOO_LONG:
        return None
    try:
        return str(box.pop(), "utf-8")
    except UnicodeError:
        return ""  # answered like everything that is no JSON


def _value(text):
    try:
        return load(text)
    except RpcError:
        return text
