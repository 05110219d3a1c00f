"""Where endpoints become routes: all of them Quart's, and reads also answered straight from the server.

A read is a GET of a fixed path without a body. Quart would make a request object, two tasks and a context for each, which costs
more than everything that the gateway does for it (docs/decisions/0029); so reads are recognised before Quart and
answered by the same endpoint. Whatever else comes (HEAD, bodies, unknown paths) goes to Quart.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from quart import Quart, Response, request

from gateway.http.answer import Send, as_response, send_answer
from gateway.http.body import may_have_body, read_body
from gateway.http.edge import PATH_PARAMETERS, Edge, Endpoint
from gateway.http.failures import BUG

Receive = Callable[[], Awaitable[Any]]
Asgi = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
_log = logging.getLogger(__name__)


class Routes:
    """Adds routes to an app."""

    def __init__(self, app: Quart) -> None:
        self._app = app
        self.reads: dict[str, Endpoint] = {}

    def add(self, method: str, rule: str, operation: str, endpoint: Endpoint) -> None:
        """A route through Quart; `rule` may have parameters."""
        self._app.add_url_rule(rule, operation, _view(endpoint), methods=[method])

    def read(self, path: str, operation: str, endpoint: Endpoint) -> None:
        """A GET of a fixed path."""
        self.add("GET", path, operation, endpoint)
        self.reads[path] = endpoint


class ReadsFirst:
    """ASGI: answers reads, hands everything else to `app`."""

    def __init__(self, app: Asgi, reads: dict[str, Endpoint], edge: Edge) -> None:
        self._app = app
        self._reads = reads
        self._edge = edge

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request, handshake or lifespan."""
        endpoint = self._read_of(scope)
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await endpoint(scope, _no_body)
        except Exception:  # noqa: BLE001  (the last line of defence, as Quart has its own: a bug becomes a 500)
            _log.exception("a read failed", extra={"path": scope["path"]})
            answer = self._edge.failed(scope, BUG)
        await send_answer(answer, send)

    def _read_of(self, scope: dict[str, Any]) -> Endpoint | None:
        if scope["type"] != "http" or scope["method"] != "GET" or scope.get("root_path"):
            return None
        endpoint = self._reads.get(scope["path"])
        if endpoint is None or may_have_body(scope["http_version"], self._edge.exchanges.of(scope).headers):
            return None
        return endpoint


def _view(endpoint: Endpoint) -> Callable[..., Awaitable[Response]]:
    async def view(**path: str) -> Response:
        asked = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  (documented by werkzeug)
        asked.scope[PATH_PARAMETERS] = path
        return as_response(await endpoint(asked.scope, partial(read_body, asked)))

    return view


async def _no_body() -> bytes:
    return b""
