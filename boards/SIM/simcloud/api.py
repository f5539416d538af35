"""The API's HTTP server: moto's IoT service behind the gate, on a loopback port, in a thread."""

from collections.abc import Iterable
from threading import Thread
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from simcloud.access import AccessKey
from simcloud.faults import Faults
from simcloud.gate import Gate
from simcloud.journal import Journal
from simcloud.registry import Registry

HOST = "127.0.0.1"
POLL_SECONDS = 0.05  # how long closing may take


class QuietHandler(MotoRequestHandler):
    def log_request(self, *_: Any) -> None:
        """The journal has what matters."""


class Api:
    def __init__(
        self, registry: Registry, keys: Iterable[AccessKey], faults: Faults, journal: Journal, port: int = 0
    ) -> None:
        gate = Gate(create_backend_app("iot"), registry, keys, faults, journal)
        self._server = make_server(HOST, port, gate, threaded=True, request_handler=QuietHandler)
        self._thread = Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="simcloud API", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
