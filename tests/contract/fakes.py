"""What stands behind the gateway of the contract tests in the place of log, store and probes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from gateway.quote_board import BoardQuote
from gateway.system.status import Component
from storage.models.bars import BarDocument
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.tenants import ApiKey, Tenant
from storage.mongo.api_keys import ApiKeys
from storage.mongo.tenants import Tenants as TenantDocuments


class Board:
    """Quotes as the hub would hold them."""

    def __init__(self, quotes: Mapping[str, BoardQuote]) -> None:
        self.quotes = dict(quotes)

    def quote(self, symbol: str) -> BoardQuote | None:
        return self.quotes.get(symbol)


@dataclass
class LatestQuotes:
    documents: dict[str, LatestQuoteDocument]

    async def get_many(self, symbols: Iterable[str]) -> dict[str, LatestQuoteDocument]:
        return {symbol: self.documents[symbol] for symbol in symbols if symbol in self.documents}


@dataclass
class Bars:
    documents: list[BarDocument]

    async def range(self, symbol, timeframe, start, end, limit):
        found = [
            bar
            for bar in self.documents
            if (bar.symbol, bar.timeframe) == (symbol, timeframe)
            and (start is None or bar.start >= start)
            and (end is None or bar.start < end)
        ]
        return sorted(found, key=lambda bar: bar.start)[-limit:]


@dataclass
class Probe:
    parts: list[Component]

    async def components(self) -> list[Component]:
        return self.parts


@dataclass
class Keys:
    """Keys of a page, and those that people of the tests make."""

    keys: dict[str, ApiKey]
    made: ApiKeys
    used: dict[str, int] = field(default_factory=dict)

    async def get_many(self, key_ids: Iterable[str]) -> dict[str, ApiKey]:
        asked = list(key_ids)
        own = {key_id: self.keys[key_id] for key_id in asked if key_id in self.keys}
        return own | await self.made.get_many(key_id for key_id in asked if key_id not in own)

    async def touch_last_used(self, used: Mapping[str, int]) -> None:
        self.used.update(used)


@dataclass
class Tenants:
    """The tenant of the keys of a page, and those that people of the tests make."""

    tenants: dict[str, Tenant]
    made: TenantDocuments

    async def get_many(self, tenant_ids: Iterable[str]) -> dict[str, Tenant]:
        asked = list(tenant_ids)
        own = {tenant_id: self.tenants[tenant_id] for tenant_id in asked if tenant_id in self.tenants}
        return own | await self.made.get_many(tenant_id for tenant_id in asked if tenant_id not in own)


@dataclass
class Measures:
    answers: list[tuple[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def answered(self, operation: str, code: str, seconds: float) -> None:
        assert seconds >= 0
        self.answers.append((operation, code))

    def limited(self, limit: str) -> None:
        self.refused.append(limit)
