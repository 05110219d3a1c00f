"""A resume on a gateway that has read less than the client has: it waits, and ends when nobody wants it any more."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway.live.backlog import Losses
from gateway.live.catch_up import CatchUp
from gateway.live.client import Client
from gateway.live.frames import Address, Delivery, Frame
from gateway.live.limits import LiveLimits
from gateway.live.shard import Shard
from gateway.live.sources import TRADE_SOURCE
from gateway.live.subscriptions import Subscription
from gateway.live.topics import Topic, parse_topic
from storage.log.port import Bounds, PositionLost, Record

TRADES = Address("trades", "trades.A.X", "trades-0", Delivery.QUEUED, wildcard="trades.*")
WILDCARD = Topic("trades.*", "trades")


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
    subscription.start_after({"trades-0": 10})
    client.subscriptions[topic.name] = subscription
    shard = Shard("trades-0", 0, 5)
    live: list[Sequence[Frame]] = []
    catch_up = CatchUp(
        NoLog(), client, {subscription: frozenset((topic.name,))}, places=[(None, shard)],  # type: ignore[arg-type,list-item]
        go_live=lambda _subscriptions, owed: live.append(owed),
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


async def test_what_waits_in_a_backlog_goes_out_before_a_topic_goes_live(resume):
    catch_up, client, shard, live = resume
    client.subscriptions["trades.*"] = Subscription(WILDCARD, 0)
    client.absorb([Frame(TRADES, 9, "update", b"{}")])
    read_up_to(shard, 12)
    running = asyncio.create_task(catch_up.run())
    await asyncio.sleep(0.01)
    assert not live
    assert client.pump()
    await asyncio.wait_for(running, 10)
    assert len(live) == 1


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_resume_that_nobody_wants_any_more_ends_and_sends_nothing(resume, leaves):
    catch_up, client, shard, live = resume
    running = asyncio.create_task(catch_up.run())
    await asyncio.sleep(0.01)
    if leaves:
        client.abort()
    else:
        client.subscriptions["trades.A.X"].read_by = None
    await asyncio.wait_for(running, 10)
    read_up_to(shard, 12)
    assert not live


class FullWire(OpenWire):
    """Keeps what it is given; `waits` is what stands in its buffer once there is anything."""

    def __init__(self, waits: int) -> None:
        self.written: list[bytes] = []
        self._waits = waits

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def buffered(self) -> int:
        return self._waits if self.written else 0


class ShortLog:
    """Holds nothing before 10."""

    async def read(self, topic: str, partition: int, start: int, _stop: int) -> AsyncIterator[list[Record]]:
        if start < 10:
            raise PositionLost(topic, partition, start, Bounds(10, 12))
        yield []


class TradesFeed:
    """As far as a reading asks it."""

    source = TRADE_SOURCE

    async def counting(self, _partition: int, _start: int) -> object:
        return iter


@pytest.mark.parametrize("closes", [False, True])
async def test_what_retention_has_taken_is_said_of_each_topic_even_to_a_client_that_is_closed_by_it(closes):
    wire, live = FullWire(100 if closes else 0), []
    limits = LiveLimits(buffered_bytes=50)
    client = Client(wire, limits, Losses(), lambda _: None, lambda: client.close(4413, ""))  # type: ignore[arg-type]
    readings = {}
    for name, position in (("trades.*", 5), ("trades.A.X", 3)):
        topic = parse_topic(name)
        assert topic is not None
        client.subscriptions[name] = subscription = Subscription(topic, 0)
        subscription.start_after({"trades-0": position})
        readings[subscription] = frozenset((name,))
    shard = Shard("trades-0", 0, 12)
    catch_up = CatchUp(
        ShortLog(), client, readings, places=[(TradesFeed(), shard)],  # type: ignore[arg-type,list-item]
        go_live=lambda subscriptions, _owed: live.extend(one.topic.name for one in subscriptions),
    )  # fmt: skip
    await asyncio.wait_for(catch_up.run(), 10)
    gaps = [json.loads(data[2:]) for data in wire.written]
    told = [(gap["topic"], gap["from"], gap["to"]) for gap in gaps]
    assert told == [("trades.*", 6, 9), ("trades.A.X", 4, 9)][: 1 if closes else 2]
    assert live == ([] if closes else ["trades.*", "trades.A.X"])
