"""One connector (`sim-a`, `sim-b`, ...) to the simulated venue in memory, behind the port that every venue speaks."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from ops.runtime.clock import Clock
from ops.runtime.timestamps import parse_timestamp
from storage.models.venues import (
    AmendRequest,
    CancelRequest,
    OrderView,
    PositionView,
    SubmitRequest,
    VenueRecord,
    VenueReport,
    VenueRequest,
)
from streams.venues.port import Capabilities, VenueDisconnected
from streams.venues.simulated.amounts import text_of
from streams.venues.simulated.orders import view_of
from streams.venues.simulated.venue import SimulatedVenue

REPORTS_AT_MOST: Final = 10_000


class SimulatedExchange:
    """One engine and the connectors to it. `publish` passes the reports of records on to them."""

    def __init__(self, venue: SimulatedVenue, clock: Clock) -> None:
        self.venue = venue
        self.clock = clock
        self._connections: dict[str, SimulatedConnection] = {}
        self._offset = 0

    def connect(self, connector: str) -> "SimulatedConnection":
        """The connection of a connector; a second one takes the first's place."""
        connection = self._connections[connector] = SimulatedConnection(self, connector)
        return connection

    def take(self, request: VenueRequest) -> None:
        """Bring a request to the engine."""
        self._offset += 1
        self.publish([self.venue.request(self._offset, request, self.clock.now())])

    def publish(self, records: Iterable[VenueRecord]) -> None:
        """Pass reports on, in the records' order."""
        for record in records:
            for report in record.reports:
                if (connection := self._connections.get(report.connector)) is not None:
                    connection.deliver(report)


class SimulatedConnection:
    """`Venue`. Reports wait in a queue of 10,000; a reader that falls behind it is disconnected and must reconcile."""

    def __init__(self, exchange: SimulatedExchange, connector: str) -> None:
        self._exchange = exchange
        self._connector = connector
        self._reports: asyncio.Queue[VenueReport] = asyncio.Queue(REPORTS_AT_MOST)
        self._lost = False

    @property
    def capabilities(self) -> Capabilities:
        """What the simulated venue can do."""
        return self._exchange.venue.board.rules.capabilities

    async def submit(self, request: SubmitRequest) -> None:
        """Bring an order to the engine."""
        self._exchange.take(request)

    async def amend(self, request: AmendRequest) -> None:
        """Bring an amend to the engine."""
        self._exchange.take(request)

    async def cancel(self, request: CancelRequest) -> None:
        """Bring a cancel to the engine."""
        self._exchange.take(request)

    async def query(self, order_id: str) -> OrderView | None:
        """The order as the engine has it."""
        for state in self._exchange.venue.states.values():
            order = state.orders.get(order_id)
            if order is not None and order.connector == self._connector:
                return view_of(order)
        return None

    async def open_orders(self) -> Sequence[OrderView]:
        """In the order of symbols and of arrival."""
        return [
            view_of(order)
            for state in self._exchange.venue.states.values()
            for order in state.orders.values()
            if order.connector == self._connector and not order.is_final
        ]

    async def fills(self, since: int) -> Sequence[VenueReport]:
        """Of orders that are open or ended in the last 10 minutes."""
        found = [
            report
            for state in self._exchange.venue.states.values()
            for reports in state.fills.values()
            for report in reports
            if report.connector == self._connector and parse_timestamp(report.ts) >= since
        ]
        return sorted(found, key=lambda report: parse_timestamp(report.ts))

    async def positions(self) -> Sequence[PositionView]:
        """Since the engine's beginning."""
        return [
            PositionView(account, connector, state.symbol, text_of(quantity))
            for state in self._exchange.venue.states.values()
            for (connector, account), quantity in state.positions.items()
            if connector == self._connector and quantity
        ]

    async def reports(self) -> AsyncIterator[VenueReport]:
        """What the engine reports on this connector's orders."""
        while not self._lost:
            yield await self._reports.get()
        raise VenueDisconnected(f"{self._connector}: more than {REPORTS_AT_MOST} reports were not taken")

    def deliver(self, report: VenueReport) -> None:
        """Take a report for the reader."""
        if self._lost or self._reports.full():
            self._lost = True
        else:
            self._reports.put_nowait(report)
