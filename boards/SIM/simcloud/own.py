"""Operations of the API that the stand-in answers itself, because moto lacks them or is too kind there.

Parameters are read from a request, and answers written, as AWS's own description of the API has it.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

from moto.core.exceptions import JsonRESTError

from simcloud.access import Environ, environ_name
from simcloud.faults import ApiError, StartResponse

Params = dict[str, Any]
Handler = Callable[[Params], Params | None]


def answer(
    model: Any, handler: Handler, environ: Environ, body: bytes, start_response: StartResponse
) -> list[bytes]:
    """What a handler answers, as the service would send it; what it raises becomes an ApiError. `model` is AWS's
    description of the operation."""
    try:
        got = handler(parameters(model, environ, body)) or {}
    except JsonRESTError as error:
        raise ApiError(error.code, str(error.error_type), str(error.message)) from error
    text = json.dumps(got, default=_plain).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(text)))]
    start_response(f"{model.http.get('responseCode', 200)} OK", headers)
    return [text]


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{value!r} is no part of an answer")


def parameters(model: Any, environ: Environ, body: bytes) -> dict[str, Any]:
    """From path, query, headers and body, each as the operation's shape places it."""
    found: dict[str, Any] = {}
    whole = model.input_shape.serialization.get("payload") if model.input_shape else None
    if whole and model.input_shape.members[whole].type_name == "blob":
        found[whole] = body
    elif body.strip():
        document = json.loads(body)
        found |= {whole: document} if whole else document if isinstance(document, dict) else {}
    query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
    path = _path(model.http["requestUri"], environ["RAW_URI"].partition("?")[0])
    for name, shape in (model.input_shape.members if model.input_shape else {}).items():
        place = shape.serialization.get("location")
        wire = shape.serialization.get("name", name)
        raw = {
            "uri": path.get(wire), "querystring": query.get(wire),
            "header": environ.get(environ_name(wire)),
        }.get(place)  # fmt: skip
        if raw is not None:
            found[name] = {"boolean": raw == "true", "integer": int(raw) if raw.isdigit() else raw}.get(
                shape.type_name, raw
            )
    return found


def _path(uri: str, path: str) -> dict[str, str]:
    pattern = re.sub(r"\\{(\w+)(\\\+)?\\}", r"(?P<\1>[^/]+)", re.escape(uri.partition("?")[0]))
    found = re.fullmatch(pattern, path)
    return {name: unquote(value) for name, value in found.groupdict().items()} if found else {}


def page(items: Iterable[Any], size: int, token: str | None) -> tuple[list[Any], str | None]:
    """One page of a list, and the token of the next."""
    listed = list(items)
    start = int(token) if token and token.isdigit() else 0
    end = start + size
    return listed[start:end], str(end) if end < len(listed) else None
