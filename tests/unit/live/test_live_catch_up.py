"""A resume on a gateway that has read less than the client has: it waits, and ends when nobody wants it any more."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.live.backlog import Losses
from gateway.live.catch_up import CatchUp
from gateway.live.client import Client
from gateway.live.frames import Address, Delivery, Frame
from gateway.live.limits import LiveLimits
from gateway.live.shard import Shard
from gateway.live.subscriptions import Subscription
from gateway.live.topics import parse_topic

TRADES = Address("trades", "trades.A.X", "trades-0", Delivery.QUEUED, wildcard="trades.*")


class OpenWire:
    """Takes everything."""

    def write(self, data: bytes) -> None: ...

    def buffered(self) -> int:
        return 0

    def close(self, code: int, reason: str) -> None: ...

    def abort(self) -> None: ...


class NoLog:
    """Reads nothing."""


@pytest.fixture
def resume():
    """A resume of a client that has read further than this gateway, and what it was given."""
    topic = parse_topic("trades.A.X")
    assert topic is not None
    client = Client(OpenWire(), LiveLimits(), Losses(), lambda _: None, lambda: None)  # type: ignore[arg-type]
    subscription = Subscription(topic, 0)
    subscription.positions = {"trades-0": 10}
    client.subscriptions[topic.name] = subscription
    shard = Shard("trades-0", 0, 5)
    live: list[Sequence[Frame]] = []
    catch_up = CatchUp(
        NoLog(), client, subscription, keys=frozenset((topic.name,)), places=[(None, shard)],  # type: ignore[arg-type,list-item]
        go_live=lambda _subscription, owed: live.append(owed),
    )  # fmt: skip
    return catch_up, client, shard, live


def read_up_to(shard: Shard, last: int) -> None:
    for seq in range(shard.position + 1, last + 1):
        shard.position = seq
        shard.append(Frame(TRADES, seq, "update", b"{}"))


async def test_a_resume_that_is_ahead_of_its_gateway_waits_for_it(resume):
    catch_up, _, shard, live = resume
    running = asyncio.create_task(catch_up.run())
    await asyncio.sleep(0.01)
    assert not live
    read_up_to(shard, 12)
    await asyncio.wait_for(running, 10)
    assert [[frame.seq for frame in owed] for owed in live] == [[11, 12]]


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_resume_that_nobody_wants_any_more_ends_and_sends_nothing(resume, leaves):
    catch_up, client, shard, live = resume
    running = asyncio.create_task(catch_up.run())
    await asyncio.sleep(0.01)
    if leaves:
        client.abort()
    else:
        client.subscriptions.clear()
    await asyncio.wait_for(running, 10)
    read_up_to(shard, 12)
    assert not live
