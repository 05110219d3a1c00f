"""Recorded files through the publisher onto both logs: whole, in order, once, also when it breaks off again and again."""

import random
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from ops.runtime.clock import SystemClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.log.kafka import KafkaLog
from storage.log.memory import MemoryLog
from storage.log.port import Log
from storage.log.topics_admin import apply_topics
from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.models.market_data import Quote, Trade, decode_quote, decode_trade
from storage.reference import ReferenceData
from storage.topics import DEFAULT_TOPICS, QUOTES, TRADES, Topics
from streams.feeds.port import FeedRecord
from streams.feeds.publisher import FeedPublisher
from streams.feeds.replay.feed import ReplayFeed
from streams.feeds.replay.plan import PlannedFile, ReplayPlan, feed_of

pytestmark = pytest.mark.data

SYMBOLS = {"ETF": "ETF.US", "AAA": "AAA.US", "BBB": "BBB.US", "BTCUSD_PERP": "BTCUSD-PERP.BINANCE"}
PARTITIONS = {spec.name: 2 if spec.partitions > 1 else 1 for spec in DEFAULT_TOPICS}


def instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol, venue="V", asset_class="equity", calendar="24/7", currency="USD", price_precision=4,
        qty_precision=0, tick_size="0.0001", lot_size="1", min_quantity="1", max_quantity="1000", min_notional="0",
        initial_margin_rate="1", maintenance_margin_rate="1", reference_price="10",
    )  # fmt: skip


REFERENCE = ReferenceData.of(
    map(instrument, SYMBOLS.values()), [Calendar(name="24/7", timezone="UTC", always_open=True)]
)


class NoIdentities:
    """Log identities that nobody asks for again."""

    async def get_all(self) -> dict[str, str]:
        return {}

    async def put_if_absent(self, topic: str, log_id: str) -> str:
        return log_id

    async def replace(self, topic: str, log_id: str) -> None:
        return None


class BrokenOff(Exception):
    pass


class Breaking:
    """A publisher that breaks off after some batches, before or after the batch is on the log."""

    def __init__(self, publisher: FeedPublisher, batches: int, *, after_append: bool) -> None:
        self._publisher, self._left, self._after_append = publisher, batches, after_append

    async def __call__(self, records: Sequence[FeedRecord]) -> None:
        self._left -= 1
        if self._left or self._after_append:
            await self._publisher(records)
        if not self._left:
            raise BrokenOff


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.kafka)])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[Log]:
    """A started log of its own, two partitions a topic."""
    if request.param == "memory":
        topics = Topics(PARTITIONS)
        opened: Log = MemoryLog(topics)
    else:
        topics = Topics(PARTITIONS, prefix=f"test-{secrets.token_hex(4)}-")
        opened = KafkaLog(request.getfixturevalue("kafka_address"), topics)
    await opened.start()
    await apply_topics(opened, topics, NoIdentities())
    yield opened
    await opened.close()
    if request.param == "kafka":
        client = AIOKafkaAdminClient(bootstrap_servers=request.getfixturevalue("kafka_address"))
        await client.start()
        await client.delete_topics([topics.on_broker(spec.name) for spec in topics])
        await client.close()


def replay_of(data: Path, resume_after: int = 0) -> ReplayFeed:
    files = (
        PlannedFile(path=data / "equity/taq_multi_20140917.trades.csv.gz", format="taq-multi"),
        PlannedFile(path=data / "futures/binance_coinm_btcusd_perp_20240808.trades.csv.gz", format="binance"),
        PlannedFile(path=data / "futures/binance_coinm_btcusd_perp_20240808.quotes.csv.gz", format="binance-quotes"),
    )
    named = tuple(f"{source}={symbol}" for source, symbol in SYMBOLS.items())
    feed = feed_of(ReplayPlan(files=files, symbols=named), REFERENCE, SystemClock())
    feed.go_on_after(resume_after)
    return feed


async def on_log(log: Log, topic: str) -> dict[str, list[bytes]]:
    """Values by key, in the log's order."""
    found: dict[str, list[bytes]] = {}
    for partition, (first, following) in (await log.bounds(topic)).items():
        async for records in log.read(topic, partition, first, following):
            for record in records:
                found.setdefault((record.key or b"").decode(), []).append(record.value or b"")
    return found


async def wanted_of(data: Path) -> list[Quote | Trade]:
    records: list[FeedRecord] = []

    async def keep(batch: Sequence[FeedRecord]) -> None:
        records.extend(batch)

    await replay_of(data).run(keep)
    return [record.payload for record in records]


def identity(payload: Quote | Trade) -> object:
    if isinstance(payload, Trade):
        return payload.venue_seq, payload.ts, payload.price, payload.quantity
    return payload.ts, payload.last, payload.bid, payload.ask, payload.bid_size, payload.ask_size


async def test_a_replay_that_breaks_off_leaves_each_record_once_and_in_order(shared_data: Path, log: Log) -> None:
    chance = random.Random(7)  # noqa: S311  (a seed, no secret)
    run, position, starts = "run-of-test", 0, 0
    while True:
        publisher = FeedPublisher(log, SystemIdentifiers(), run)
        position = max(0, await publisher.resume() or 0)
        starts += 1
        try:
            breaking = Breaking(publisher, chance.randint(20, 60), after_append=chance.random() < 0.5)
            await replay_of(shared_data, position).run(breaking)
        except BrokenOff:
            continue
        break
    assert starts > 2
    wanted = await wanted_of(shared_data)
    for topic, kind, decode in ((TRADES, Trade, decode_trade), (QUOTES, Quote, decode_quote)):
        found = await on_log(log, topic)
        for symbol in SYMBOLS.values():
            expected = [identity(payload) for payload in wanted if type(payload) is kind and payload.symbol == symbol]
            assert [identity(decode(value)) for value in found[symbol]] == expected
