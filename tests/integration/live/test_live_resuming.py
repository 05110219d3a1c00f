"""Resume: everything since, in order, without a hole or a repeat, on this gateway or another one."""

import asyncio

import pytest

from gateway.live.limits import LiveLimits

SYMBOLS = [f"SYM{number}.TEST" for number in range(40)]


class Tracker:
    """What a client keeps to resume: the last seq of each shard, and everything that it got."""

    def __init__(self, entry):
        self.log_id, self.positions = entry["log_id"], dict(entry["positions"])
        self.numbers: list[int] = []

    def take(self, message):
        assert message["seq"] > self.positions[message["shard"]], "neither repeated nor out of order"
        self.positions[message["shard"]] = message["seq"]
        self.numbers.append(message["data"]["venue_seq"])

    async def follow(self, client, count):
        while len(self.numbers) < count:
            message = await client.receive()
            if message["type"] == "update":
                self.take(message)

    @property
    def resume(self):
        return {"log_id": self.log_id, "positions": self.positions}


async def publish(world, start, stop, pause=0.0):
    for first in range(start, stop, 50):
        await world.trades(*((SYMBOLS[number % 40], number) for number in range(first, min(stop, first + 50))))
        await asyncio.sleep(pause)


async def test_a_client_resumes_on_another_gateway_where_it_stood(world):
    async with world.gateway() as first, world.gateway() as second:
        async with first.client() as client:
            tracker = Tracker((await client.subscribe("trades.*"))["trades.*"])
            await publish(world, 0, 500)
            await tracker.follow(client, 500)
        await publish(world, 500, 20_000)
        async with second.client() as client:
            publishing = asyncio.create_task(publish(world, 20_000, 22_000, pause=0.002))
            entry = (await client.subscribe("trades.*", resume={"trades.*": tracker.resume}))["trades.*"]
            assert entry == {"ok": True, "log_id": tracker.log_id, "positions": tracker.positions, "recovered": True}
            await tracker.follow(client, 22_000)
            await publishing
            await client.silent(0.1)
        assert sorted(tracker.numbers) == list(range(22_000))
        for number in range(40):
            own = [found for found in tracker.numbers if found % 40 == number]
            assert own == sorted(own)


async def test_a_short_break_is_served_from_memory_at_once(world):
    async with world.gateway() as gateway, gateway.client() as client:
        tracker = Tracker((await client.subscribe("trades.*"))["trades.*"])
        await publish(world, 0, 60)
        await client.ask("unsubscribe", {"topics": ["trades.*"]})
        entry = (await client.subscribe("trades.*", resume={"trades.*": tracker.resume}))["trades.*"]
        assert entry["recovered"] is True
        await tracker.follow(client, 60)
        await publish(world, 60, 70)
        await tracker.follow(client, 70)
        assert sorted(tracker.numbers) == list(range(70))


async def test_one_symbol_resumes_with_the_positions_of_its_shard_alone(world):
    name = "trades.SYM1.TEST"
    async with world.gateway() as gateway, gateway.client() as client:
        await publish(world, 0, 12_000)
        shard = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
        resume = {name: {"log_id": world.log_ids["trades"], "positions": {shard: -1, "trades-77": 5}}}
        entry = (await client.subscribe(name, resume=resume))[name]
        assert entry["positions"] == {shard: -1}
        assert entry["recovered"] is True
        found = await client.take(300)
        assert [message["data"]["venue_seq"] for message in found] == list(range(1, 12_000, 40))
        await publish(world, 12_000, 12_040)
        assert (await client.receive())["data"]["venue_seq"] == 12_001


async def test_quotes_and_states_resume_every_change(world):
    async with world.gateway() as gateway, gateway.client() as client:
        entry = (await client.subscribe("quotes.*"))["quotes.*"]
        assert set(entry["positions"]) == {
            f"{kind}-{number}" for kind in ("quotes", "quote-states") for number in range(4)
        }
        await client.ask("unsubscribe", {"topics": ["quotes.*"]})
        await world.quotes(*((SYMBOLS[1], number) for number in range(20)))
        await world.state(SYMBOLS[1], "stale")
        resume = {"quotes.*": {key: entry[key] for key in ("log_id", "positions")}}
        assert (await client.subscribe("quotes.*", resume=resume))["quotes.*"]["recovered"] is True
        found = await client.take(21)
        assert [message["data"]["last"] for message in found if message["type"] == "update"] == [
            str(n) for n in range(20)
        ]
        assert [message["data"]["feed_state"] for message in found if message["type"] == "state"] == ["stale"]


SYMBOL = "trades.SYM1.TEST"
BOTH = ("trades.*", SYMBOL)


class Guide:
    """A client that keeps its positions as docs/examples/python/stream.py does: what comes counts for every topic that covers it."""

    def __init__(self, entries):
        self.places = {name: {key: entry[key] for key in ("log_id", "positions")} for name, entry in entries.items()}
        self.numbers: list[int] = []

    async def take(self, client, wanted):
        """Until so many updates have come."""
        while len(self.numbers) < wanted:
            self._note(await client.receive())

    async def break_off(self, client, wanted):
        """The same, and the connection ends without a word."""
        await self.take(client, wanted)
        client.socket.transport.abort()

    def _note(self, message):
        if message["type"] == "position":
            self.places |= message["topics"]
        if message["type"] != "update":
            return
        self.numbers.append(message["data"]["venue_seq"])
        for topic, place in self.places.items():
            if topic in ("trades.*", message["topic"]):
                positions = place["positions"]
                positions[message["shard"]] = max(positions[message["shard"]], message["seq"])


@pytest.mark.parametrize("missed", [60, 20_000], ids=["from memory", "from the log"])
@pytest.mark.parametrize("names", [BOTH, BOTH[::-1]])
async def test_a_wildcard_and_its_symbol_resume_together_and_nothing_comes_twice(world, missed, names):
    async with world.gateway() as gateway:
        async with gateway.client() as client:
            guide = Guide(await client.subscribe(*names))
            await publish(world, 0, 80)
            await guide.take(client, 80)
        own = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
        assert guide.places[SYMBOL]["positions"][own] < guide.places["trades.*"]["positions"][own]
        await publish(world, 80, missed)
        publishing = asyncio.create_task(publish(world, max(80, missed), missed + 400, pause=0.002))
        async with gateway.client() as client:
            again = await client.subscribe(*names, resume=guide.places)
            assert again == {name: {"ok": True, "recovered": True, **guide.places[name]} for name in names}
            await guide.take(client, missed + 400)
            await publishing
            await client.silent(0.05)
            assert sorted(guide.numbers) == list(range(missed + 400))
            await client.ask("unsubscribe", {"topics": ["trades.*"]})
            await world.trades((SYMBOLS[1], 1), (SYMBOLS[2], 2), (SYMBOLS[1], 3))
            assert [message["data"]["venue_seq"] for message in await client.take(2)] == [1, 3]
            await client.silent(0.05)


@pytest.mark.parametrize("number", range(4))
async def test_who_breaks_off_again_and_again_in_the_middle_of_both_misses_nothing(world, number):
    """Of a symbol of any shard: it must not run ahead of the wildcard, whose positions its messages count for."""
    symbol = next(name for name in SYMBOLS if world.topics.partition("trades", name.encode()) == number)
    both = ("trades.*", f"trades.{symbol}")
    async with world.gateway() as gateway:
        async with gateway.client() as client:
            guide = Guide(await client.subscribe(*both))
        await publish(world, 0, 12_000)
        for wanted in (700, 1_500, 6_000, 12_000):
            async with gateway.client() as client:
                await client.subscribe(*both, resume=guide.places)
                await guide.break_off(client, wanted)
    assert sorted(guide.numbers) == list(range(12_000))


async def test_a_wildcard_that_resumes_beside_a_live_symbol_is_not_overtaken_by_it(world):
    async with world.gateway() as gateway:
        async with gateway.client() as client:
            guide = Guide(await client.subscribe("trades.*"))
        await publish(world, 0, 12_000)
        async with gateway.client() as client:
            guide.places |= Guide(await client.subscribe(SYMBOL, snapshot=False)).places
            await client.subscribe("trades.*", resume={"trades.*": guide.places["trades.*"]})
            publishing = asyncio.create_task(publish(world, 12_000, 12_400, pause=0.002))
            await guide.break_off(client, 500)
        await publishing
        async with gateway.client() as client:
            await client.subscribe(*BOTH, resume=guide.places)
            await guide.break_off(client, 12_400)
        assert sorted(guide.numbers) == list(range(12_400))


@pytest.mark.parametrize("resumes", BOTH)
async def test_a_topic_that_resumes_beside_an_overlapping_new_one_brings_each_message_once_and_in_order(world, resumes):
    await publish(world, 0, 12_000)
    positions = {f"trades-{number}": -1 for number in range(4)}
    resume = {resumes: {"log_id": world.log_ids["trades"], "positions": positions}}
    async with world.gateway() as gateway, gateway.client() as client:
        entries = await client.subscribe(*BOTH, resume=resume, snapshot=False)
        assert {name: entry["recovered"] for name, entry in entries.items()} == {name: name == resumes for name in BOTH}
        await publish(world, 12_000, 12_400)
        found = await client.until(lambda message: message["data"]["venue_seq"] == 12_361)
        client.socket.transport.abort()
    own = [message["data"]["venue_seq"] for message in found if message["topic"] == SYMBOL]
    assert own == list(range(1, 12_400, 40))


async def test_positions_say_while_both_are_read_how_far_each_was_delivered(world, raw):
    await publish(world, 0, 40_000)
    own = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
    start = {f"trades-{number}": -1 for number in range(4)}
    log_id = world.log_ids["trades"]
    resume = {
        "trades.*": {"log_id": log_id, "positions": start},
        SYMBOL: {"log_id": log_id, "positions": {own: -1}},
    }
    limits = LiveLimits(slow_bytes=32 * 1024)
    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=16 * 1024) as slow:
        await slow.start(*BOTH, resume=resume)
        for _ in range(200):
            await slow.message()
        (connection,) = gateway.sockets._connections
        told = gateway.hub.positions(connection.client)
        assert told[SYMBOL]["positions"][own] == told["trades.*"]["positions"][own]
        assert sum(seq + 1 for seq in told["trades.*"]["positions"].values()) < 40_000


async def test_a_symbol_is_owed_no_less_when_its_wildcard_ends_in_the_middle_of_a_resume(world, raw, eventually):
    symbol, limits = "trades.SYM1.TEST", LiveLimits(slow_bytes=32 * 1024)
    await publish(world, 0, 40_000)
    start = {f"trades-{number}": -1 for number in range(4)}
    own = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
    resume = {
        "trades.*": {"log_id": world.log_ids["trades"], "positions": start},
        symbol: {"log_id": world.log_ids["trades"], "positions": {own: -1}},
    }
    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=16 * 1024) as slow:
        await slow.start("trades.*", symbol, resume=resume)
        found = [await slow.message() for _ in range(200)]
        slow.ask("unsubscribe", {"topics": ["trades.*"]})
        while found[-1].get("op") != "unsubscribe":
            found.append(await slow.message())
        while found[-1].get("data", {}).get("venue_seq") != 39_961:
            found.append(await slow.message())
        await eventually(lambda: not gateway.hub._catching_up)
    numbers = [message["data"]["venue_seq"] for message in found if message.get("type") == "update"]
    assert [number for number in numbers if number % 40 == 1] == list(range(1, 40_000, 40))
    assert len(numbers) == len(set(numbers)) < 40_000


@pytest.mark.parametrize("broken", ["log_id", "missing shard", "beyond the end"])
async def test_what_cannot_be_resumed_gets_a_snapshot(world, broken):
    await publish(world, 0, 100)
    async with world.gateway() as gateway, gateway.client() as client:
        entry = (await client.subscribe("trades.*", snapshot=False))["trades.*"]
        resume = {"log_id": entry["log_id"], "positions": dict(entry["positions"])}
        if broken == "log_id":
            resume["log_id"] = "00000000-0000-7000-8000-00000000ffff"
        elif broken == "missing shard":
            del resume["positions"]["trades-2"]
        else:
            resume["positions"]["trades-2"] += 1
        again = (await client.subscribe("trades.*", resume={"trades.*": resume}))["trades.*"]
        assert again["recovered"] is False
        assert again["log_id"] == world.log_ids["trades"]
        assert again["positions"] == entry["positions"]
        assert {message["type"] for message in await client.take(50)} == {"snapshot"}
        await client.silent(0.05)


async def test_what_retention_has_taken_gets_a_snapshot(world, eventually):
    async with world.gateway() as gateway:
        async with gateway.client() as client:
            entry = (await client.subscribe("trades.SYM1.TEST"))["trades.SYM1.TEST"]
        for start in range(0, 53_000, 1_000):
            await world.trades(*((SYMBOLS[1], number) for number in range(start, start + 1_000)))
        (shard,) = entry["positions"]
        held = gateway.hub._feeds["trades"].shards[int(shard[-1])]
        await eventually(lambda: held.position == 52_999)
        async with gateway.client() as client:
            resume = {"trades.SYM1.TEST": {key: entry[key] for key in ("log_id", "positions")}}
            again = (await client.subscribe("trades.SYM1.TEST", resume=resume))["trades.SYM1.TEST"]
            assert again["recovered"] is False
            found = await client.take(50)
            assert [message["data"]["venue_seq"] for message in found] == list(range(52_950, 53_000))


async def test_a_client_that_is_ahead_of_the_gateway_gets_nothing_twice(world):
    """It comes from a gateway whose reader was further; this one is made to stand still."""
    async with world.gateway() as gateway, gateway.client() as client:
        entry = (await client.subscribe("trades.SYM1.TEST"))["trades.SYM1.TEST"]
        (shard,) = entry["positions"]
        feed = gateway.hub._feeds["trades"]
        hold = feed.shards[int(shard.rpartition("-")[2])]
        await world.trades(*((SYMBOLS[1], number) for number in range(10)))
        assert len(await client.take(10)) == 10
        await client.ask("unsubscribe", {"topics": ["trades.SYM1.TEST"]})
        kept, hold.position = hold.since(0, 100), 4
        del hold._frames[5:]
        resume = {"trades.SYM1.TEST": {"log_id": entry["log_id"], "positions": {shard: 7}}}
        assert (await client.subscribe("trades.SYM1.TEST", resume=resume))["trades.SYM1.TEST"]["recovered"] is True
        await client.silent(0.1)
        for frame in kept[5:]:
            hold.append(frame)
            hold.position = frame.seq
        assert [message["seq"] for message in await client.take(2)] == [8, 9]
        await client.silent(0.05)


async def test_a_slow_client_far_behind_loses_nothing_and_others_are_not_held_up(world, raw):
    limits = LiveLimits(slow_bytes=32 * 1024)
    shard = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
    for start in range(0, 30_000, 1_000):
        await world.trades(*((SYMBOLS[1], number) for number in range(start, start + 1_000)))
    async with world.gateway(limits) as gateway, raw(gateway.port, receive_buffer=16 * 1024) as slow:
        resume = {"trades.SYM1.TEST": {"log_id": world.log_ids["trades"], "positions": {shard: -1}}}
        await slow.start("trades.SYM1.TEST", resume=resume)
        async with gateway.client() as other:
            await other.subscribe("trades.SYM1.TEST", snapshot=False)
            for number in range(30_000, 30_020):
                await world.trades((SYMBOLS[1], number))
                async with asyncio.timeout(0.5):
                    assert (await other.receive())["data"]["venue_seq"] == number
        seqs = []
        while len(seqs) < 30_020:
            message = await slow.message()
            assert message["type"] == "update"
            seqs.append(message["seq"])
        assert seqs == list(range(30_020))


async def test_resume_is_ended_by_unsubscribing(world, raw, eventually):
    shard = f"trades-{world.topics.partition('trades', b'SYM1.TEST')}"
    for start in range(0, 20_000, 1_000):
        await world.trades(*((SYMBOLS[1], number) for number in range(start, start + 1_000)))
    async with world.gateway() as gateway, raw(gateway.port, receive_buffer=8 * 1024) as slow:
        resume = {"trades.SYM1.TEST": {"log_id": world.log_ids["trades"], "positions": {shard: -1}}}
        await slow.start("trades.SYM1.TEST", resume=resume)
        slow.ask("unsubscribe", {"topics": ["trades.SYM1.TEST"]})
        message = await slow.message()
        while message.get("op") != "unsubscribe":
            message = await slow.message()
        await eventually(lambda: not gateway.hub._catching_up)
