"""What fell due while nobody owned the account is done at the first turn of the next owner: late by the take-over, and no
more. Time is made up, so that any pause of the owner's would show.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.command_messages import command_message
from storage.log.memory import MemoryLog
from storage.log.valid_records import ValidRecords
from storage.models.calendars import Calendar, Segment
from storage.models.controls import Controls
from storage.models.order_commands import ArmDeadMan, Command, Deposit, OpenAccount, PlaceOrder
from storage.models.order_records import OrderRecord, decode_record
from storage.mongo.connect import connect
from storage.mongo.ownership import Checkpoints, ClaimHistories, Floors
from storage.topics import ORDER_COMMANDS, ORDER_EVENTS, Topics
from streams.app.memory_owner_runner import MemoryOwnerRunner
from streams.orders.board import MarketBoard
from streams.orders.owner_rules import OrderRules
from streams.owner.owner import Owner
from streams.owner.ports import OwnerOptions, OwnerPorts, OwnerTopics
from tests.simulation.owner.virtual_time import LoopClock, run
from tests.unit.orders.trading_floor import ACCOUNT, COIN, SECOND, START, STOCK, TENANT, changed_limits, controls, kinds

DAY: Final = Calendar(
    name="day",
    timezone="America/New_York",
    weekly=dict.fromkeys(range(5), (Segment(state="open", start_minute=570, end_minute=960),)),
)
OPENS, CLOSES = parse_timestamp("2023-11-15T14:30:00Z"), parse_timestamp("2023-11-15T21:00:00Z")
TAKE_OVER_SECONDS: Final = 7.0
NEVER_STALE: Final = CLOSES + 86_400 * SECOND


class Held:
    """Controls that never change."""

    version = 7

    def __init__(self) -> None:
        self.current: Controls = controls()

    async def catch_up(self) -> None: ...


class Place:
    """A log, a store and a market in which owners come and go; an account is open, and the clock is the loop's."""

    def __init__(self, *, kept: bool) -> None:
        self.clock, self._kept = LoopClock(START), kept
        self.log = MemoryLog(Topics({ORDER_COMMANDS: 1, ORDER_EVENTS: 1}), self.clock)
        self.database = connect("mongomock://", "take-over").database
        self.board = MarketBoard(lambda symbol: DAY if symbol == STOCK else None, lambda *_: None)
        self.board.fresh_until = NEVER_STALE
        self._sent = 0

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[None]:
        """A process that owns the account, from its assignment on; it is killed at the end."""
        database, held = self.database, Held()
        ports = OwnerPorts(
            self.log,
            Checkpoints(database, ORDER_EVENTS),
            Floors(database, ORDER_EVENTS),
            ClaimHistories(database, ORDER_EVENTS),
            held,
            self.clock,
            SystemIdentifiers(),
        )
        options = OwnerOptions(checkpoint_seconds=0.5 if self._kept else 10**6)
        owner = Owner(OrderRules(self.board, held), ports, OwnerTopics(ORDER_COMMANDS, ORDER_EVENTS), options)
        running = asyncio.create_task(MemoryOwnerRunner(self.log, ORDER_COMMANDS, owner, "orders").run(asyncio.Event()))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])
            assert not owner.failure.done()

    async def send(self, *commands: Command) -> None:
        """Append commands, and let an owner that there is decide them."""
        await self.log.append_many(ORDER_COMMANDS, [command_message(command) for command in commands])
        await asyncio.sleep(0.001)

    async def open_account(self) -> None:
        roomy = changed_limits(orders_per_second=1_000_000)
        opening = OpenAccount(
            command_id="open", account_id=ACCOUNT, tenant_id=TENANT, mode="sandbox", currency="USD", limits=roomy
        )
        await self.send(opening, Deposit(command_id="fund", account_id=ACCOUNT, currency="USD", amount="1000000"))

    def see(self, symbol: str, venue: str, session: str) -> None:
        """A quote of now."""
        now = format_timestamp(self.clock.now())
        told = {"symbol": symbol, "venue": venue, "last": "100", "bid": "99.99", "ask": "100.01", "bid_size": "1"}
        told |= {"ask_size": "1", "session_state": session, "ts": now, "ts_in": now}
        self.board.take_quote(symbol.encode(), json.dumps(told).encode())

    def order(self, symbol: str, **changes: Any) -> PlaceOrder:
        now = self.clock.now()
        fields: dict[str, Any] = {"side": "buy", "order_type": "limit", "quantity": "1", "price": "99", **changes}
        return PlaceOrder(
            command_id="place", account_id=ACCOUNT, issued_at=now, valid_until=now + 3 * SECOND, order_id="ord-1",
            symbol=symbol, **fields,
        )  # fmt: skip

    async def until(self, moment: int) -> None:
        """Sleep until that time (ns)."""
        await asyncio.sleep((moment - self.clock.now()) / SECOND)

    async def records(self) -> list[OrderRecord]:
        """Those that count."""
        judge, found = ValidRecords(), list[OrderRecord]()
        end = (await self.log.bounds(ORDER_EVENTS))[0].next
        async for records in self.log.read(ORDER_EVENTS, 0, 0, end):
            found += [decode_record(record.value or b"") for record in judge.take(records)]
        return found

    async def taken_over(self) -> tuple[int, list[OrderRecord]]:
        """A new owner comes now and has its first turn: when it came, and what it has decided by then."""
        assert bool(await Checkpoints(self.database, ORDER_EVENTS).of_partition(0)) == self._kept
        before, came = len(await self.records()), self.clock.now()
        async with self.owner():
            await asyncio.sleep(0.001)
            return came, (await self.records())[before:]


Scene = Callable[[Place], Awaitable[None]]


@pytest.fixture(params=[True, False], ids=["from a checkpoint", "from the log alone"])
def play(request: pytest.FixtureRequest) -> Callable[[Scene], None]:
    """Runs a scene before an open account, in made-up time."""

    def played(scene: Scene) -> None:
        async def main() -> None:
            place = Place(kept=request.param)
            place.see(COIN, "SIM", "open")
            place.see(STOCK, "XNAS", "closed")
            await scene(place)

        run(main())

    return played


def arming(timeout_ms: int) -> ArmDeadMan:
    return ArmDeadMan(command_id="arm", account_id=ACCOUNT, name="api", timeout_ms=timeout_ms, spare_reduce_only=False)


def test_a_dead_man_switch_cancels_at_the_first_turn(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        async with place.owner():
            await place.open_account()
            await place.send(place.order(COIN), arming(5_000))
            due = place.clock.now() + 5 * SECOND
            await asyncio.sleep(4)
        await place.until(due + round(TAKE_OVER_SECONDS * SECOND))
        came, (asked, canceled) = await place.taken_over()
        assert (kinds(asked), kinds(canceled)) == (["CancelRequested"], ["CancelRequested"])
        assert [order.pending for order in canceled.orders] == ["cancel"]
        assert [parse_timestamp(record.ts) for record in (asked, canceled)] == [came, came]

    play(scene)


def test_a_deadline_that_is_still_to_come_is_kept_to_the_moment(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        async with place.owner():
            await place.open_account()
            await place.send(place.order(COIN), arming(30_000))
            armed = parse_timestamp((await place.records())[-1].ts)
            await asyncio.sleep(4)
        await asyncio.sleep(TAKE_OVER_SECONDS)
        assert (await place.taken_over())[1] == []
        async with place.owner():
            await place.until(armed + 31 * SECOND)
            asked, _ = (await place.records())[-2:]
        assert (kinds(asked), parse_timestamp(asked.ts)) == (["CancelRequested"], armed + 30 * SECOND)

    play(scene)


def test_an_order_that_waits_is_released_at_the_first_turn_after_the_open(play: Callable[[Scene], None]) -> None:
    async def scene(place: Place) -> None:
        async with place.owner():
            await place.open_account()
            await place.send(place.order(STOCK))
            assert [order.state for order in (await place.records())[-1].orders] == ["accepted"]
            await asyncio.sleep(4)
        await place.until(OPENS)
        place.see(STOCK, "XNAS", "open")
        await asyncio.sleep(TAKE_OVER_SECONDS)
        came, (sent,) = await place.taken_over()
        assert (kinds(sent), parse_timestamp(sent.ts)) == (["OrderSent"], came)

    play(scene)


def test_a_day_order_whose_day_passed_without_an_owner_expires_at_the_first_turn_and_is_never_sent(
    play: Callable[[Scene], None],
) -> None:
    async def scene(place: Place) -> None:
        async with place.owner():
            await place.open_account()
            await place.send(place.order(STOCK, time_in_force="DAY"))
            await asyncio.sleep(4)
        await place.until(CLOSES)
        place.see(STOCK, "XNAS", "closed")
        await asyncio.sleep(TAKE_OVER_SECONDS)
        came, decided = await place.taken_over()
        assert [kind for record in decided for kind in kinds(record)] == ["OrderExpired"]
        assert {parse_timestamp(record.ts) for record in decided} == {came}

    play(scene)


@pytest.mark.parametrize(("waited", "outcome"), [(2.9, "OrderAccepted"), (TAKE_OVER_SECONDS, "OrderDenied")])
def test_an_order_that_waited_for_the_take_over_is_never_executed_after_its_time(
    play: Callable[[Scene], None], waited: float, outcome: str
) -> None:
    async def scene(place: Place) -> None:
        async with place.owner():
            await place.open_account()
            await asyncio.sleep(4)
        await place.send(place.order(COIN))
        await asyncio.sleep(waited)
        came, (decided,) = await place.taken_over()
        assert kinds(decided)[0] == outcome
        assert parse_timestamp(decided.ts) == came
        if outcome == "OrderDenied":
            assert [order.reason for order in decided.orders] == ["order.expired_in_transit"]

    play(scene)
