"""What goes wrong outside a handler gets the same envelope: no route, wrong method, bodies, bugs."""

from typing import Any, Final

from quart import Quart, Response, has_request_context, request, websocket
from werkzeug.exceptions import HTTPException
from werkzeug.routing.exceptions import WebsocketMismatch

from gateway.http.answer import Answer, as_response
from gateway.http.body import BODY_BYTES, BODY_SECONDS
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from ops.runtime.errors import HubError

_REFUSALS: Final[dict[int, HubError]] = {
    404: HubError("route.not_found"),
    405: HubError("route.method_not_allowed"),
    408: HubError("request.timeout", {"seconds": BODY_SECONDS}),
    413: HubError("request.too_large", {"limit_bytes": BODY_BYTES}),
    415: HubError("request.media_type"),
}
BUG: Final = HubError("system.internal")


def register_failures(app: Quart, edge: Edge, cross_origin: CrossOrigin) -> None:
    """Answer every failure of `app` in the envelope. A 500 shows nothing of what happened; Quart logs it with its trace."""

    async def on_http_failure(error: HTTPException) -> Response:
        scope = _scope()
        allow = [value for name, value in error.get_headers() if name.lower() == "allow"]
        if allow and has_request_context() and request.method == "OPTIONS":
            preflight = _preflight(edge, cross_origin, scope, allow[0])
            if preflight is not None:
                return as_response(preflight)
        if isinstance(error, WebsocketMismatch):
            return as_response(edge.failed(scope, HubError("route.upgrade_required"), [(b"upgrade", b"websocket")]))
        fields = [(b"allow", value.encode("latin-1")) for value in allow]
        return as_response(edge.failed(scope, _refusal(error.code or 500), fields))

    async def on_refusal(error: HubError) -> Response:
        return as_response(edge.failed(_scope(), error))

    app.register_error_handler(HTTPException, on_http_failure)
    app.register_error_handler(HubError, on_refusal)


def _refusal(status: int) -> HubError:
    known = _REFUSALS.get(status)
    if known is not None:
        return known
    return BUG if status >= 500 else HubError("request.invalid", {"fields": []})


def _scope() -> dict[str, Any]:
    return request.scope if has_request_context() else websocket.scope  # type: ignore[return-value]


def _preflight(edge: Edge, cross_origin: CrossOrigin, scope: dict[str, Any], allow: str) -> Answer | None:
    exchange = edge.exchanges.of(scope)
    if exchange.header(b"access-control-request-method") is None:
        return None
    fields = cross_origin.preflight_fields(exchange.header(b"origin"), allow)
    return None if fields is None else edge.answers.raw(exchange, b"", b"text/plain", status=204, headers=fields)
