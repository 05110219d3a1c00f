"""Gateways before a real order core, venue and projection, all in one process over one log and one store."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from argon2 import PasswordHasher
from quart import Quart

from gateway.app import GatewayParts, build_app
from gateway.callers import Caller, SignedRequest
from gateway.http.limits import Limiter
from gateway.identity.sessions.access_tokens import ISSUER, AccessTokens
from gateway.system.status import Component
from gateway.trading.parts import TradingParts
from ops.processes.lifetime import Background
from ops.processes.people_parts import people_parts
from ops.processes.projection_parts import projection_processors
from ops.processes.trading_parts import open_trading
from ops.processes.venue_parts import open_venue
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from storage.models.tenants import ALL_SCOPES
from storage.signing_keys import SigningKeys
from streams.app.memory_owner_runner import MemoryOwnerRunner
from streams.app.memory_runner import MemoryRunner
from tests.integration.orders.trading_place import ACCOUNT, COIN, REFERENCE, TENANT, TradingPlace
from tests.integration.trading.documented import violations

PATIENCE = 4.0
"""How long a read waits for its seq and a cancel for its venues (s): longer than as served, for machines that are busy."""


class Trusting:
    """Takes every request for one of the tenant's key."""

    async def authenticate(self, request: SignedRequest) -> Caller:
        return Caller("pmk_test", TENANT, ACCOUNT, frozenset(ALL_SCOPES), "en-US")

    def refusal(self, key_id: str) -> HubError | None:
        return None


class Nothing:
    """No quotes, no bars, no components, no measures."""

    def quote(self, symbol: str) -> None:
        return None

    async def get_many(self, symbols: object) -> dict[str, Any]:
        return {}

    async def range(self, *_: object) -> list[Any]:
        return []

    async def components(self) -> list[Component]:
        return []

    def answered(self, operation: str, code: str, seconds: float) -> None:
        pass

    def limited(self, limit: str) -> None:
        pass


@dataclass
class Answered:
    """One answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        assert self.status == 200, self.body
        return json.loads(self.body)["data"]

    @property
    def error(self) -> Any:
        assert self.status >= 400, self.body
        return json.loads(self.body)["error"]

    @property
    def seq(self) -> int:
        return int(self.headers["X-Account-Seq"])

    @property
    def replayed(self) -> bool:
        return self.headers.get("Idempotency-Replayed") == "true"


class TradingGateway:
    """One gateway of a platform, with its own tail of decisions."""

    def __init__(
        self,
        place: TradingPlace,
        background: Background,
        change: Callable[[TradingParts], TradingParts] = lambda parts: parts,
    ) -> None:
        nothing: Any = Nothing()
        patient = replace(open_trading(place.platform, background), settle_seconds=PATIENCE, patience=PATIENCE)
        self.trading = change(patient)
        generous = 10**9
        limiter = Limiter(
            place.clock,
            market_per_minute=generous,
            public_per_minute=generous,
            account_per_minute=generous,
            orders_per_second=generous,
            orders_per_day=generous,
            cancels_per_second=generous,
        )
        signing_keys = SigningKeys({"test": "sixteen characters or more"})
        self.app: Quart = build_app(
            GatewayParts(
                settings=place.platform.settings,
                clock=place.clock,
                identifiers=SystemIdentifiers(),
                authenticator=Trusting(),
                bearers=nothing,
                idempotency=nothing,
                signing_keys=signing_keys,
                limiter=limiter,
                measures=nothing,
                board=nothing,
                latest_quotes=nothing,
                bars=nothing,
                reference=lambda: REFERENCE,
                probe=nothing,
                trading=self.trading,
                people=people_parts(
                    place.platform,
                    limiter=limiter,
                    access_tokens=AccessTokens(signing_keys, ISSUER),
                    decisions=self.trading.decisions,
                    jobs=nothing,
                    reference=lambda: REFERENCE,
                    hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
                ),
            )
        )

    async def send(self, method: str, path: str, body: Any, key: str, **headers: str) -> Answered:
        """A write."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = await self.app.test_client().open(
            path,
            method=method,
            data=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Idempotency-Key": key, **named},
            scope_base={"raw_path": path.encode(), "query_string": b"", "client": ("127.0.0.1", 1)},
        )
        answered = Answered(response.status_code, await response.get_data(), response.headers)
        assert violations(method, path, answered.status, json.loads(answered.body)) == []
        return answered

    async def place(self, key: str, **fields: Any) -> Answered:
        """Place an order (default: buy 0.1 of the coin at 50,000, far from the market)."""
        return await self.send("POST", "/v1/orders", order(**fields), key)


def order(**fields: Any) -> dict[str, Any]:
    """The body of an order; a field that is None is left out."""
    body = {"symbol": COIN, "side": "buy", "type": "limit", "quantity": "0.1", "price": "50000", **fields}
    return {name: value for name, value in body.items() if value is not None}


@asynccontextmanager
async def gateways(
    place: TradingPlace, count: int = 1, change: Callable[[TradingParts], TradingParts] = lambda parts: parts
) -> AsyncIterator[Sequence[TradingGateway]]:
    """Gateways that are ready to see decisions, with `change`d parts."""
    background = Background(asyncio.Event())
    try:
        made = [TradingGateway(place, background, change) for _ in range(count)]
        for one in made:
            async with asyncio.timeout(20):
                await one.trading.decisions.ready()
        yield made
    finally:
        await background.end()


@asynccontextmanager
async def projecting(place: TradingPlace) -> AsyncIterator[None]:
    """The read models are kept up."""
    background = Background(asyncio.Event())
    runner = MemoryRunner(place.log, projection_processors(place.platform), place.clock, flush_seconds=0.02)
    background.start(runner.run(asyncio.Event()), "projection")
    try:
        async with asyncio.timeout(20):
            await runner.ready()
        yield
    finally:
        await background.end()


@asynccontextmanager
async def trading_venue(place: TradingPlace) -> AsyncIterator[None]:
    """The simulated venue."""
    background = Background(asyncio.Event())
    role = open_venue(place.platform, background, lambda: REFERENCE, quote_group="market")
    runner = MemoryOwnerRunner(place.log, role.commands, role.owner, role.group)
    background.start(runner.run(asyncio.Event()), "venue")
    try:
        async with asyncio.timeout(20):
            await runner.ready()
        yield
    finally:
        await background.end()


@asynccontextmanager
async def street(place: TradingPlace, count: int = 1) -> AsyncIterator[Sequence[TradingGateway]]:
    """Core, venue, projection, an open account with money, and gateways."""
    async with trading_venue(place), place.core(), projecting(place), gateways(place, count) as made:
        await place.open_account()
        await place.records(2)
        yield made
