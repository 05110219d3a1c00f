"""The latest-quotes processor: one document a symbol and flush, bytes as they came, depth kept."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import Metrics
from ops.runtime.timestamps import format_timestamp
from storage.log.dead_letters import letters
from storage.log.memory import MemoryLog
from storage.log.port import Message, Record
from storage.models.latest_quotes import LatestQuoteDocument
from storage.models.market_data import Quote, encode
from storage.reference import ReferenceData
from storage.topics import QUOTES
from streams.market.latest_quotes_processor import LatestQuotesProcessor

NOW = ManualClock().now()


class Written:
    """A repository that remembers each write."""

    def __init__(self) -> None:
        self.writes: list[list[LatestQuoteDocument]] = []

    async def upsert_many(self, documents: Sequence[LatestQuoteDocument], /) -> None:
        self.writes.append(list(documents))

    async def get_many(self, symbols: Sequence[str], /) -> dict[str, LatestQuoteDocument]:
        return {}


def quote(last: str, symbol: str = "A.X", depth: bytes | None = None, taken_in: int = NOW) -> Message:
    ts = format_timestamp(taken_in)
    value = encode(Quote(symbol, "X", last, "1", "2", "1", "1", "open", ts, ts))
    return Message(symbol.encode(), value, (("depth", depth),) if depth else ())


class Bench:
    """Appends quotes and folds them in batches."""

    def __init__(self, log: MemoryLog, clock: ManualClock, reference: Callable[[], ReferenceData]) -> None:
        self.log, self.written = log, Written()
        self.processor = LatestQuotesProcessor(
            quotes=self.written, log=log, clock=clock, metrics=Metrics(), reference=reference
        )

    async def take(self, *messages: Message) -> list[Record]:
        positions = [await self.log.append(QUOTES, message) for message in messages]
        start, stop = positions[0].offset, positions[-1].offset + 1
        records = [record async for batch in self.log.read(QUOTES, 0, start, stop) for record in batch]
        await self.processor.fold(0, records)
        return records


@pytest.fixture
async def bench(log: MemoryLog, clock: ManualClock, reference: Callable[[], ReferenceData]) -> Bench:
    bench = Bench(log, clock, reference)
    await bench.processor.assign(0, None)
    return bench


async def test_a_flush_writes_each_symbol_once_with_the_bytes_of_its_last_record(bench: Bench) -> None:
    await bench.take(quote("10"), quote("20", "B.X"), quote("11"))
    await bench.take(quote("12", taken_in=NOW + 5))
    await bench.processor.flush()
    await bench.processor.flush()
    assert bench.written.writes == [
        [
            LatestQuoteDocument("A.X", 0, 3, quote("12", taken_in=NOW + 5).value, NOW + 5),
            LatestQuoteDocument("B.X", 0, 1, quote("20", "B.X").value, NOW),
        ]
    ]


@pytest.mark.parametrize("batches", [[3], [1, 2], [2, 1], [1, 1, 1]])
async def test_the_newest_depth_is_kept_with_a_newer_quote(bench: Bench, batches: list[int]) -> None:
    messages = [quote("10", depth=b"old"), quote("11", depth=b"new"), quote("12")]
    for size in batches:
        await bench.take(*messages[:size])
        messages = messages[size:]
    await bench.processor.flush()
    document = bench.written.writes[0][0]
    assert (document.offset, document.depth, document.depth_offset) == (2, b"new", 1)


BAD: list[tuple[Any, str]] = [
    (Message(b"A.X", b"{"), "quote.undecodable"),
    (Message(b"A.X", b'{"symbol":"A.X"}'), "quote.undecodable"),
    (Message(b"A.X", quote("1").value.replace(b'"last":"1",', b"")), "quote.undecodable"),
    (Message(b"A.X", quote("1").value.replace(b'"open"', b'"ajar"')), "quote.undecodable"),
    (Message(b"A.X", quote("1").value.replace(b'"ts":"2', b'"ts":"x')), "quote.undecodable"),
    (Message(b"A.X", quote("1").value.replace(b'"ts_in":"2', b'"ts_in":"x')), "quote.undecodable"),
    (Message(b"NO.X", quote("1", "NO.X").value), "quote.unknown_symbol"),
    (Message(b"B.X", quote("1").value), "quote.impossible"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
async def test_a_bad_record_is_a_dead_letter_and_never_the_latest(bench: Bench, bad: Message, reason: str) -> None:
    await bench.take(quote("10"), bad)
    await bench.processor.flush()
    assert [document.offset for document in bench.written.writes[0]] == [0]
    assert [found.letter.reason for found in await letters(bench.log, 0, 1)] == [reason]


async def test_a_revoked_partition_writes_nothing_more(bench: Bench) -> None:
    await bench.take(quote("10"))
    await bench.processor.revoke(0)
    await bench.processor.flush()
    assert bench.written.writes == []
