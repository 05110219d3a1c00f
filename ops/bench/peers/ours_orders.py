"""Ours in the REST benchmark of `POST /v1/orders`, edge part: everything from the bytes that come in to the command's message,
and from the record that decides it to the bytes that go out; requests and records are kept in memory.

Prints one JSON line with a key once it serves. Arguments: PORT SERVER
"""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, Generic, TypeVar, cast

import uvloop
from quart import Quart

from gateway.http.answers import Answers
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.keys import KeyCache
from gateway.http.limits import Limiter
from gateway.http.measures import PrometheusMeasures
from gateway.http.routes import FixedFirst, Routes
from gateway.trading.cancel import SETTLE_SECONDS
from gateway.trading.routes import register_trading
from ops.bench.peers.order_road import AcceptedAtOnce, Requests
from ops.bench.peers.rest_server import serve_on
from ops.runtime.clock import Clock, SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from ops.runtime.metrics import Metrics
from storage.models.people import User
from storage.models.tenants import ALL_SCOPES, ApiKey, Tenant
from storage.reference_data.builtin import load_builtin
from storage.sealing import KeyRing

KEY_ID: Final = "pmk_01981f5e2b7c7d3f8a9b0c1d2e3f4a5b"
SECRET: Final = "pms_of-the-benchmark-which-opens-nothing"  # noqa: S105  (nothing else knows it)
Noun = TypeVar("Noun")
_PLENTY: Final = 1_000_000_000
_RING: Final = KeyRing.parse("bench:of-the-benchmark-which-seals-nothing")


class _Kept(Generic[Noun]):
    """Nouns by their ids: a source of keys, tenants or users."""

    def __init__(self, nouns: Mapping[str, Noun]) -> None:
        self._nouns = nouns

    async def get_many(self, identities: Iterable[str]) -> dict[str, Noun]:
        return {identity: self._nouns[identity] for identity in identities if identity in self._nouns}

    async def touch_last_used(self, used: Mapping[str, int]) -> None: ...


def _keys(clock: Clock, metrics: Metrics) -> KeyCache:
    """One tenant with one key and an open account."""
    sealed, now = _RING.seal(SECRET.encode(), KEY_ID.encode()), clock.now()
    key = ApiKey(
        key_id=KEY_ID, tenant_id="ten_1", label="bench", scopes=ALL_SCOPES, sealed_secret=sealed, created_at=now
    )
    tenant = Tenant(tenant_id="ten_1", name="bench", account_ids=("acc_1",), created_at=now)
    nobody: dict[str, User] = {}
    return KeyCache(
        _Kept({KEY_ID: key}), _Kept({"ten_1": tenant}), _Kept(nobody), _RING, clock, metrics=metrics, explains=False
    )


def build() -> Quart:
    """The trading routes behind the edge of a gateway."""
    clock, identifiers, metrics = SystemClock(), SystemIdentifiers(), Metrics()
    app, nothing = Quart("orders"), cast("Any", None)
    edge = Edge(
        exchanges=Exchanges(clock, identifiers, 0),
        answers=Answers(load_languages(), clock, CrossOrigin(()), transport_is_secure=False),
        authenticator=_keys(clock, metrics), bearers=nothing, idempotency=nothing,
        limiter=Limiter(
            clock, market_per_minute=_PLENTY, public_per_minute=_PLENTY, orders_per_second=_PLENTY, orders_per_day=_PLENTY
        ),
        measures=PrometheusMeasures(metrics), clock=clock,
    )  # fmt: skip
    routes, reference = Routes(app), load_builtin()
    register_trading(
        routes, edge, decisions=AcceptedAtOnce(), requests=Requests(), answers=nothing, orders=nothing, accounts=nothing,
        reference=lambda: reference, identifiers=identifiers, settle_seconds=SETTLE_SECONDS,
    )  # fmt: skip
    app.asgi_app = FixedFirst(app.asgi_app, routes.fixed, edge)  # type: ignore[method-assign,assignment,arg-type]
    return app


if __name__ == "__main__":
    key = json.dumps({"api_key": KEY_ID, "api_secret": SECRET})
    uvloop.run(serve_on(sys.argv[2], build(), int(sys.argv[1]), key))
