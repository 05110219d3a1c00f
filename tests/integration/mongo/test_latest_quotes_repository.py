"""Latest quotes over both adapters: the greatest offset wins, and depth outlives quotes that carry none."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.models.latest_quotes import LatestQuoteDocument
from storage.mongo.connect import Store
from storage.mongo.documents import Database
from storage.mongo.failures import WriteRefused
from storage.mongo.latest_quotes import LatestQuotes

QUOTE = LatestQuoteDocument(
    symbol="BTCUSDT.BINANCE",
    partition=5,
    offset=100,
    value=b'{"symbol":"BTCUSDT.BINANCE","last":"61234.56"}',
    taken_in=1_723_161_240_123_456_789,
    depth=b'{"bids":[["61234","1"]],"asks":[]}',
    depth_offset=97,
)


def quote(**changes: object) -> LatestQuoteDocument:
    """The example with changes."""
    return msgspec.structs.replace(QUOTE, **changes)


def without_depth(offset: int) -> LatestQuoteDocument:
    """The example at `offset`, of a record (and processor) without depth."""
    return quote(offset=offset, depth=None, depth_offset=None)


@pytest.fixture
def quotes(database: Database) -> LatestQuotes:
    return LatestQuotes(database)


async def test_a_quote_comes_back_in_every_field_with_its_very_bytes(quotes: LatestQuotes) -> None:
    assert await quotes.upsert_many([QUOTE]) == []
    assert await quotes.all() == [QUOTE]
    assert await quotes.get_many(["BTCUSDT.BINANCE", "NO.ONE"]) == {"BTCUSDT.BINANCE": QUOTE}


async def test_a_quote_without_depth_has_none(quotes: LatestQuotes) -> None:
    await quotes.upsert_many([without_depth(100)])
    assert await quotes.all() == [without_depth(100)]


async def test_nothing_written_nothing_found(quotes: LatestQuotes) -> None:
    assert await quotes.upsert_many([]) == []
    assert await quotes.all() == []
    assert await quotes.get_many([]) == {}


@pytest.mark.parametrize(("offset", "taken"), [(101, True), (100, False), (99, False)])
async def test_only_a_later_quote_is_taken(quotes: LatestQuotes, offset: int, *, taken: bool) -> None:
    await quotes.upsert_many([QUOTE])
    assert await quotes.upsert_many([quote(offset=offset, value=b"other")]) == ([] if taken else ["BTCUSDT.BINANCE"])
    assert (await quotes.all())[0].value == (b"other" if taken else QUOTE.value)


async def test_depth_stays_until_a_later_one_comes(quotes: LatestQuotes) -> None:
    await quotes.upsert_many([QUOTE])
    await quotes.upsert_many([without_depth(101)])
    assert await quotes.all() == [quote(offset=101)]
    await quotes.upsert_many([quote(offset=102, depth=b"newer", depth_offset=102)])
    assert await quotes.all() == [quote(offset=102, depth=b"newer", depth_offset=102)]
    assert await quotes.upsert_many([without_depth(50)]) == ["BTCUSDT.BINANCE"]
    assert (await quotes.all())[0].depth == b"newer"


async def test_some_refused_the_others_written_and_named(quotes: LatestQuotes) -> None:
    await quotes.upsert_many([quote(symbol=f"S{number}.X", offset=200) for number in range(0, 50, 2)])
    refused = await quotes.upsert_many([quote(symbol=f"S{number}.X", offset=150) for number in range(60)])
    assert sorted(refused) == sorted(f"S{number}.X" for number in range(0, 50, 2))
    stored = {each.symbol: each.offset for each in await quotes.all()}
    assert stored == {f"S{n}.X": 200 if n < 50 and n % 2 == 0 else 150 for n in range(60)}


async def test_more_than_one_command_holds(quotes: LatestQuotes) -> None:
    many = [quote(symbol=f"S{number}.X") for number in range(2_100)]
    assert await quotes.upsert_many(many) == []
    assert len(await quotes.upsert_many(many)) == 2_100
    assert len(await quotes.all()) == 2_100


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(12)), with_depth=st.sets(st.integers(0, 11)))
async def test_shuffled_and_repeated_delivery_ends_at_the_greatest_offset(
    database: Database, order: list[int], with_depth: set[int]
) -> None:
    await database["latest_quotes"].delete_many({})
    quotes = LatestQuotes(database)
    for offset in [*order, *order]:
        depth = {"depth": str(offset).encode(), "depth_offset": offset} if offset in with_depth else {}
        await quotes.upsert_many([msgspec.structs.replace(without_depth(offset), value=str(offset).encode(), **depth)])
    [stored] = await quotes.all()
    assert (stored.offset, stored.value) == (11, b"11")


@pytest.mark.mongo
async def test_what_the_server_will_not_take_is_named_and_what_came_before_it_is_kept(real_store: Store) -> None:
    await real_store.database.create_collection("latest_quotes", validator={"partition": {"$lt": 9}})
    quotes = LatestQuotes(real_store.database)
    refused = quote(symbol="B", partition=9)
    with pytest.raises(WriteRefused, match="latest_quotes did not take 'B'"):
        await quotes.upsert_many([quote(symbol="A"), refused, quote(symbol="C")])
    assert [each.symbol for each in await quotes.all()] == ["A"]
