"""Where endpoints become routes: all of them Quart's, and those of fixed paths also answered straight from the server.

Quart would make a request object, two tasks and a context for each request, which costs more than everything that the
gateway does for it (docs/decisions/0029, 0081); so fixed paths are recognised before Quart and answered by the same
endpoint. Whatever else comes (HEAD, a GET with a body, paths with parameters, unknown ones) goes to Quart.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from quart import Quart, Response, request
from werkzeug.routing import BaseConverter, Map, UnicodeConverter

from gateway.http.answer import Send, as_response, send_answer
from gateway.http.body import BODY_SECONDS, Disconnected, Receive, may_have_body, read_body, receive_body
from gateway.http.call_making import PATH_PARAMETERS
from gateway.http.edge import Edge, Endpoint
from gateway.http.failures import BUG

Asgi = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]
_log = logging.getLogger(__name__)


class OtherThan(UnicodeConverter):
    """`<other_than(a, b):name>`: a segment that is none of those names, which are routes of their own."""

    def __init__(self, routes: Map, *names: str) -> None:
        super().__init__(routes)
        self.regex = f"(?!(?:{'|'.join(map(re.escape, names))})$)[^/]+"


class RestOf(BaseConverter):
    """`<rest:name>`: all that is left of the path, slashes at its ends and beside each other too."""

    regex = ".+"
    part_isolating = False


class Routes:
    """Adds routes to an app."""

    def __init__(self, app: Quart) -> None:
        self._app = app
        app.url_map.converters["other_than"] = OtherThan
        app.url_map.converters["rest"] = RestOf
        self.fixed: dict[tuple[str, str], Endpoint] = {}

    def add(self, method: str, rule: str, operation: str, endpoint: Endpoint) -> None:
        """A route through Quart; `rule` may have parameters."""
        self._app.add_url_rule(rule, operation, _view(endpoint), methods=[method])

    def read(self, path: str, operation: str, endpoint: Endpoint) -> None:
        """A GET of a fixed path."""
        self.add("GET", path, operation, endpoint)
        self.fixed["GET", path] = endpoint

    def write(self, method: str, path: str, operation: str, endpoint: Endpoint) -> None:
        """A method with a body on a fixed path. Once its body has come it is answered to the end, whoever still listens."""
        self.add(method, path, operation, endpoint)
        self.fixed[method, path] = endpoint


class FixedFirst:
    """ASGI: answers fixed paths, hands everything else to `app`. A body has `body_seconds` to come."""

    def __init__(
        self, app: Asgi, fixed: Mapping[tuple[str, str], Endpoint], edge: Edge, body_seconds: float = BODY_SECONDS
    ) -> None:
        self._app = app
        self._fixed = fixed
        self._edge = edge
        self.body_seconds = body_seconds

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request, handshake or lifespan."""
        endpoint = self._fixed_of(scope)
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await endpoint(scope, partial(receive_body, receive, self.body_seconds))
        except Disconnected:
            return
        except Exception:  # noqa: BLE001  (the last line of defence, as Quart has its own: a bug becomes a 500)
            _log.exception("a request failed", extra={"path": scope["path"]})
            answer = self._edge.failed(scope, BUG)
        await send_answer(answer, send)

    def _fixed_of(self, scope: dict[str, Any]) -> Endpoint | None:
        if scope["type"] != "http" or scope.get("root_path"):
            return None
        endpoint = self._fixed.get((scope["method"], scope["path"]))
        if endpoint is None or scope["method"] != "GET":
            return endpoint
        return None if may_have_body(scope["http_version"], self._edge.exchanges.of(scope).headers) else endpoint


def _view(endpoint: Endpoint) -> Callable[..., Awaitable[Response]]:
    async def view(**path: str) -> Response:
        asked = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  (documented by werkzeug)
        asked.scope[PATH_PARAMETERS] = path
        return as_response(await endpoint(asked.scope, partial(read_body, asked)))

    return view
