"""`GET /internal/v1/admin/observability/summary`: what is running, how it does, and how much business there is."""

import asyncio
from decimal import Decimal
from typing import Final

from gateway.admin.acts import encode
from gateway.admin.summary import Business, Turnover, summary
from gateway.http.calls import BearerCall
from gateway.http.query import QueryReader
from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.heartbeats import HeartbeatSource
from storage.mongo.business_counts import BusinessCounts, Traded
from storage.topics import Topics

SHOWN_SECONDS: Final = 3_600
"""A process that has gone without a word is shown for so long."""
COUNTED_SECONDS: Final = 2.0
"""Counts are so old at most: however many look, the store counts no oftener."""
_DAY_NS: Final = 86_400 * NANOSECONDS_PER_SECOND


class ObservabilityDesk:
    """Answers the summary."""

    def __init__(self, heartbeats: HeartbeatSource, counts: BusinessCounts, topics: Topics, clock: Clock) -> None:
        self._heartbeats, self._counts, self._topics, self._clock = heartbeats, counts, topics, clock
        self._counting = asyncio.Lock()
        self._counted: Business | None = None
        self._counted_at = 0.0

    async def summary(self, call: BearerCall) -> bytes:
        """The summary of docs/operating.md's dashboards, in one answer. Raises `request.invalid`, and the store's `StoreUnavailable`."""
        QueryReader(call.query).finish()
        heartbeats = await self._heartbeats.all(call.now - SHOWN_SECONDS * NANOSECONDS_PER_SECOND)
        business = await self._business()
        return encode(summary(heartbeats, business, self._topics, self._clock.now()))

    async def _business(self) -> Business:
        async with self._counting:
            if self._counted is None or self._clock.monotonic() - self._counted_at >= COUNTED_SECONDS:
                self._counted = await self._count()
                self._counted_at = self._clock.monotonic()
            return self._counted

    async def _count(self) -> Business:
        day_ago = self._clock.now() - _DAY_NS
        counts = self._counts
        return Business(
            users=await counts.users(),
            applications=await counts.applications(),
            orders=await counts.orders(),
            orders_last_day=await counts.orders_since(day_ago),
            turnover=Turnover(_by_currency(await counts.traded()), _by_currency(await counts.traded(day_ago))),
            open_alerts=await counts.standing_alerts(),
            waitlist=await counts.waitlist(),
        )


def _by_currency(traded: list[Traded]) -> dict[str, tuple[int, Decimal]]:
    return {one.currency: (one.fills, one.notional) for one in traded}
