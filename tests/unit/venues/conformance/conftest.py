"""The venues that the conformance cases run against, each behind the same harness. A new venue adds itself to `HARNESSES`."""

import asyncio
import json
from itertools import count

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.timestamps import format_timestamp
from storage.models.venues import AmendRequest, CancelRequest, SubmitRequest, VenueReport
from streams.venues.port import Venue
from streams.venues.simulated.connection import SimulatedExchange
from streams.venues.simulated.venue import SimulatedVenue

SYMBOL = "BTC.X"


class SimulatedHarness:
    """The simulated venue with two connectors; its counterparty is another tenant on `sim-b`."""

    def __init__(self, reference) -> None:
        self.clock = ManualClock()
        self.exchange = SimulatedExchange(SimulatedVenue(reference), self.clock)
        self.venue: Venue = self.exchange.connect("sim-a")
        self.other: Venue = self.exchange.connect("sim-b")
        self._stream = self.venue.reports()
        self._numbers = count(1)

    async def book(self, bid: str, ask: str, size: str = "5") -> None:
        """Make these the best prices that the venue shows."""
        now = format_timestamp(self.clock.now())
        value = {"last": bid, "bid": bid, "ask": ask, "bid_size": size, "ask_size": size, "ts": now, "ts_in": now}
        record = self.exchange.venue.quote(SYMBOL, next(self._numbers), json.dumps(value).encode(), self.clock.now())
        self.exchange.publish([] if record is None else [record])

    async def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.exchange.publish(self.exchange.venue.tick(self.clock.now()))

    async def break_connection(self, fault: str) -> None:
        self.exchange.venue.board.faults = {"sim-a": fault}

    async def mend_connection(self) -> None:
        self.exchange.venue.board.faults = {}
        await self.pass_time(0)

    async def next_report(self) -> VenueReport:
        return await asyncio.wait_for(anext(self._stream), 10)

    async def kinds(self, number: int) -> list[str]:
        return [(await self.next_report()).kind for _ in range(number)]

    async def is_silent(self) -> bool:
        """Whether no further report has come."""
        return self.venue._reports.empty()  # type: ignore[attr-defined]

    def submission(self, order_id: str, side: str, quantity: str, price: str | None = None, **fields) -> SubmitRequest:
        plain = {
            "seq": next(self._numbers),
            "tenant_id": "t1",
            "account_id": "acc-1",
            "connector": "sim-a",
            "symbol": SYMBOL,
            "type": "market" if price is None else "limit",
            "time_in_force": "GTC",
            "valid_until": format_timestamp(self.clock.now() + 3_000_000_000),
        }
        return SubmitRequest(order_id=order_id, side=side, quantity=quantity, price=price, **(plain | fields))

    async def submit(self, order_id: str, side: str, quantity: str, price: str | None = None, **fields) -> None:
        await self.venue.submit(self.submission(order_id, side, quantity, price, **fields))

    async def counterparty(self, order_id: str, side: str, quantity: str, price: str) -> None:
        """Another tenant's order, over another connector."""
        fields = {"tenant_id": "t2", "account_id": "acc-2", "connector": "sim-b"}
        await self.other.submit(self.submission(order_id, side, quantity, price, **fields))

    def _about(self, order_id: str) -> dict:
        plain = {"tenant_id": "t1", "account_id": "acc-1", "connector": "sim-a", "symbol": SYMBOL}
        return {"order_id": order_id, "seq": next(self._numbers)} | plain

    async def amend(self, order_id: str, **fields) -> None:
        fields.setdefault("valid_until", format_timestamp(self.clock.now() + 3_000_000_000))
        await self.venue.amend(AmendRequest(**self._about(order_id), **fields))

    async def cancel(self, order_id: str) -> None:
        await self.venue.cancel(CancelRequest(**self._about(order_id)))


HARNESSES = {"simulated": SimulatedHarness}


@pytest.fixture(params=sorted(HARNESSES))
def desk(request, reference):
    return HARNESSES[request.param](reference)
