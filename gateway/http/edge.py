"""What stands before every handler: trace, signature, scope, limit; and behind it: envelope, errors, measures.

First hop of the REST road: request -> here -> a feature's handler (parses, calls, returns data) -> here -> answer.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from gateway.callers import Authenticator, BearerAuthenticator, Caller, Principal, SignedRequest
from gateway.http.answer import Answer, Field
from gateway.http.answers import Answers
from gateway.http.bearer import bearer_token, check_role, email_of
from gateway.http.body import check_media_type, may_have_body, parse_json_object
from gateway.http.call_making import AsgiScope, bearer_call, open_call, raw, signed_call
from gateway.http.calls import (
    BearerHandler,
    BearerWrite,
    Cost,
    OpenHandler,
    PublicCall,
    PublicHandler,
    Reply,
    SignedHandler,
    Weigh,
    WriteHandler,
)
from gateway.http.client_address import rate_identity
from gateway.http.exchange import Exchange, Exchanges
from gateway.http.idempotency import IdempotencyBook, check_key
from gateway.http.limits import Limiter, LimitName, RateLimited, email_identity
from gateway.http.measures import RequestMeasures
from gateway.http.one_effect import OneEffect
from gateway.http.query import parse_query
from gateway.http.signing import SIGNING_HEADERS
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from storage.models.order_requests import identity_of
from storage.models.people import AdminRole, Audience
from storage.models.tenants import Scope
from storage.mongo.failures import StoreUnavailable

ReadBody = Callable[[], Awaitable[bytes]]
Endpoint = Callable[[AsgiScope, ReadBody], Awaitable[Answer]]
"""Answers a request given its ASGI scope and a way to its body, whoever received it."""


Page = Callable[[Exchange], Answer]
_SIGNING: Final = tuple((name.encode(), name) for name in SIGNING_HEADERS)


class _Toll(NamedTuple):
    """What a signed write must carry and spend."""

    scope: Scope
    limits: Sequence[LimitName]
    cost: Cost | None


class Edge:
    """Makes endpoints of handlers. Handlers return the JSON of `data`; refusals are `HubError`."""

    def __init__(
        self,
        *,
        exchanges: Exchanges,
        answers: Answers,
        authenticator: Authenticator,
        bearers: BearerAuthenticator,
        idempotency: IdempotencyBook,
        limiter: Limiter,
        measures: RequestMeasures,
        clock: Clock,
    ) -> None:
        self.exchanges = exchanges
        self.answers = answers
        self._authenticator = authenticator
        self._bearers = bearers
        self._once = OneEffect(idempotency, answers, self._success)
        self._limiter = limiter
        self._measures = measures
        self._clock = clock

    def signed(
        self,
        operation: str,
        scope: Scope | tuple[Scope, ...],
        weight: int | Weigh,
        handler: SignedHandler,
        limit: LimitName = "market",
    ) -> Endpoint:
        """A read for callers whose key carries `scope` (one of them, where there are several); `weight` (or what it makes
        of the raw query) is what one request costs of the key's `limit`.
        """
        weigh: Weigh = weight if callable(weight) else lambda _raw: weight

        async def answer(exchange: Exchange, asked: AsgiScope, read_body: ReadBody) -> Answer:
            sent = may_have_body(asked["http_version"], exchange.headers)
            signed = self._signed_request(exchange, asked, await read_body() if sent else b"")
            caller = await self._caller(exchange, signed, scope)
            exchange.spent = self._limiter.spend(limit, caller.key_id, weigh(signed.query))
            return self._success(exchange, await handler(signed_call(exchange, asked, signed, caller)))

        return self._guarded(operation, answer)

    def signed_write(
        self, operation: str, scope: Scope, handler: WriteHandler, limits: Sequence[LimitName], cost: Cost | None = None
    ) -> Endpoint:
        """A write for callers whose key carries `scope`: it needs an `Idempotency-Key` and one JSON object as body.

        What it costs (1, or what `cost` makes of the body) is taken from each of the account's `limits`; a body that is
        no JSON object costs 1.
        """
        toll = _Toll(scope, limits, cost)

        async def answer(exchange: Exchange, asked: AsgiScope, read_body: ReadBody) -> Answer:
            signed, caller, body = await self._signed_body(exchange, asked, read_body, toll)
            return self._success(exchange, await handler(signed_call(exchange, asked, signed, caller), body))

        return self._guarded(operation, answer)

    def signed_effect(
        self, operation: str, scope: Scope, handler: WriteHandler, limits: Sequence[LimitName]
    ) -> Endpoint:
        """A write for callers whose key carries `scope` that becomes no command of an account: as `signed_write`, and once
        for each `Idempotency-Key` of the tenant, by the book that writes of people are kept in.
        """
        toll = _Toll(scope, limits, None)

        async def answer(exchange: Exchange, asked: AsgiScope, read_body: ReadBody) -> Answer:
            signed, caller, body = await self._signed_body(exchange, asked, read_body, toll)

            def run(effect_id: str) -> Awaitable[bytes | Reply]:
                return handler(signed_call(exchange, asked, signed, caller, effect_id), body)

            identity = identity_of(caller.tenant_id, signed.method, signed.path, signed.idempotency_key)
            return await self._once.answer(exchange, identity, asked["query_string"] + b"\n" + signed.body, run)

        return self._guarded(operation, answer)

    def open_write(self, operation: str, handler: OpenHandler) -> Endpoint:
        """A write of anyone, with one JSON object as body: limited by the caller's address and, where the body has an
        `email` or `work_email`, by that address too. No record is kept of it.
        """

        async def answer(exchange: Exchange, asked: AsgiScope, read_body: ReadBody) -> Answer:
            address = self.exchanges.address(asked)
            exchange.spent = self._limiter.spend("auth", rate_identity(address), 1)
            body = _json_object(exchange, await read_body())
            if isinstance(body, HubError):
                raise body
            email = email_of(body)
            if email is not None:
                exchange.spent = self._limiter.spend("auth-attempts", email_identity(email), 1)
            return self._success(exchange, await handler(open_call(exchange, asked, address), body))

        return self._guarded(operation, answer)

    def token_write(self, operation: str, token: str | None, handler: OpenHandler) -> Endpoint:
        """A write of a machine that has a token of its own, with one JSON object as body; limited as one admin is. Without a
        `token` nobody may. No record is kept of it.
        """

        async def answer(exchange: Exchange, asked: AsgiScope, read_body: ReadBody) -> Answer:
            sent = bearer_token(exchange.header(b"authorization"))
            if token is None or not hmac.compare_digest(sent.encode(), token.encode()):
                raise HubError("auth.token_invalid")
            exchange.spent = self._limiter.spend("admin", operation, 1)
            body = _json_object(exchange, await read_body())
            if isinstance(body, HubError):
                raise body
            call = open_call(exchange, asked, self.exchanges.address(asked))
            return self._success(exchange, await handler(call, body))

        return self._guarded(operation, answer)

    def user_read(self, operation: str, handler: BearerHandler) -> Endpoint:
        """A read for users with a living session."""
        return self._bearer_read(operation, "user", None, handler)

    def admin_read(self, operation: str, roles: tuple[AdminRole, ...], handler: BearerHandler) -> Endpoint:
        """A read for admins of these roles."""
        return self._bearer_read(operation, "admin", roles, handler)

    def user_write(
        self, operation: str, handler: BearerWrite, *, key_required: bool = False, body_required: bool = False
    ) -> Endpoint:
        """A write of users with a living session, once for each `Idempotency-Key` (which `key_required` demands). Where no
        body is sent it is that of no fields, unless `body_required` says that nobody means that.
        """
        return self._bearer_write(
            operation, "user", None, handler, key_required=key_required, body_required=body_required
        )

    def admin_write(
        self,
        operation: str,
        roles: tuple[AdminRole, ...],
        handler: BearerWrite,
        *,
        key_required: bool,
        body_required: bool = False,
    ) -> Endpoint:
        """A write of admins of these roles, else as `user_write`."""
        return self._bearer_write(
            operation, "admin", roles, handler, key_required=key_required, body_required=body_required
        )

    def public(self, operation: str, handler: PublicHandler) -> Endpoint:
        """For anyone, limited by address."""

        async def answer(exchange: Exchange, asked: AsgiScope, _read_body: ReadBody) -> Answer:
            self._spend_public(exchange, asked)
            query = parse_query(raw(asked["query_string"]))
            data = await handler(PublicCall(query, exchange.arrived, exchange.language))
            return self.answers.success(exchange, data)

        return self._guarded(operation, answer)

    def page(self, operation: str, page: Page) -> Endpoint:
        """For anyone, limited by address, with an answer that is not in the envelope."""

        async def answer(exchange: Exchange, asked: AsgiScope, _read_body: ReadBody) -> Answer:
            self._spend_public(exchange, asked)
            return page(exchange)

        return self._guarded(operation, answer)

    def failed(self, asked: AsgiScope, error: HubError, headers: Iterable[Field] = ()) -> Answer:
        """The answer to what failed outside an endpoint (no route, a body that does not come, a bug)."""
        exchange = self.exchanges.of(asked)
        self._measure(exchange, error.code)
        return self.answers.failure(exchange, error, headers)

    def _guarded(
        self, operation: str, answer: Callable[[Exchange, AsgiScope, ReadBody], Awaitable[Answer]]
    ) -> Endpoint:
        async def endpoint(asked: AsgiScope, read_body: ReadBody) -> Answer:
            exchange = self.exchanges.of(asked)
            exchange.operation = operation
            try:
                found = await answer(exchange, asked, read_body)
            except HubError as error:
                return self._refused(exchange, error)
            except (StoreUnavailable, TimeoutError):
                return self._refused(exchange, HubError("system.unavailable", {"component": "database"}))
            self._measure(exchange, exchange.code)
            return found

        return endpoint

    def _bearer_read(
        self, operation: str, audience: Audience, roles: tuple[AdminRole, ...] | None, handler: BearerHandler
    ) -> Endpoint:
        async def answer(exchange: Exchange, asked: AsgiScope, _read_body: ReadBody) -> Answer:
            principal = await self._principal(exchange, audience, roles)
            address = self.exchanges.address(asked)
            call = bearer_call(exchange, asked, principal, address, key="", effect_id="")
            return self._success(exchange, await handler(call))

        return self._guarded(operation, answer)

    def _bearer_write(
        self,
        operation: str,
        audience: Audience,
        roles: tuple[AdminRole, ...] | None,
        handler: BearerWrite,
        *,
        key_required: bool,
        body_required: bool,
    ) -> Endpoint:
        async def answer(exchange: Exchange, asked: AsgiScope, read_body: ReadBody) -> Answer:
            principal = await self._principal(exchange, audience, roles)
            sent, address = await read_body(), self.exchanges.address(asked)
            key = check_key(exchange.header(b"idempotency-key"), required=key_required)
            body = _json_object(exchange, sent) if sent or body_required else {}
            if isinstance(body, HubError):
                raise body

            def run(effect_id: str) -> Awaitable[bytes | Reply]:
                call = bearer_call(exchange, asked, principal, address, key=key, effect_id=effect_id)
                return handler(call, body)

            if not key:
                return self._success(exchange, await run(self._once.new_effect_id()))
            identity = identity_of(principal.subject_id, asked["method"], raw(asked["raw_path"]), key)
            return await self._once.answer(exchange, identity, asked["query_string"] + b"\n" + sent, run)

        return self._guarded(operation, answer)

    async def _principal(
        self, exchange: Exchange, audience: Audience, roles: tuple[AdminRole, ...] | None
    ) -> Principal:
        """Whoever the token is of, in the order: token, role, limit."""
        token = bearer_token(exchange.header(b"authorization"))
        principal = await self._bearers.authenticate(token, audience)
        exchange.speak_for(principal.language)
        if roles is not None:
            check_role(principal, exchange.header(b"x-pm-role"), roles)
        exchange.spent = self._limiter.spend(audience, principal.subject_id, 1)
        return principal

    def _success(self, exchange: Exchange, said: bytes | Reply) -> Answer:
        if not isinstance(said, Reply):
            return self.answers.success(exchange, said)
        if said.first is not None:
            exchange.answer_as(said.first.trace_id, said.first.language)
        return self.answers.success(exchange, said.data, said.fields)

    async def _signed_body(
        self, exchange: Exchange, asked: AsgiScope, read_body: ReadBody, toll: _Toll
    ) -> tuple[SignedRequest, Caller, dict[str, Any]]:
        """A signed write's request, caller and body, in the order: signature, scope, limits, key, body."""
        signed = self._signed_request(exchange, asked, await read_body())
        caller = await self._caller(exchange, signed, toll.scope)
        body = _json_object(exchange, signed.body)
        weight = 1 if toll.cost is None or isinstance(body, HubError) else toll.cost(body)
        for limit in toll.limits:
            spent = self._limiter.spend(limit, caller.account_id or caller.tenant_id, weight)
            exchange.spent = exchange.spent or spent  # the first limit is the one that answers tell of
        check_key(signed.idempotency_key, required=True)
        if isinstance(body, HubError):
            raise body
        return signed, caller, body

    async def _caller(self, exchange: Exchange, signed: SignedRequest, scope: Scope | tuple[Scope, ...]) -> Caller:
        caller = await self._authenticator.authenticate(signed)
        exchange.speak_for(caller.language)
        enough = (scope,) if isinstance(scope, str) else scope
        if caller.scopes.isdisjoint(enough):
            raise HubError("auth.scope_missing", {"scope": enough[0]})
        return caller

    def _refused(self, exchange: Exchange, error: HubError) -> Answer:
        if isinstance(error, RateLimited):
            self._measures.limited(error.limit_name)
        self._measure(exchange, error.code)
        return self.answers.failure(exchange, error)

    def _measure(self, exchange: Exchange, code: str) -> None:
        self._measures.answered(exchange.operation, code, self._clock.monotonic() - exchange.started)

    def _spend_public(self, exchange: Exchange, asked: AsgiScope) -> None:
        exchange.spent = self._limiter.spend("public", rate_identity(self.exchanges.address(asked)), 1)

    def _signed_request(self, exchange: Exchange, asked: AsgiScope, body: bytes) -> SignedRequest:
        headers = exchange.headers
        sent = {
            name: value.decode("latin-1") for raw_name, name in _SIGNING if (value := headers.get(raw_name)) is not None
        }
        return SignedRequest(
            method=asked["method"],
            path=raw(asked["raw_path"]),
            query=raw(asked["query_string"]),
            idempotency_key=exchange.header(b"idempotency-key") or "",
            body=body,
            headers=sent,
            client_ip=self.exchanges.address(asked),
        )


def _json_object(exchange: Exchange, body: bytes) -> dict[str, Any] | HubError:
    """The body, or the refusal of one that is no JSON object."""
    try:
        check_media_type(exchange.header(b"content-type"))
        return parse_json_object(body)
    except HubError as error:
        return error
