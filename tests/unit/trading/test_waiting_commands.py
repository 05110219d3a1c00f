"""Who asks much takes no other's place; above the bound a first request is refused unkept, and a repeat is read."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callers import Caller
from gateway.http.calls import SignedCall
from gateway.trading.deciding import Deciding
from gateway.trading.requests import Begun, OrderRequestBook
from gateway.trading.room import MOST_OF_ALL, MOST_OF_ONE, Room, room_for_orders, room_for_protection
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from storage.decisions.watch import Watch
from storage.models.order_commands import CancelAll, Command
from storage.models.order_events import FirstAnswer
from storage.models.order_requests import OrderRequest
from storage.models.read_models import CommandAnswer


class SilentCore:
    """Takes commands and says nothing; `published` has their ids until somebody takes them."""

    def __init__(self) -> None:
        self.published: asyncio.Queue[str] = asyncio.Queue()

    def watch(self, account_id: str) -> Watch:
        return Watch(account_id, lambda _: None, lambda _: None)

    async def ready(self) -> None:
        return

    async def publish(self, commands: Sequence[Command], traceparent: str) -> None:
        for command in commands:
            self.published.put_nowait(command.command_id)


class Answers:
    """The read models, which have the answers that are put into `kept`."""

    def __init__(self) -> None:
        self.kept: dict[str, CommandAnswer] = {}

    async def get(self, command_ids: Sequence[str]) -> dict[str, CommandAnswer]:
        return {one: self.kept[one] for one in command_ids if one in self.kept}

    async def as_of(self, account_id: str) -> int:
        return 0


class Requests:
    """The documents of writes, by identity."""

    def __init__(self) -> None:
        self.kept: dict[str, OrderRequest] = {}

    async def claim(self, request: OrderRequest) -> OrderRequest:
        return self.kept.setdefault(request.identity, request)

    async def get(self, identity: str) -> OrderRequest | None:
        return self.kept.get(identity)


def call(key: str) -> SignedCall:
    """A write under an idempotency key."""
    caller = Caller("key", "ten_1", "acc_1", frozenset({"trade:write"}), "en-US")
    return SignedCall({}, 1, "en-US", caller, "POST", "/v1/orders", {}, b"{}", key, {}, "0" * 32)


class Gateway:
    """One room with what begins and what asks, before a core that is silent."""

    def __init__(self, room: Room) -> None:
        self.core, self.answers, self.requests = SilentCore(), Answers(), Requests()
        core: Any = self.core
        self._deciding = Deciding(core, self.answers, self.answers, room)
        self._book = OrderRequestBook(self.requests, SystemIdentifiers(), room)

    async def begin(self, key: str, account_id: str = "acc_1", items: int = 1) -> Begun:
        """Keep a request, or find it."""
        return await self._book.begin(call(key), account_id, (True,) * items, makes_orders=False)

    async def ask(self, begun: Begun) -> Any:
        """What is known of its commands."""
        with self._deciding.watch(begun.account_id) as watch:
            return await self._deciding.decide(begun, commands(begun), watch)

    async def fill(self, account_id: str, count: int) -> "asyncio.Task[Any]":
        """So many commands of an account wait."""
        task = asyncio.create_task(self.ask(await self.begin(f"fill of {account_id}", account_id, count)))
        for _ in range(count):
            await self.core.published.get()
        return task


def commands(begun: Begun) -> list[Command]:
    """What a request asks."""
    return [
        CancelAll(
            command_id=one, account_id=begun.account_id, issued_at=1, order_ids=None, symbol=None, strategy_id=None
        )
        for one in begun.request.command_ids
    ]


async def test_one_account_is_refused_before_anything_is_kept_and_another_is_not() -> None:
    gateway = Gateway(room_for_orders())
    waiting = await gateway.fill("acc_1", MOST_OF_ONE)
    with pytest.raises(HubError) as refused:
        await gateway.begin("one too many")
    assert (refused.value.code, refused.value.details) == ("rate.limited", {"limit": "waiting"})
    assert refused.value.retry_after == 1
    assert [one.command_ids for one in gateway.requests.kept.values()] == [
        (await gateway.begin("fill of acc_1")).request.command_ids
    ]
    assert gateway.core.published.empty()
    other = asyncio.create_task(gateway.ask(await gateway.begin("another's", "acc_2")))
    await gateway.core.published.get()
    other.cancel()
    waiting.cancel()


async def test_a_gateway_that_is_full_of_orders_begins_no_more_of_anybody() -> None:
    gateway = Gateway(room_for_orders())
    waiting = [await gateway.fill(f"acc_{number}", MOST_OF_ONE) for number in range(MOST_OF_ALL // MOST_OF_ONE)]
    with pytest.raises(HubError):
        await gateway.begin("one too many", "acc_other")
    for task in waiting:
        task.cancel()


async def test_nobody_is_locked_out_of_what_lessens_risk_by_others() -> None:
    gateway = Gateway(room_for_protection())
    waiting = [await gateway.fill(f"acc_{number}", MOST_OF_ONE) for number in range(20)]
    mine = asyncio.create_task(gateway.ask(await gateway.begin("mine", "acc_other")))
    await gateway.core.published.get()
    for task in (*waiting, mine):
        task.cancel()


async def test_without_room_a_repeat_is_read_and_not_published_again() -> None:
    gateway = Gateway(room_for_orders())
    first = await gateway.begin("again", items=2)
    waiting = await gateway.fill("acc_1", MOST_OF_ONE)
    answer = FirstAnswer(seq=7, ts="2024-08-08T14:30:00Z", kind="CancelAllDecided")
    known, _ = first.request.command_ids
    gateway.answers.kept[known] = CommandAnswer(known, "acc_1", 7, answer, 0)
    again = await gateway.begin("again", items=2)
    assert again.repeated
    assert {name: one.answer for name, one in (await gateway.ask(again)).items()} == {known: answer}
    assert gateway.core.published.empty()
    waiting.cancel()


async def test_who_gives_up_makes_room() -> None:
    gateway = Gateway(room_for_orders())
    waiting = await gateway.fill("acc_1", MOST_OF_ONE)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not (await gateway.begin("another")).repeated


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 50)), max_size=30))
def test_a_batch_fits_where_nobody_waits_and_the_bounds_hold_for_all_that_fit(asked: list[tuple[str, int]]) -> None:
    room = Room(100, 60)
    inside: dict[str, int] = {}
    taken = []
    for account, count in asked:
        if not room.has(account, count):
            assert inside.get(account, 0) + count > 60 or sum(inside.values()) + count > 100
            continue
        taken.append(room.taken(account, count))
        taken[-1].__enter__()
        inside[account] = inside.get(account, 0) + count
        assert inside[account] <= 60
        assert sum(inside.values()) <= 100
    for one in taken:
        one.__exit__(None, None, None)
    assert all(room.has(account, 60) for account in "abc")
