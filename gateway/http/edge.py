"""What stands before every handler: trace, signature, scope, limit; and behind it: envelope, errors, measures.

First hop of the REST road: request -> here -> a feature's handler (parses, calls, returns data) -> here -> answer.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from quart import Request, Response, request

from gateway.callers import Authenticator, Caller, SignedRequest
from gateway.http.answers import Answers
from gateway.http.body import may_have_body, read_body
from gateway.http.client_address import rate_identity
from gateway.http.exchange import Exchange, Exchanges
from gateway.http.limits import Limiter, RateLimited
from gateway.http.measures import RequestMeasures
from gateway.http.query import Query, parse_query
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.languages import Language
from storage.models.tenants import Scope
from storage.mongo.failures import StoreUnavailable

View = Callable[[], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PublicCall:
    """What a handler without a caller gets: `now` is the arrival in nanoseconds since the epoch."""

    query: Query
    now: int
    language: Language


@dataclass(frozen=True, slots=True)
class SignedCall:
    """What a handler gets once signature, scope and limit have let the request through."""

    query: Query
    now: int
    language: Language
    caller: Caller


PublicHandler = Callable[[PublicCall], Awaitable[bytes]]
SignedHandler = Callable[[SignedCall], Awaitable[bytes]]
Page = Callable[[Exchange], Response]
Weigh = Callable[[str], int]


class Edge:
    """Makes Quart views of handlers. Handlers return the JSON of `data`; refusals are `HubError`."""

    def __init__(
        self,
        *,
        exchanges: Exchanges,
        answers: Answers,
        authenticator: Authenticator,
        limiter: Limiter,
        measures: RequestMeasures,
        clock: Clock,
    ) -> None:
        self.exchanges = exchanges
        self.answers = answers
        self._authenticator = authenticator
        self._limiter = limiter
        self._measures = measures
        self._clock = clock

    def signed(self, operation: str, scope: Scope, weight: int | Weigh, handler: SignedHandler) -> View:
        """A view for callers whose key carries `scope`; `weight` (or what it makes of the raw query) is what one costs."""
        weigh: Weigh = weight if callable(weight) else lambda _raw: weight

        async def answer(exchange: Exchange, asked: Request) -> Response:
            signed = await self._signed_request(exchange, asked)
            caller = await self._authenticator.authenticate(signed)
            exchange.speak_for(caller.language)
            if scope not in caller.scopes:
                raise HubError("auth.scope_missing", {"scope": scope})
            exchange.spent = self._limiter.spend("market", caller.key_id, weigh(signed.query))
            call = SignedCall(parse_query(signed.query), exchange.arrived, exchange.language, caller)
            return self.answers.success(exchange, await handler(call))

        return self._view(operation, answer)

    def public(self, operation: str, handler: PublicHandler) -> View:
        """A view for anyone, limited by address."""

        async def answer(exchange: Exchange, asked: Request) -> Response:
            self._spend_public(exchange, asked)
            query = parse_query(_raw(asked.scope["query_string"]))
            data = await handler(PublicCall(query, exchange.arrived, exchange.language))
            return self.answers.success(exchange, data)

        return self._view(operation, answer)

    def page(self, operation: str, page: Page) -> View:
        """A view for anyone whose answer is not in the envelope."""

        async def answer(exchange: Exchange, asked: Request) -> Response:
            self._spend_public(exchange, asked)
            return page(exchange)

        return self._view(operation, answer)

    def unbuilt(self, operation: str) -> Callable[..., Awaitable[Response]]:
        """A view of an operation of the contract that later work brings: 501, before anything else is looked at."""

        async def answer(_exchange: Exchange, _asked: Request) -> Response:
            raise HubError("system.not_implemented", {"operation": operation})

        view = self._view(operation, answer)

        async def any_path(**_path: str) -> Response:
            return await view()

        return any_path

    def failed(self, scope: dict[str, Any], error: HubError, headers: list[tuple[str, str]]) -> Response:
        """The answer to what failed outside a view (no route, a body that does not come, a bug)."""
        exchange = self.exchanges.of(scope)
        response = self.answers.failure(exchange, error, headers)
        self._measure(exchange, error.code)
        return response

    def _view(self, operation: str, answer: Callable[[Exchange, Request], Awaitable[Response]]) -> View:
        async def view() -> Response:
            asked: Request = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001  (public in werkzeug's docs)
            exchange = self.exchanges.of(asked.scope)  # type: ignore[arg-type]
            exchange.operation = operation
            try:
                response = await answer(exchange, asked)
            except HubError as error:
                return self._refused(exchange, error)
            except (StoreUnavailable, TimeoutError):
                return self._refused(exchange, HubError("system.unavailable", {"component": "database"}))
            self._measure(exchange, "ok")
            return response

        return view

    def _refused(self, exchange: Exchange, error: HubError) -> Response:
        if isinstance(error, RateLimited):
            self._measures.limited(error.limit_name)
        self._measure(exchange, error.code)
        return self.answers.failure(exchange, error)

    def _measure(self, exchange: Exchange, code: str) -> None:
        self._measures.answered(exchange.operation, code, self._clock.monotonic() - exchange.started)

    def _spend_public(self, exchange: Exchange, asked: Request) -> None:
        identity = rate_identity(self.exchanges.address(asked.scope))  # type: ignore[arg-type]
        exchange.spent = self._limiter.spend("public", identity, 1)

    async def _signed_request(self, exchange: Exchange, asked: Request) -> SignedRequest:
        scope: dict[str, Any] = asked.scope  # type: ignore[assignment]
        headers = exchange.headers
        sent = {name.decode(): value.decode("latin-1") for name, value in headers.items() if name.startswith(b"x-pm-")}
        return SignedRequest(
            method=asked.method,
            path=_raw(scope["raw_path"]),
            query=_raw(scope["query_string"]),
            idempotency_key=exchange.header(b"idempotency-key") or "",
            body=await read_body(asked) if may_have_body(scope["http_version"], headers) else b"",
            headers=sent,
            client_ip=self.exchanges.address(scope),
        )


def _raw(text: bytes) -> str:
    return text.decode("latin-1")
