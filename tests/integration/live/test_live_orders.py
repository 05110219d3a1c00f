"""`orders.*` over real sockets: what counts and nothing else, whole records, snapshots without hole or repeat."""

import asyncio
import json
import random
import secrets
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from gateway.live.judging import OwnerDocuments
from gateway.live.limits import LiveLimits
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Message
from storage.models.order_records import encode_record
from storage.models.ownership import ClaimHistory
from storage.topics import ORDER_EVENTS, QUOTE_STATES, QUOTES, TRADES, Topics
from tests.integration.live.conftest import World
from tests.integration.live.order_log import Documents, Models, NoFloors, Owner, seqs

ACCOUNT = "acc_1"
on_kafka_too = pytest.mark.parametrize(
    "world", ["memory", pytest.param("kafka", marks=pytest.mark.kafka)], indirect=True
)


@pytest.fixture
async def world(request, topics) -> AsyncIterator[World]:
    """Gateways over the memory log, or over a Kafka with topics of its own."""
    if getattr(request, "param", "memory") == "memory":
        log = MemoryLog(topics)
        yield World(log, topics)
        await log.close()
        return
    topics = Topics(prefix=f"test-{secrets.token_hex(4)}-")
    log = KafkaLog(request.getfixturevalue("kafka_address"), topics)
    await log.start()
    await log.admin().create([ORDER_EVENTS, QUOTES, QUOTE_STATES, TRADES])
    yield World(log, topics)
    await log.close()
    client = AIOKafkaAdminClient(bootstrap_servers=log.bootstrap)
    await client.start()
    await client.delete_topics([topics.on_broker(name) for name in (ORDER_EVENTS, QUOTES, QUOTE_STATES, TRADES)])
    await client.close()


@pytest.fixture
async def owner(world) -> Owner:
    made = Owner(world.log, world.topics, ACCOUNT)
    await made.claim()
    return made


def following(owner: Owner) -> Models:
    """Read models that have everything by now."""
    models = Models(owner)
    models.up_to_date()
    return models


def parts(models, documents=None):
    return {"accounts": models, "order_owners": OwnerDocuments(documents or Documents(), NoFloors())}


async def test_records_come_whole_byte_for_byte_and_say_where_they_stand(world, owner):
    async with world.gateway(**parts(following(owner))) as gateway, gateway.client() as client:
        entry = (await client.subscribe("orders.*"))["orders.*"]
        shard = f"order-events-{owner.partition}"
        assert entry["positions"] == {shard: owner.epoch}
        await owner.open()
        (order_id,) = await owner.place()
        await owner.fill(order_id)
        for offset, record in owner.written:
            text = await client.socket.recv()
            expected = b'{"topic":"orders.*","shard":"%b","seq":%d,"type":"update","data":%b}'
            assert text.encode() == expected % (shard.encode(), offset, encode_record(record))
        assert gateway.hub.positions(next(iter(gateway.sockets._connections)).client)["orders.*"]["positions"] == {
            shard: owner.written[-1][0]
        }


async def test_an_account_that_is_not_open_is_empty_and_gets_what_comes(world, owner):
    models = following(owner)
    async with world.gateway(**parts(models)) as gateway, gateway.client() as client:
        assert (await client.subscribe("orders.*"))["orders.*"]["ok"]
        await client.silent(0.1)
        await owner.open()
        assert seqs(await client.take(2)) == [1, 2]


async def test_a_snapshot_has_open_orders_positions_and_the_account_and_updates_follow(world, owner):
    await owner.open()
    kept, filled = await owner.place(count=2)
    await owner.fill(filled)
    models = following(owner)
    async with world.gateway(**parts(models)) as gateway, gateway.client() as client:
        entry = (await client.subscribe("orders.*"))["orders.*"]
        (snapshot,) = await client.take(1)
        data = snapshot["data"]
        assert (snapshot["topic"], snapshot["type"]) == ("orders.*", "snapshot")
        assert snapshot["seq"] == entry["positions"][snapshot["shard"]] == owner.written[-1][0]
        assert set(data) == {"account_id", "as_of_seq", "orders", "positions", "account"}
        assert (data["account_id"], data["as_of_seq"]) == (ACCOUNT, 6)
        assert [order["order_id"] for order in data["orders"]] == [kept]
        assert [(one["symbol"], one["net_qty"]) for one in data["positions"]] == [("COIN.SIM", "1")]
        assert data["account"] == json.loads(msgspec.json.encode(owner.state.account))
        await owner.place()
        assert seqs(await client.take(1)) == [7]


async def test_another_account_in_the_same_partition_sees_nothing(world, owner):
    name = next(
        f"acc_{n}" for n in range(2, 99) if world.topics.partition("order-events", b"acc_%d" % n) == owner.partition
    )
    world.keys.add("pmk_other", ["stream", "trade:read"], account=name)
    async with world.gateway(**parts(following(owner))) as gateway, gateway.client("pmk_other") as other:
        async with gateway.client() as client:
            await asyncio.gather(client.subscribe("orders.*"), other.subscribe("orders.*"))
            await owner.open()
            assert seqs(await client.take(2)) == [1, 2]
        await other.silent(0.1)


@on_kafka_too
async def test_a_superseded_owner_is_never_heard_live_or_in_a_resume(world, owner):
    """The loser writes before, between and after what its successor writes; two clients, one of them with a resume."""
    await owner.open()
    loser, winner = owner, Owner(world.log, world.topics, ACCOUNT)
    start = {f"order-events-{owner.partition}": -1}
    resume = {"orders.*": {"log_id": world.log_ids["order-events"], "positions": start}}
    async with world.gateway(**parts(Models(owner))) as gateway, gateway.client() as client:
        await client.subscribe("orders.*", snapshot=False)
        lost_from = len(loser.written)
        await winner.take_over(loser)
        await loser.place(count=2)
        await winner.place()
        await loser.place()
        await winner.place()
        valid = [record for _, record in winner.written]
        assert [message["data"] for message in await client.take(2)] == [
            json.loads(encode_record(record)) for record in valid
        ]
        async with gateway.client() as late:
            assert (await late.subscribe("orders.*", resume=resume))["orders.*"]["recovered"] is True
            assert seqs(await late.take(4)) == [1, 2, 3, 4]
            await late.silent(0.05)
        await loser.place()
        await winner.place()
        assert [message["data"]["epoch"] for message in await client.take(1)] == [winner.epoch]
        assert len(loser.written) > lost_from + 3


@on_kafka_too
@pytest.mark.parametrize("known", ["nothing", "an old document", "the newest document"])
async def test_a_gateway_that_starts_in_the_middle_judges_as_if_it_had_read_everything(world, owner, known):
    """600 records before the 500 that it reads; the owner that wrote them was superseded in between."""
    await owner.open()
    await owner.place(count=400)
    second = Owner(world.log, world.topics, ACCOUNT)
    await second.take_over(owner)
    await owner.place(count=3)
    await second.place(count=700)
    await owner.place(count=3)
    third = Owner(world.log, world.topics, ACCOUNT)
    third.written = []
    documents = Documents()
    if known != "nothing":
        claims = (owner.epoch,) if known == "an old document" else (owner.epoch, second.epoch)
        documents.histories[owner.partition] = ClaimHistory(owner.partition, claims[-1] + 5, claims)
    resume = {
        "orders.*": {"log_id": world.log_ids["order-events"], "positions": {f"order-events-{owner.partition}": 390}}
    }
    expected = [record.seq for offset, record in (*owner.written[:402], *second.written) if offset > 390]
    async with world.gateway(**parts(Models(owner), documents)) as gateway:
        for _ in range(2):
            async with gateway.client() as client:
                assert (await client.subscribe("orders.*", resume=resume))["orders.*"]["recovered"] is True
                assert seqs(await client.take(len(expected))) == expected == list(range(expected[0], 1103))
                await client.silent(0.02)


@on_kafka_too
async def test_a_resume_works_on_another_gateway_and_after_all_of_them_were_restarted(world, owner):
    models = Models(owner)
    await owner.open()
    models.up_to_date()
    seen: list[int] = []
    position = None
    for _ in range(4):
        async with world.gateway(**parts(models)) as gateway, gateway.client() as client:
            resume = {} if position is None else {"resume": {"orders.*": position}}
            entry = (await client.subscribe("orders.*", **resume))["orders.*"]
            assert entry["recovered"] is (position is not None)
            if position is None:
                assert (await client.receive())["data"]["as_of_seq"] == 2
            position = {name: entry[name] for name in ("log_id", "positions")}
            await owner.place(count=3)
            for message in await client.take(3 + (5 if seen else 0)):
                assert message["type"] == "update"
                seen.append(message["data"]["seq"])
                position["positions"][message["shard"]] = message["seq"]
        await owner.place(count=5)
    assert seen == list(range(3, 3 + 4 * 3 + 3 * 5))


async def test_a_symbol_gets_the_whole_records_that_touch_it_once_each(world, owner):
    await owner.open()
    async with world.gateway(**parts(Models(owner))) as gateway, gateway.client() as client, gateway.client() as both:
        gateway.sockets._reference = lambda: type("R", (), {"instruments": {"COIN.SIM": 1, "STOCK.US": 1}})
        await client.subscribe("orders.COIN.SIM", snapshot=False)
        await both.subscribe("orders.COIN.SIM", "orders.STOCK.US", snapshot=False)
        (coin,) = await owner.place("COIN.SIM")
        await owner.place("STOCK.US")
        await owner.fill(coin)
        await owner.place("STOCK.US")
        await owner.place("COIN.SIM")
        records = await client.take(4)
        assert {message["topic"] for message in records} == {"orders.*"}
        assert seqs(records) == [3, 5, 6, 8]
        assert records[0]["data"] == json.loads(encode_record(owner.written[2][1]))
        assert seqs(await both.take(6)) == [3, 4, 5, 6, 7, 8]
        await client.ask("unsubscribe", {"topics": ["orders.COIN.SIM"]})
        await both.ask("unsubscribe", {"topics": ["orders.COIN.SIM"]})
        await owner.place("COIN.SIM")
        await owner.place("STOCK.US")
        assert seqs(await both.take(1)) == [10]
        await client.silent(0.05)


async def test_the_snapshot_and_the_resume_of_a_symbol_have_what_touches_it(world, owner):
    await owner.open()
    await owner.place("COIN.SIM")
    await owner.place("STOCK.US")
    models = following(owner)
    async with world.gateway(**parts(models)) as gateway, gateway.client() as client:
        gateway.sockets._reference = lambda: type("R", (), {"instruments": {"COIN.SIM": 1, "STOCK.US": 1}})
        entry = (await client.subscribe("orders.STOCK.US"))["orders.STOCK.US"]
        (snapshot,) = await client.take(1)
        assert snapshot["topic"] == "orders.*"
        assert [order["symbol"] for order in snapshot["data"]["orders"]] == ["STOCK.US"]
        assert snapshot["data"]["as_of_seq"] == 4
        positions = dict.fromkeys(entry["positions"], -1)
        resume = {"orders.STOCK.US": {"log_id": entry["log_id"], "positions": positions}}
        await client.subscribe("orders.STOCK.US", resume=resume)
        assert seqs(await client.take(1)) == [4]
        await client.silent(0.05)


async def test_symbols_that_resume_together_come_in_the_order_of_the_account(world, owner):
    """All are named orders.*, so what a client has of the one counts for the other: neither may run ahead."""
    await owner.open()
    names = ("orders.COIN.SIM", "orders.STOCK.US")
    async with world.gateway(**parts(Models(owner))) as gateway, gateway.client() as client:
        gateway.sockets._reference = lambda: type("R", (), {"instruments": {"COIN.SIM": 1, "STOCK.US": 1}})
        entries = await client.subscribe(*names, snapshot=False)
        for _ in range(3):
            await owner.place("COIN.SIM")
            await owner.place("STOCK.US")
        assert seqs(await client.take(6)) == [3, 4, 5, 6, 7, 8]
        resume = {name: {key: entries[name][key] for key in ("log_id", "positions")} for name in names}
        await client.ask("unsubscribe", {"topics": list(names)})
        await client.subscribe(*names, resume=resume)
        assert seqs(await client.take(6)) == [3, 4, 5, 6, 7, 8]
        await owner.place("STOCK.US")
        assert seqs(await client.take(1)) == [9]
        await client.silent(0.05)


async def test_a_model_that_is_behind_is_said_so_after_two_seconds_and_can_be_asked_again(world, owner):
    await owner.open()
    models = Models(owner)
    async with world.gateway(**parts(models)) as gateway, gateway.client() as client:
        began = asyncio.get_running_loop().time()
        entry = (await client.subscribe("orders.*"))["orders.*"]
        assert 1.9 < asyncio.get_running_loop().time() - began < 4
        assert (entry["ok"], entry["code"], entry["retryable"]) == (False, "stream.snapshot_behind", True)
        models.up_to_date()
        assert (await client.subscribe("orders.*"))["orders.*"]["ok"]
        assert (await client.receive())["data"]["as_of_seq"] == 2


async def test_a_model_that_is_made_anew_meanwhile_gives_no_snapshot(world, owner):
    await owner.open()
    await owner.place(count=5)
    models = following(owner)
    models.reading.clear()
    async with world.gateway(**parts(models)) as gateway, gateway.client() as client:
        asking = asyncio.create_task(client.subscribe("orders.*"))
        async with asyncio.timeout(2):
            while not models.asked:  # noqa: ASYNC110  (the model tells nobody that it was asked)
                await asyncio.sleep(0.005)
        models.progress_at[owner.partition] = owner.written[1][0]
        models.reading.set()
        assert (await asking)["orders.*"]["code"] == "stream.snapshot_behind"


@pytest.mark.parametrize(
    ("world", "seed"),
    [*(("memory", seed) for seed in range(12)), pytest.param("kafka", 12, marks=pytest.mark.kafka)],
    indirect=["world"],
)
async def test_snapshot_and_updates_meet_without_hole_or_repeat_whatever_runs_meanwhile(world, owner, seed):  # noqa: C901
    """Records keep coming while the models follow in leaps; clients come all the time."""
    chance = random.Random(seed)  # noqa: S311
    models = Models(owner)
    last = -1

    async def write():
        nonlocal last
        await owner.open()
        for _ in range(60):
            await owner.place(count=chance.randint(1, 4))
            if chance.random() < 0.1:
                other = Owner(world.log, world.topics, ACCOUNT)
                await other.claim()
                owner.epoch, owner._writer = other.epoch, other._writer
            await asyncio.sleep(chance.random() * 0.01)
        await asyncio.sleep(0.2)
        last = len(owner.written) + 1  # said before: a client may have the record sooner than its writer has the answer
        await owner.place()

    async def project():
        while len(owner.written) != last or models.progress_at.get(owner.partition) != max(
            owner.epoch, owner.written[-1][0]
        ):
            before = models.progress_at.get(owner.partition, -1)
            models.up_to_date()
            if chance.random() < 0.5:
                models.progress_at[owner.partition] = chance.randint(before, models.progress_at[owner.partition])
            await asyncio.sleep(chance.random() * 0.03)

    async def follow(gateway):
        async with gateway.client() as client:
            entry = (await client.subscribe("orders.*"))["orders.*"]
            assert entry["ok"]
            held, seq, shard = None, -1, f"order-events-{owner.partition}"
            while held != last:
                message = await client.receive()
                if message["type"] == "snapshot":
                    assert held is None
                    held, seq = message["data"]["as_of_seq"], message["seq"]
                    assert entry["positions"][shard] == seq
                else:
                    assert message["seq"] > seq
                    assert held is None or message["data"]["seq"] == held + 1
                    held, seq = message["data"]["seq"], message["seq"]

    async with world.gateway(**parts(models)) as gateway, asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        tasks.create_task(project())
        for _ in range(10):
            tasks.create_task(follow(gateway))
            await asyncio.sleep(chance.random() * 0.1)


@on_kafka_too
async def test_a_stuck_reader_is_closed_and_its_resume_brings_everything(world, owner, raw):
    limits = LiveLimits(slow_bytes=16 * 1024, lossless_bytes=64 * 1024)
    await owner.open()
    models = following(owner)
    async with world.gateway(limits, **parts(models)) as gateway, gateway.client() as other:
        await other.subscribe("orders.*")
        assert (await other.receive())["type"] == "snapshot"
        async with raw(gateway.port, receive_buffer=8 * 1024) as stuck:
            await stuck.start("orders.*", snapshot=False)
            (stuck_client,) = [
                one.client
                for one in gateway.sockets._connections
                if one.client is not next(iter(gateway.sockets._connections)).client
            ]
            position = gateway.hub.positions(stuck_client)["orders.*"]
            taking = asyncio.create_task(other.take(400))
            for _ in range(80):
                await owner.place(count=5)
                await asyncio.sleep(0)
            assert seqs(await taking) == list(range(3, 403))
            assert await asyncio.wait_for(stuck.close_code(), 10) == 4413
        async with gateway.client() as back:
            assert (await back.subscribe("orders.*", resume={"orders.*": position}))["orders.*"]["recovered"] is True
            assert seqs(await back.take(400)) == list(range(3, 403))


async def test_a_key_that_is_revoked_is_closed_while_orders_flow(world, owner):
    await owner.open()
    async with world.gateway(**parts(Models(owner))) as gateway, gateway.client() as client:
        await client.subscribe("orders.*", snapshot=False)
        world.keys.refused["pmk_all"] = "auth.key_revoked"
        with pytest.raises(Exception, match="4403"):
            await client.until(lambda message: False, 5)


async def test_what_was_never_valid_is_no_frame_and_positions_move_over_it(world, owner):
    """A record without an epoch, a claim, a record under an epoch that is no claim: none of them reaches anybody."""
    async with world.gateway(**parts(Models(owner))) as gateway, gateway.client() as client:
        await client.subscribe("orders.*", snapshot=False)
        await owner.open()
        key = ACCOUNT.encode()
        for headers in ((), (("epoch", b"x"),), (("epoch", b"77"),)):
            await world.log.append("order-events", Message(key, b'{"seq":9}', headers))
        await client.take(2)
        last = (await world.log.bounds("order-events"))[owner.partition].next - 1
        async with asyncio.timeout(2):
            while gateway.hub._feeds["order-events"].shards[owner.partition].position < last:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await client.silent(0.05)
        (connection,) = gateway.sockets._connections
        assert list(gateway.hub.positions(connection.client)["orders.*"]["positions"].values()) == [last]
