"""The routes of identity behind the real edge and session cache, in process, over a desk."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from quart import Quart

from gateway.callers import Caller, SignedRequest
from gateway.http.answers import Answers
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.failures import register_failures
from gateway.http.idempotency import IdempotencyBook
from gateway.http.routes import FixedFirst, Routes
from gateway.http.sessions import SessionCache
from gateway.identity.door.routes import register_identity
from ops.runtime.errors import HubError
from ops.runtime.languages import load_languages
from ops.runtime.metrics import Metrics
from storage.mongo.idempotency import IdempotencyRecords
from tests.unit.identity.identity_desk import KEY_RING, Desk

LANGUAGES = load_languages()


class Answered(NamedTuple):
    """A status and the envelope."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        """Of a success."""
        assert self.status == 200, self.body
        return self.body["data"]

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code."""
        return self.status, self.body["error"]["code"]


class NoKeys:
    """Nobody signs."""

    async def authenticate(self, request: SignedRequest) -> Caller:
        raise HubError("auth.credentials_missing")

    def refusal(self, key_id: str) -> HubError | None:
        return HubError("auth.key_revoked")


class Unmeasured:
    """Measures nothing."""

    def answered(self, operation: str, code: str, seconds: float) -> None: ...
    def limited(self, limit: str) -> None: ...


class Doors:
    """Calls the routes."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        parts, clock = desk.parts, desk.clock
        database = desk.database
        self.cache = SessionCache(
            parts.access_tokens, sessions=parts.sessions, users=parts.users, admins=parts.admins, tenants=parts.tenants,
            clock=clock, metrics=Metrics(),
        )  # fmt: skip
        app = Quart("doors", static_folder=None)
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        cross_origin = CrossOrigin(())
        edge = Edge(
            exchanges=Exchanges(clock, parts.identifiers, 0),
            answers=Answers(LANGUAGES, clock, cross_origin, transport_is_secure=False),
            authenticator=NoKeys(),
            bearers=self.cache,
            idempotency=IdempotencyBook(IdempotencyRecords(database), KEY_RING, parts.identifiers, clock),
            limiter=parts.limits,
            measures=Unmeasured(),
            clock=clock,
        )
        register_failures(app, edge, cross_origin)
        routes = Routes(app)
        register_identity(routes, edge, parts)
        app.asgi_app = FixedFirst(app.asgi_app, routes.fixed, edge)
        self._client = app.test_client()

    async def open(
        self, method: str, target: str, body: Any = None, token: str = "", headers: Mapping[str, str] | None = None
    ) -> Answered:
        """One request."""
        path, _, query = target.partition("?")
        scope = {"raw_path": path.encode(), "query_string": query.encode(), "client": ("203.0.113.9", 1)}
        sent = {**(headers or {}), **({"Authorization": f"Bearer {token}"} if token else {})}
        content = {} if body is None else {"data": json.dumps(body).encode()}
        if body is not None:
            sent["Content-Type"] = "application/json"
        response = await self._client.open(target, method=method, headers=sent, scope_base=scope, **content)
        return Answered(response.status_code, json.loads(await response.get_data()), response.headers)

    async def post(self, target: str, body: Any, token: str = "", **headers: str) -> Answered:
        """A POST."""
        return await self.open(
            "POST", target, body, token, {name.replace("_", "-"): value for name, value in headers.items()}
        )
