"""A gateway asks the core about so many commands at once: above that a first request is refused, and a repeat is read."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.trading.deciding import MOST_WAITING, Deciding
from gateway.trading.requests import Begun
from ops.runtime.errors import HubError
from storage.decisions.watch import Watch
from storage.models.order_commands import CancelAll, Command
from storage.models.order_events import Answer
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


def commands(count: int, name: str = "cmd") -> list[Command]:
    """So many commands of one account."""
    return [
        CancelAll(
            command_id=f"{name}_{number}",
            account_id="acc_1",
            issued_at=1,
            order_ids=None,
            symbol=None,
            strategy_id=None,
        )
        for number in range(count)
    ]


def begun(wanted: Sequence[Command], *, repeated: bool) -> Begun:
    """The request of these commands."""
    request = OrderRequest(
        identity="i", body_hash="h", command_ids=tuple(one.command_id for one in wanted), order_ids=(), issued_at=1,
        valid_until=2, trace_id="0" * 32, language="en-US",
    )  # fmt: skip
    return Begun("acc_1", request, repeated=repeated)


class Desk:
    """What is asked, of a core that is silent."""

    def __init__(self) -> None:
        self.core, self.answers = SilentCore(), Answers()
        core: Any = self.core
        self.deciding = Deciding(core, self.answers, self.answers)

    async def ask(self, wanted: Sequence[Command], *, repeated: bool = False) -> Any:
        with self.deciding.watch("acc_1") as watch:
            return await self.deciding.decide(begun(wanted, repeated=repeated), wanted, watch)

    async def fill(self) -> "asyncio.Task[Any]":
        """As many commands as may wait."""
        task = asyncio.create_task(self.ask(commands(MOST_WAITING)))
        for _ in range(MOST_WAITING):
            await self.core.published.get()
        return task


@pytest.fixture
async def desk() -> Desk:
    return Desk()


async def test_above_the_bound_a_first_request_is_refused_and_was_not_published(desk: Desk) -> None:
    waiting = await desk.fill()
    with pytest.raises(HubError) as refused:
        await desk.ask(commands(1, "more"))
    assert (refused.value.code, refused.value.details) == ("system.unavailable", {"component": "orders"})
    assert desk.core.published.empty()
    waiting.cancel()


async def test_above_the_bound_a_repeat_is_read_and_not_published_again(desk: Desk) -> None:
    waiting = await desk.fill()
    [known, unknown] = commands(2, "again")
    answer = Answer(seq=7, ts="2024-08-08T14:30:00Z", kind="CancelAllDecided")
    desk.answers.kept[known.command_id] = CommandAnswer(known.command_id, "acc_1", 7, answer, 0)
    found = await desk.ask([known, unknown], repeated=True)
    assert {name: one.answer for name, one in found.items()} == {known.command_id: answer}
    assert desk.core.published.empty()
    waiting.cancel()


async def test_who_gives_up_makes_room(desk: Desk) -> None:
    waiting = await desk.fill()
    waiting.cancel()
    await asyncio.wait([waiting])
    again = asyncio.create_task(desk.ask(commands(1, "more")))
    assert await desk.core.published.get() == "more_0"
    again.cancel()
