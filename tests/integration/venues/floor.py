"""A trading floor for tests: the order core and the venue over one street, traders with accounts, and what they read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from ops.processes.lifetime import Background
from ops.processes.order_parts import open_order_core
from ops.processes.owned_role import OwnedRole
from ops.runtime.timestamps import format_timestamp
from storage.command_messages import command_message
from storage.controls.defaults import bindings_of, default_controls
from storage.log.port import Message
from storage.log.valid_records import ValidRecords
from storage.models.accounts import DEFAULT_LIMITS, Limits
from storage.models.market_data import QuoteState, encode
from storage.models.order_commands import (
    AmendOrder,
    CancelOrder,
    Command,
    Deposit,
    OpenAccount,
    PlaceOrder,
)
from storage.models.order_events import OrderAccepted, OrderDenied, OrderFilled
from storage.models.order_records import OrderRecord, decode_record
from storage.models.orders import Order
from storage.models.positions import Position
from storage.models.venues import VenueRecord
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, QUOTE_STATES
from tests.integration.venues.street import BTC, QUOTE_GROUP, SECOND, Street

ROOMY = Limits(
    **{
        **{name: getattr(DEFAULT_LIMITS, name) for name in Limits.__struct_fields__},
        "max_order_value": None,
        "position_limit": None,
        "orders_per_second": 1_000_000,
        "price_collar": dict.fromkeys(DEFAULT_LIMITS.price_collar, "0.9"),
    }
)


class Floor:
    """`records` has every record that counts, in the order of its partition; kept across restarts."""

    def __init__(self, street: Street) -> None:
        self.street = street
        self.records: list[OrderRecord] = []
        self._judges: dict[int, ValidRecords] = {}

    @asynccontextmanager
    async def open(self, *, venue: bool = True) -> AsyncIterator[None]:
        """Run the core, and the venue beside it."""
        openers: list[Callable[[Background], OwnedRole]] = [self.core]
        async with self.street.running(*openers, *([self.street.venue] if venue else [])):
            reading = asyncio.create_task(self._read())
            try:
                await self.fresh()
                yield
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    @asynccontextmanager
    async def venue(self) -> AsyncIterator[None]:
        """Run the venue (inside `open(venue=False)`)."""
        async with self.street.running(self.street.venue):
            yield

    def core(self, background: Background) -> OwnedRole:
        """An opener for `Street.running`."""
        street = self.street
        return open_order_core(street.platform, background, lambda: street.reference, quote_group=QUOTE_GROUP)

    async def _read(self) -> None:
        starts = {number: judge.anchor.upto + 1 for number, judge in self._judges.items()}
        every = {number: starts.get(number, 0) for number in await self.street.log.bounds(ORDER_EVENTS)}
        async with self.street.log.tail(ORDER_EVENTS, every) as tail:
            while True:
                records = await tail.batch()
                judge = self._judges.setdefault(records[0].partition, ValidRecords())
                self.records += [decode_record(record.value) for record in judge.take(records)]

    async def fresh(self) -> None:
        """Return when the core has read all quotes, and said so."""
        await self.street.settled()
        check = self.street.roles["orders"].checks["quotes"]
        problems: list[str | None] = []

        async def look() -> None:
            problems[:] = [await check()]

        await self.street.until_async(look, lambda: problems == [None])

    async def every_report_is_decided(self) -> None:
        """Return when the core has a record for each report that the venue has sent."""
        records = await self.street.venue_records()
        wanted = {report.report_id for record in records for report in record.reports}
        await self.street.until(lambda: wanted <= {record.cause.command_id for record in self.records})

    async def quote(self, bid: str = "99", ask: str = "101", **fields: Any) -> None:
        """A quote that everybody has seen."""
        await self.street.quote(bid, ask, **fields)
        await self.street.settled()

    async def feed_state(self, state: str, symbol: str = BTC) -> None:
        """A state of the symbol's feed that everybody has seen."""
        ts = format_timestamp(self.street.clock.now())
        value = encode(QuoteState(symbol=symbol, feed_state=state, session_state="open", since=ts, ts=ts))
        await self.street.log.append(QUOTE_STATES, Message(symbol.encode(), value))
        await self.street.settled()

    async def advance(self, seconds: float) -> None:
        """Let time pass, and the core look at the quotes again."""
        self.street.clock.advance(seconds)
        await self.fresh()

    async def trader(self, number: int = 1, deposit: str = "1000000", limits: Limits = ROOMY) -> "Trader":
        """A tenant with an open account, money, and bindings to every venue."""
        trader = Trader(self, number)
        await trader.open(deposit, limits)
        return trader


class Trader:
    """One account. What it sends is awaited until it is decided."""

    def __init__(self, floor: Floor, number: int) -> None:
        self._floor, self._street = floor, floor.street
        self.tenant, self.account = f"ten-{number}", f"acc-{number}"

    async def open(self, deposit: str, limits: Limits) -> None:
        """Bind, open, fund."""
        reference = self._street.reference
        await self._street.change(*default_controls(reference), *bindings_of(self.tenant, reference))
        await self._street.settled()
        opened = OpenAccount(
            command_id=self._id("cmd"),
            account_id=self.account,
            tenant_id=self.tenant,
            mode="sandbox",
            currency="USD",
            limits=limits,
        )
        await self.send(opened)
        await self.send(Deposit(command_id=self._id("cmd"), account_id=self.account, currency="USD", amount=deposit))

    def _id(self, prefix: str) -> str:
        return f"{prefix}-{self.account}-{next(self._street.numbers)}"

    async def send(self, command: Command) -> OrderRecord:
        """Publish a command and wait for its record."""
        await self.publish(command)
        await self._street.until(lambda: self._record(command.command_id) is not None)
        record = self._record(command.command_id)
        assert record is not None
        return record

    async def publish(self, command: Command) -> None:
        """Publish a command."""
        await self._street.log.append(ORDER_COMMANDS, command_message(command))

    def _record(self, command_id: str) -> OrderRecord | None:
        return next((record for record in self.records if record.cause.command_id == command_id), None)

    def order_of(self, side: str = "buy", quantity: str | None = "1", **fields: Any) -> PlaceOrder:
        """A command to place: a market order, or what its prices make of it."""
        kind = "stop" if "stop_price" in fields else "limit" if "price" in fields else "market"
        now = self._street.clock.now()
        standard: dict[str, Any] = {
            "command_id": self._id("cmd"),
            "account_id": self.account,
            "order_id": self._id("ord"),
            "issued_at": now,
            "valid_until": now + 3 * SECOND,
            "symbol": BTC,
            "side": side,
            "order_type": kind,
            "quantity": quantity,
        }
        return PlaceOrder(**{**standard, **fields})

    async def place(self, side: str = "buy", quantity: str | None = "1", **fields: Any) -> str:
        """Place an order that is accepted; its id."""
        command = self.order_of(side, quantity, **fields)
        record = await self.send(command)
        assert any(isinstance(event, OrderAccepted) for event in record.events), record.events
        return command.order_id

    async def at_venue(self, order_id: str) -> None:
        """Wait until the venue has the order."""
        found: list[VenueRecord] = []

        async def look() -> None:
            found[:] = await self._street.venue_records()

        await self._street.until_async(
            look, lambda: any(getattr(one.cause.request, "order_id", None) == order_id for one in found)
        )

    async def denied(self, side: str = "buy", quantity: str | None = "1", **fields: Any) -> str:
        """Place an order that is denied; the code."""
        record = await self.send(self.order_of(side, quantity, **fields))
        [event] = record.events
        assert isinstance(event, OrderDenied), event
        return event.code

    async def amend(self, order_id: str, **fields: Any) -> OrderRecord:
        """Amend an order."""
        now = self._street.clock.now()
        standard: dict[str, Any] = {"issued_at": now, "valid_until": now + 3 * SECOND}
        name = self._id("cmd")
        return await self.send(
            AmendOrder(command_id=name, account_id=self.account, order_id=order_id, **{**standard, **fields})
        )

    async def cancel(self, order_id: str) -> OrderRecord:
        """Cancel an order."""
        now = self._street.clock.now()
        return await self.send(
            CancelOrder(command_id=self._id("cmd"), account_id=self.account, order_id=order_id, issued_at=now)
        )

    @property
    def records(self) -> list[OrderRecord]:
        """The account's records."""
        return [record for record in self._floor.records if record.account_id == self.account]

    def order(self, order_id: str) -> Order:
        """The order as it stands."""
        images = [order for record in self.records for order in record.orders if order.order_id == order_id]
        return images[-1]

    def states(self, order_id: str) -> list[str]:
        """The states that it went through."""
        seen: list[str] = []
        for record in self.records:
            for order in record.orders:
                if order.order_id == order_id and seen[-1:] != [order.state]:
                    seen.append(order.state)
        return seen

    def events(self, order_id: str) -> list[str]:
        """The names of its events."""
        return [
            type(event).__name__.removeprefix("Order")
            for record in self.records
            for event in record.events
            if getattr(event, "order_id", None) == order_id
        ]

    def fills(self, order_id: str) -> list[tuple[str, str]]:
        """Price and quantity of its fills."""
        found = [event for record in self.records for event in record.events if isinstance(event, OrderFilled)]
        return [(fill.price, fill.quantity) for fill in found if fill.order_id == order_id]

    def position(self, symbol: str = BTC) -> Position | None:
        """The position as it stands."""
        images = [position for record in self.records for position in record.positions if position.symbol == symbol]
        return images[-1] if images else None

    async def until(self, order_id: str, *states: str) -> Order:
        """Wait for an order to come into one of the states."""
        try:
            await self._street.until(lambda: self.order(order_id).state in states, seconds=5)
        except TimeoutError:
            raise AssertionError(f"{order_id} is {self.states(order_id)}, not {states}") from None
        return self.order(order_id)
