"""A client that stops reading: what it gets afterwards, and that nobody else notices."""

import asyncio
import json
import os
import resource
import time
from statistics import quantiles

import pytest

from gateway.live.limits import LiveLimits
from storage.log.port import Message

pytestmark = pytest.mark.alone

SYMBOLS = [f"SYM{number}.TEST" for number in range(40)]
STUCK_SECONDS = 30.0 if os.environ.get("FAULTS") == "all" else 3.0


async def test_a_stuck_reader_costs_the_others_nothing_and_gets_the_latest_and_gaps(world, raw):
    """Compares the others' p99 before and meanwhile. The stuck one answers the ping that it finds when it reads again."""
    limits = LiveLimits(slow_bytes=32 * 1024, queued_messages=300)
    sent_at: dict[int, float] = {}
    delays: dict[int, float] = {}
    trades: list[int] = []
    running = asyncio.Event()
    running.set()

    async def publish():
        number = 0
        while running.is_set():
            updates = []
            for _ in range(10):
                number += 1
                sent_at[number] = time.perf_counter()
                updates.append((SYMBOLS[number % 40], number))
            await world.quotes(*updates)
            trades.extend(range(len(trades), len(trades) + 2))
            await world.trades((SYMBOLS[0], trades[-2]), (SYMBOLS[0], trades[-1]))
            await asyncio.sleep(0.01)

    async def follow(client, seen):
        while True:
            message = await client.receive()
            if message["type"] == "position":
                continue
            if message["topic"].startswith("quotes"):
                number = int(message["data"]["last"])
                delays[number] = time.perf_counter() - sent_at[number]
                assert "conflated" not in message
            else:
                seen.append(message["data"]["venue_seq"])

    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=32 * 1024) as stuck:
        await stuck.start("quotes.*", "trades.*", snapshot=False)
        async with gateway.client() as one, gateway.client() as two:
            await one.subscribe("quotes.*", "trades.*", snapshot=False)
            await two.subscribe("quotes.*", "trades.*", snapshot=False)
            seen: list[int] = []
            followers = [asyncio.create_task(follow(one, seen)), asyncio.create_task(follow(two, []))]
            publishing = asyncio.create_task(publish())
            before = asyncio.create_task(_read_for(stuck, 1.0))
            await before
            normal = quantiles(delays.values(), n=100)[98]
            delays.clear()
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            await _stuck_long_enough(trades)
            meanwhile = quantiles(delays.values(), n=100)[98]
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
            held = _held_for_the_slow(gateway)
            found = before.result()
            running.clear()
            await publishing
            found += await _read_for(stuck, 3.0)
            await asyncio.sleep(0.2)
            for task in followers:
                assert not task.done()
                task.cancel()
            await asyncio.gather(*followers, return_exceptions=True)
    assert seen == trades, "the others have every trade in order"
    assert meanwhile < max(5 * normal, 0.05)
    assert held <= 2 * limits.slow_bytes + 2 * (limits.queued_messages + len(SYMBOLS)) * 400, "bytes"
    assert grown < 48 * 1024, "kilobytes; most of it the log itself"
    _check_what_the_stuck_one_got(found, trades, sent_at)


async def _stuck_long_enough(trades):
    """The time asked for, and (on a machine that is slow itself) twice as many trades as the queue holds."""
    first = len(trades)
    await asyncio.sleep(STUCK_SECONDS)
    while len(trades) < first + 600:  # noqa: ASYNC110  (the publisher only counts)
        await asyncio.sleep(0.05)


def _held_for_the_slow(gateway):
    """Bytes in write buffer and backlog of the one client that has a backlog."""
    (client,) = [one.client for one in gateway.sockets._connections if one.client.backlog is not None]
    waiting = client.backlog
    frames = [*waiting._ready, *waiting._queue, *(frame for frame, _ in waiting._latest.values())]
    return client.buffered() + sum(len(frame.wire) for frame in frames)


async def _read_for(stuck, seconds):
    found = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                found.append(await stuck.message())
    except TimeoutError:
        return found


def _check_what_the_stuck_one_got(found, trades, sent_at):
    kinds = [message["type"] for message in found]
    assert kinds.count("lagging") == 1
    quotes = [
        message for message in found if message.get("topic", "").startswith("quotes") and message["type"] == "update"
    ]
    last: dict[str, int] = {}
    for message in quotes:
        symbol, number = message["data"]["symbol"], int(message["data"]["last"])
        passed = (number - last[symbol]) // 40 - 1 if symbol in last else message.get("conflated", 0)
        assert message.get("conflated", 0) == passed, "the count is exact"
        last[symbol] = number
    assert sorted(last.values()) == list(range(max(sent_at) - 39, max(sent_at) + 1)), "in the end all are the latest"
    assert sum(message.get("conflated", 0) for message in quotes) > 500
    assert kinds.index("lagging") < next(i for i, message in enumerate(found) if "conflated" in message)
    position = {
        message["seq"]: message["data"]["venue_seq"] for message in found if message.get("topic") == "trades.SYM0.TEST"
    }
    gaps = [message for message in found if message["type"] == "gap"]
    assert gaps
    assert all(gap["topic"] == "trades.*" for gap in gaps)
    dropped = {seq for gap in gaps for seq in range(gap["from"], gap["to"] + 1)}
    assert dropped.isdisjoint(position)
    assert sorted([*position, *dropped]) == list(range(len(trades))), (
        "what did not come was announced, and nothing else"
    )


async def test_lossless_topics_close_a_client_that_leaves_too_much_unread(world, raw):
    limits = LiveLimits(slow_bytes=16 * 1024, lossless_bytes=64 * 1024)
    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=8 * 1024) as stuck:
        await stuck.start("risk.*")
        async with gateway.client() as other:
            await other.subscribe("risk.*")
            taking = asyncio.create_task(other.take(8_000))
            for number in range(8_000):
                await world.signal("platform", str(number), "cleared")
            assert [message["data"]["signal_id"] for message in await taking] == [
                str(number) for number in range(8_000)
            ]
        assert await asyncio.wait_for(stuck.close_code(), 10) == 4413


async def test_a_client_that_asks_and_never_reads_is_closed(world, raw):
    limits = LiveLimits(buffered_bytes=64 * 1024)
    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=4 * 1024) as stuck:
        await stuck.start()
        topics = [f"quotes.{symbol}" for symbol in SYMBOLS] + [f"nothing.{number}" for number in range(400)]
        for _ in range(8):
            for _ in range(10):
                stuck.ask("subscribe", {"topics": topics, "snapshot": False})
            await asyncio.sleep(0.5)
        assert await asyncio.wait_for(stuck.close_code(), 10) == 4413


async def test_a_large_snapshot_is_paced_and_complete(world, raw):
    limits = LiveLimits(slow_bytes=8 * 1024)
    await world.quotes(*((symbol, 1) for symbol in SYMBOLS))
    padding = 4_000

    await world.log.append_many(
        "quotes",
        [
            Message(s.encode(), json.dumps({"symbol": s, "last": "2", "padding": "x" * padding}).encode())
            for s in SYMBOLS
        ],
    )
    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=4 * 1024) as slow:
        await gateway.hub.caught_up()
        await slow.start("quotes.*")
        await asyncio.sleep(0.2)
        found = [await slow.message() for _ in SYMBOLS]
        assert {message["data"]["symbol"] for message in found} == set(SYMBOLS)
        assert {(message["type"], message["data"]["last"]) for message in found} == {("snapshot", "2")}


async def test_positions_never_claim_what_still_waits(world, raw):
    limits = LiveLimits(slow_bytes=8 * 1024, queued_messages=10_000)
    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=4 * 1024) as stuck:
        await stuck.start("trades.SYM1.TEST", snapshot=False)
        for start in range(0, 4_000, 100):
            await world.trades(*((SYMBOLS[1], number) for number in range(start, start + 100)))
            await asyncio.sleep(0.005)
        (connection,) = list(gateway.sockets._connections)
        shard = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
        claimed = gateway.hub.positions(connection.client)["trades.SYM1.TEST"]["positions"][shard]
        waiting = connection.client.backlog.unsent()[shard]
        assert claimed == waiting - 1 < 3_999
        numbers = []
        while len(numbers) < 4_000:
            message = await stuck.message()
            if message["type"] == "update":
                numbers.append(message["seq"])
        assert numbers == list(range(4_000))
        assert gateway.hub.positions(connection.client)["trades.SYM1.TEST"]["positions"] == {shard: 3_999}
