"""Snapshots, updates, conflation on request: what subscribers get, with real clients over real sockets."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from itertools import pairwise

import pytest

from storage.log.memory import MemoryLog
from storage.log.port import Message
from storage.models.latest_quotes import LatestQuoteDocument

SYMBOLS = [f"SYM{number}.TEST" for number in range(40)]
GROUP = "latest-quotes"


def document(world, symbol, number, offset):
    value = b'{"symbol":"%b","last":"%d","ts_in":"2024-08-08T00:00:00Z"}' % (symbol.encode(), number)
    partition = world.topics.partition("quotes", symbol.encode())
    return LatestQuoteDocument(symbol, partition, offset, value, 1_723_075_200_000_000_000)


async def test_a_quote_is_the_record_in_a_frame_with_its_shard_and_offset(world):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("quotes.SYM1.TEST")
        value = b'{"symbol":"SYM1.TEST","last":"1.50","note":"caf\xc3\xa9"}'
        position = await world.log.append("quotes", Message(b"SYM1.TEST", value))
        async with asyncio.timeout(5):
            text = await client.socket.recv()
        shard = f"quotes-{position.partition}"
        assert text.encode() == (
            b'{"topic":"quotes.SYM1.TEST","shard":"%b","seq":0,"type":"update","data":%b}' % (shard.encode(), value)
        )


@pytest.mark.parametrize("size", [10, 60, 61, 62, 200, 65_400, 65_460, 65_536, 70_000])
async def test_frames_of_every_length_form_arrive_whole(world, size):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("quotes.SYM1.TEST")
        await world.log.append("quotes", Message(b"SYM1.TEST", b'{"x":"%b"}' % (b"x" * size)))
        assert len((await client.receive())["data"]["x"]) == size


async def test_snapshot_then_updates_without_a_hole_while_a_thousand_a_second_flow(world):
    """Every client joins in the middle of the stream; afterwards its quotes are complete from its snapshot on."""
    counts = Counter()
    stop = asyncio.Event()

    async def publish():
        number = 0
        while not stop.is_set():
            updates = []
            for _ in range(5):
                symbol = SYMBOLS[number % len(SYMBOLS)]
                counts[symbol] += 1
                updates.append((symbol, counts[symbol]))
                number += 1
            await world.quotes(*updates)
            await asyncio.sleep(0.005)

    async def check(gateway, join_at):
        await asyncio.sleep(join_at)
        last: dict[str, int] = {}
        seqs: dict[str, int] = {}
        async with gateway.client() as client:
            await client.subscribe("quotes.*")
            kinds = Counter()
            while len(last) < len(SYMBOLS) or sum(kinds.values()) < 1_000:
                message = await client.receive()
                symbol, number = message["data"]["symbol"], int(message["data"]["last"])
                kinds[message["type"]] += 1
                if message["type"] == "snapshot":
                    assert symbol not in last, "one snapshot a symbol, before its updates"
                else:
                    assert number == last.get(symbol, 0) + 1
                    assert message["seq"] > seqs.get(message["shard"], -1)
                assert "conflated" not in message
                last[symbol], seqs[message["shard"]] = number, max(seqs.get(message["shard"], -1), message["seq"])
            return kinds

    async with world.gateway() as gateway:
        publishing = asyncio.create_task(publish())
        async with asyncio.timeout(20):
            while len(counts) < len(SYMBOLS):  # noqa: ASYNC110  (every symbol has a snapshot from then on)
                await asyncio.sleep(0.005)
        found = await asyncio.gather(*(check(gateway, 0.2 + index * 0.11) for index in range(6)))
        stop.set()
        await publishing
    assert all(kinds["snapshot"] == len(SYMBOLS) and kinds["update"] > 500 for kinds in found)


async def test_the_hub_is_seeded_from_documents_and_ignores_what_they_have(world):
    await world.quotes(*((SYMBOLS[1], number) for number in range(5)))
    shard = world.topics.partition("quotes", SYMBOLS[1].encode())
    world.seeds.documents = [
        document(world, SYMBOLS[1], 103, offset=3),
        document(world, SYMBOLS[2], 7, offset=10_000),  # of another log: this one has not got so far
    ]
    await world.log.commit(GROUP, "quotes", {shard: 2})
    async with world.gateway() as gateway:
        await gateway.hub.caught_up()
        board = gateway.hub.quote(SYMBOLS[1])
        assert board is not None
        assert board.seq == 4
        assert board.feed_state == "live"
        assert gateway.hub.quote(SYMBOLS[2]) is None
        assert gateway.hub.quote("NONE.TEST") is None
        async with gateway.client() as client:
            await client.subscribe("quotes.*")
            message = await client.receive()
            assert (message["type"], message["seq"], message["data"]["last"]) == ("snapshot", 4, "4")
            await client.silent(0.1)


async def test_a_seed_that_is_newer_than_the_commit_stands_until_something_newer_comes(world):
    await world.quotes(*((SYMBOLS[1], number) for number in range(4)))
    world.seeds.documents = [document(world, SYMBOLS[1], 103, offset=3)]
    async with world.gateway() as gateway:
        await gateway.hub.caught_up()
        board = gateway.hub.quote(SYMBOLS[1])
        assert board.value == world.seeds.documents[0].value
        assert board.taken_in == 1_723_075_200_000_000_000
        await world.quotes((SYMBOLS[1], 4))
        async with gateway.client() as client:
            await client.subscribe("quotes.*")
            assert (await client.receive())["data"]["last"] == "4"


async def test_a_change_of_state_is_a_message_of_its_own_and_stands_on_the_board(world):
    await world.quotes((SYMBOLS[1], 1))
    await world.state(SYMBOLS[1], "stale")
    async with world.gateway() as gateway, gateway.client() as client:
        await gateway.hub.caught_up()
        answer = (await client.subscribe("quotes.SYM1.TEST"))["quotes.SYM1.TEST"]
        number = world.topics.partition("quotes", b"SYM1.TEST")
        assert answer["positions"] == {f"quotes-{number}": 0, f"quote-states-{number}": 0}
        snapshot, state = await client.take(2)
        assert snapshot["type"] == "snapshot"
        assert (state["type"], state["topic"], state["shard"]) == (
            "state",
            "quotes.SYM1.TEST",
            f"quote-states-{number}",
        )
        assert state["data"]["feed_state"] == "stale"
        assert gateway.hub.quote(SYMBOLS[1]).feed_state == "stale"
        await world.state(SYMBOLS[1], "live")
        message = await client.receive()
        assert (message["type"], message["seq"], message["data"]["feed_state"]) == ("state", 1, "live")
        assert gateway.hub.quote(SYMBOLS[1]).feed_state == "live"


async def test_the_snapshot_of_trades_is_the_last_fifty(world):
    for start in range(0, 120, 10):
        await world.trades(*((SYMBOLS[number % 7], number) for number in range(start, start + 10)))
        await asyncio.sleep(0.003)  # appended in another millisecond
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("trades.*")
        found = await client.take(50)
        assert {message["type"] for message in found} == {"snapshot"}
        assert sorted(message["data"]["venue_seq"] for message in found) == list(range(70, 120))
        for group in _by_shard(found).values():
            assert all(before["seq"] < after["seq"] for before, after in pairwise(group))
        await client.subscribe("trades.SYM3.TEST", snapshot=False)
        await world.trades((SYMBOLS[3], 500))
        message = await client.receive()
        assert (message["type"], message["data"]["venue_seq"]) == ("update", 500)
        await client.silent(0.1)


async def test_the_last_trades_of_a_quiet_symbol_are_looked_for_further_back(world):
    quiet = SYMBOLS[0]
    await world.trades(*((quiet, number) for number in range(60)))
    await _make_loud(world, beside=quiet, trades=12_000)
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe(f"trades.{quiet}")
        found = await client.take(50)
        assert [message["data"]["venue_seq"] for message in found] == list(range(10, 60))
        await client.silent(0.1)


async def _make_loud(world, *, beside: str, trades: int) -> None:
    """Trades of another symbol in the same shard."""
    shard = world.topics.partition("trades", beside.encode())
    loud = next(name for name in SYMBOLS if name != beside and world.topics.partition("trades", name.encode()) == shard)
    for start in range(0, trades, 1_000):
        await world.trades(*((loud, number) for number in range(start, start + 1_000)))


async def test_many_quiet_symbols_are_looked_for_in_one_reading_of_each_shard(world, topics):
    reads: list[tuple[int, int]] = []

    class Counting(MemoryLog):
        def read(self, topic, partition, start, stop):
            reads.append((partition, stop))
            return super().read(topic, partition, start, stop)

    world.log = Counting(topics)
    await world.trades(*((symbol, number) for number in range(60) for symbol in SYMBOLS))
    shards: dict[int, str] = {}
    for symbol in SYMBOLS:
        shards.setdefault(world.topics.partition("trades", symbol.encode()), symbol)
    for start in range(0, 7_000, 1_000):
        for loud in shards.values():
            await world.trades(*((loud, number) for number in range(start, start + 1_000)))
    quiet = [symbol for symbol in SYMBOLS if symbol not in shards.values()]
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe(*(f"trades.{symbol}" for symbol in quiet))
        numbers: dict[str, list[int]] = {}
        for message in await client.take(50 * len(quiet)):
            numbers.setdefault(message["data"]["symbol"], []).append(message["data"]["venue_seq"])
        assert numbers == {symbol: list(range(10, 60)) for symbol in quiet}
        assert len(reads) == len(set(reads)) <= 2 * len(shards)
    await world.log.close()


async def test_clients_that_come_together_share_one_reading_of_older_trades(world, topics):
    reads: list[int] = []

    class Slow(MemoryLog):
        async def read(self, topic, partition, start, stop):
            reads.append(stop)
            await asyncio.sleep(0.3)
            async for records in super().read(topic, partition, start, stop):
                yield records

    world.log = Slow(topics)
    await world.trades(*((SYMBOLS[0], number) for number in range(60)))
    await _make_loud(world, beside=SYMBOLS[0], trades=3_000)
    async with world.gateway() as gateway, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(gateway.client()) for _ in range(5)]
        await asyncio.gather(*(client.subscribe(f"trades.{SYMBOLS[0]}") for client in clients))
        for client in clients:
            found = await client.take(50)
            assert [message["data"]["venue_seq"] for message in found] == list(range(10, 60))
    assert len(reads) == len(set(reads)) <= 2
    await world.log.close()


async def test_older_trades_are_left_out_when_those_that_followed_are_not_held_any_more(world, topics):
    """While the log was searched for them the feed moved on by more than it keeps: fewer trades, and no hole between them."""

    class Held(MemoryLog):
        searched, found = asyncio.Event(), asyncio.Event()

        async def read(self, topic, partition, start, stop):
            self.searched.set()
            await self.found.wait()
            async for records in super().read(topic, partition, start, stop):
                yield records

    world.log = Held(topics)
    quiet = SYMBOLS[0]
    await world.trades(*((quiet, number) for number in range(60)))
    await _make_loud(world, beside=quiet, trades=3_000)
    async with world.gateway() as gateway, gateway.client() as client, gateway.client() as other:
        await other.subscribe("trades.*", snapshot=False)
        subscribing = asyncio.create_task(client.subscribe(f"trades.{quiet}"))
        await world.log.searched.wait()
        await world.trades(*((quiet, number) for number in range(60, 65)))
        await _make_loud(world, beside=quiet, trades=4_000)
        await world.trades((quiet, 65))
        await other.until(lambda message: (message["data"]["symbol"], message["data"]["venue_seq"]) == (quiet, 65))
        world.log.found.set()
        await subscribing
        assert [(await client.receive())["data"]["venue_seq"]] == [65]
        await client.silent(0.1)
    await world.log.close()


async def test_bars_by_timeframe_and_symbol(world):
    for number in range(3):
        await world.bar(SYMBOLS[1], "1m", number)
        await world.bar(SYMBOLS[1], "5m", 10 + number)
        await world.bar(SYMBOLS[2], "1m", 20 + number)
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("bars.1m.*")
        found = {message["topic"]: message["data"]["c"] for message in await client.take(2)}
        assert found == {"bars.1m.SYM1.TEST": "2", "bars.1m.SYM2.TEST": "22"}
        await client.subscribe("bars.5m.SYM1.TEST")
        message = await client.receive()
        assert (message["topic"], message["type"], message["data"]["c"]) == ("bars.5m.SYM1.TEST", "snapshot", "12")
        await world.bar(SYMBOLS[2], "5m", 99)
        await world.bar(SYMBOLS[2], "1m", 23)
        assert (await client.receive())["data"]["c"] == "23"
        await client.silent(0.1)


async def test_bars_that_the_log_no_longer_shows_come_from_the_store(world):
    class Newest:
        async def newest(self, timeframe):
            assert timeframe == "1m"
            return {SYMBOLS[1]: b'{"c":"old"}', SYMBOLS[2]: b'{"c":"older than the log"}'}

    shard = world.topics.partition("bars", SYMBOLS[1].encode())
    other = next(name for name in SYMBOLS[2:] if world.topics.partition("bars", name.encode()) == shard)
    for start in range(0, 6_000, 500):
        messages = [
            Message(other.encode(), b'{"c":"%d"}' % number, (("timeframe", b"1m"),))
            for number in range(start, start + 500)
        ]
        await world.log.append_many("bars", messages)
    async with world.gateway(newest_bars=Newest()) as gateway, gateway.client() as client:
        await client.subscribe("bars.1m.SYM1.TEST", f"bars.1m.{other}")
        first, second = sorted(await client.take(2), key=lambda message: message["seq"])
        assert (first["topic"], first["type"], first["data"]["c"], first["seq"]) == (
            "bars.1m.SYM1.TEST",
            "snapshot",
            "old",
            999,
        )
        assert (second["data"]["c"], second["seq"]) == ("5999", 5999)


async def test_the_snapshot_of_risk_is_what_is_active(world):
    for key, signal, state in [
        ("platform", "a", "raised"), ("platform", "b", "raised"), ("platform", "a", "cleared"), ("acc_1", "c", "raised"),
        ("acc_2", "d", "raised"),
    ]:  # fmt: skip
        await world.signal(key, signal, state)
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("risk.*")
        found = {(message["type"], message["data"]["signal_id"]) for message in await client.take(2)}
        assert found == {("snapshot", "b"), ("snapshot", "c")}
        await world.signal("platform", "b", "cleared")
        message = await client.receive()
        assert (message["type"], message["data"]["state"]) == ("update", "cleared")


async def test_wildcard_and_symbol_together_bring_each_message_once(world):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("quotes.SYM1.TEST")
        await client.subscribe("quotes.*")
        await world.quotes((SYMBOLS[1], 1), (SYMBOLS[2], 1))
        assert {message["topic"] for message in await client.take(2)} == {"quotes.SYM1.TEST", "quotes.SYM2.TEST"}
        await client.silent(0.1)
        await client.ask("unsubscribe", {"topics": ["quotes.*"]})
        await world.quotes((SYMBOLS[1], 2), (SYMBOLS[2], 2))
        assert (await client.receive())["topic"] == "quotes.SYM1.TEST"
        await client.silent(0.1)


async def test_without_snapshot_only_updates_come(world):
    await world.quotes((SYMBOLS[1], 1))
    async with world.gateway() as gateway, gateway.client() as client:
        await gateway.hub.caught_up()
        await client.subscribe("quotes.*", snapshot=False)
        await world.quotes((SYMBOLS[1], 2))
        assert (await client.receive())["data"]["last"] == "2"


async def test_conflation_on_request_keeps_the_latest_and_counts_the_others(world):
    async with world.gateway() as gateway, gateway.client() as client, gateway.client() as other:
        await client.subscribe("quotes.*", "trades.*", conflate_ms=3_000)
        await other.subscribe("quotes.*")
        for number in range(10):
            await world.quotes((SYMBOLS[1], number), (SYMBOLS[2], number))
        await world.trades((SYMBOLS[1], 1))
        assert (await client.receive())["topic"] == "trades.SYM1.TEST"
        found = {message["topic"]: message for message in await client.take(2)}
        assert {name: (message["data"]["last"], message["conflated"]) for name, message in found.items()} == {
            "quotes.SYM1.TEST": ("9", 9),
            "quotes.SYM2.TEST": ("9", 9),
        }
        assert len(await other.take(20)) == 20
        await world.quotes((SYMBOLS[1], 10))
        assert "conflated" not in await client.receive()


async def test_a_client_that_leaves_a_conflating_group_loses_nothing(world):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("quotes.*", conflate_ms=60_000)
        await world.quotes((SYMBOLS[1], 1))
        await client.silent(0.1)
        await client.subscribe("trades.*")
        assert [message["data"]["last"] for message in client.aside] == ["1"]


async def test_records_that_nobody_can_be_given_are_passed_over(world):
    async with world.gateway() as gateway, gateway.client() as client:
        await client.subscribe("bars.1m.*", "quotes.*")
        await world.log.append("bars", Message(b"SYM1.TEST", b"{}"))
        await world.log.append("bars", Message(b"SYM1.TEST", b"{}", (("timeframe", b"9m"),)))
        await world.log.append("quotes", Message(b"\xff\xfe", b"{}"))
        await world.bar(SYMBOLS[1], "1m", 1)
        assert (await client.receive())["topic"] == "bars.1m.SYM1.TEST"


def _by_shard(messages):
    groups: dict[str, list[dict]] = {}
    for message in messages:
        groups.setdefault(message["shard"], []).append(message)
    return groups
