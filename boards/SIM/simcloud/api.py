"""The API's HTTP server: moto's IoT service behind the gate, on a loopback port, in a thread."""

from collections.abc import Mapping
from threading import Thread
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server
from werkzeug.test import Client

from simcloud.access import AccessKey
from simcloud.faults import Faults
from simcloud.gate import Gate, routes
from simcloud.journal import Journal
from simcloud.own import Handler
from simcloud.quotas import Quotas
from simcloud.registry import Registry
from simcloud.roles import Roles

HOST = "127.0.0.1"
POLL_SECONDS = 0.05  # how long closing may take
FIRST_REQUEST = "/endpoint?endpointType=iot:Data-ATS"


class QuietHandler(MotoRequestHandler):
    def log_request(self, *_: Any) -> None:
        """The journal has what matters."""


class Api:
    """`own` and `keys` as the gate has them."""

    def __init__(
        self,
        registry: Registry,
        keys: Mapping[str, AccessKey],
        faults: Faults,
        journal: Journal,
        own: Mapping[str, Mapping[str, Handler]],
        roles: Roles,
        quotas: Quotas,
        port: int = 0,
    ) -> None:
        moto = create_backend_app("iot")
        gate = Gate(moto, registry, keys, faults, journal, own, roles, quotas)
        self._server = make_server(HOST, port, gate, threaded=True, request_handler=QuietHandler)
        self._threads = [
            Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), name="simcloud API", daemon=True),
            Thread(target=_warm_up, args=(moto, registry), name="simcloud API's first request", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        for thread in self._threads:
            thread.join()
        self._server.server_close()


def _warm_up(moto: Any, registry: Registry) -> None:
    """What moto does at its first request takes a third of a second; whoever asks AWS has it behind him."""
    routes()
    with registry.lock:
        Client(moto).get(FIRST_REQUEST, headers={"X-Moto-Account-Id": registry.account_id})
