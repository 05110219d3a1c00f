"""Bars over both adapters: no write goes backwards, ranges and recovery reads give what was written."""

import asyncio
import random
from itertools import pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops.runtime.clock import ManualClock
from storage.models.bars import BarDocument, BarKey
from storage.mongo.bars import Bars
from storage.mongo.connect import Store, connect
from storage.mongo.documents import Database
from storage.mongo.migrations import migrate

MINUTE = 60_000_000_000
FIRST = 1_723_161_240_000_000_000
OPEN_BAR = BarDocument(
    symbol="BTCUSDT.BINANCE",
    timeframe="1m",
    start=FIRST,
    end=FIRST + MINUTE,
    open="61234.56",
    high="61300.12",
    low="61200.01",
    close="61250.55",
    open_at=(FIRST + 1, 7),
    close_at=(FIRST + 50_000_000_001, 99),
    volume="12.34567",
    notional="756123.456789",
    trades=42,
    partition=3,
    first_offset=100,
    upto=150,
    final=False,
    revision=0,
    taken_in=FIRST + 60_000_000_000,
)


def bar(**changes: object) -> BarDocument:
    """The example with changes."""
    return msgspec.structs.replace(OPEN_BAR, **changes)


def minute(number: int, **changes: object) -> BarDocument:
    """The bar of the minute `number`."""
    start = FIRST + number * MINUTE
    return bar(start=start, end=start + MINUTE, **changes)


@pytest.fixture
async def bars(database: Database) -> Bars:
    await migrate(database, ManualClock())
    return Bars(database)


async def test_a_bar_comes_back_in_every_field(bars: Bars) -> None:
    assert await bars.write_many([OPEN_BAR]) == []
    assert await bars.load([OPEN_BAR.key]) == [OPEN_BAR]


async def test_nothing_written_nothing_found(bars: Bars) -> None:
    assert await bars.write_many([]) == []
    assert await bars.load([]) == []
    assert await bars.load([OPEN_BAR.key]) == []
    assert await bars.ahead_of(3, 0) == []
    assert await bars.newest(3) == []
    assert await bars.range("BTCUSDT.BINANCE", "1m", None, None, 10) == []


async def test_load_takes_more_keys_than_one_query(bars: Bars) -> None:
    written = [minute(number, upto=number) for number in range(2_300)]
    assert await bars.write_many(written) == []
    loaded = await bars.load([*(each.key for each in written), BarKey("NO.ONE", "1m", 0)])
    assert sorted(loaded, key=lambda each: each.start) == written


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        pytest.param({"upto": 151}, True, id="further"),
        pytest.param({"upto": 149}, False, id="behind"),
        pytest.param({}, False, id="the same again"),
        pytest.param({"final": True}, True, id="becomes final"),
        pytest.param({"revision": 1}, True, id="a greater revision"),
        pytest.param({"upto": 149, "revision": 9, "final": True}, False, id="behind, whatever its revision"),
        pytest.param({"upto": 151, "revision": 0, "final": False}, True, id="further, whatever its state"),
    ],
)
async def test_what_may_replace_an_open_bar(bars: Bars, change: dict[str, object], *, taken: bool) -> None:
    await bars.write_many([OPEN_BAR])
    changed = bar(close="1", **change)
    assert await bars.write_many([changed]) == ([] if taken else [OPEN_BAR.key])
    assert await bars.load([OPEN_BAR.key]) == [changed if taken else OPEN_BAR]


async def test_a_final_bar_is_not_opened_again_at_the_same_offset(bars: Bars) -> None:
    final = bar(final=True, revision=2)
    await bars.write_many([final])
    refused = [bar(final=False, revision=2), bar(final=True, revision=1), bar(final=True, revision=2)]
    assert await bars.write_many(refused) == [OPEN_BAR.key] * 3
    assert await bars.load([OPEN_BAR.key]) == [final]


async def test_refused_ones_do_not_keep_others_from_being_written(bars: Bars) -> None:
    stored = [minute(number, upto=500 if number % 3 == 0 else 100) for number in range(60)]
    await bars.write_many(stored)
    again = [minute(number, upto=300, close="2") for number in range(80)]
    ahead = [each.key for each in stored if each.upto == 500]
    assert sorted(await bars.write_many(again)) == sorted(ahead)
    found = await bars.range("BTCUSDT.BINANCE", "1m", None, None, 100)
    assert [each.upto for each in found] == [500 if n < 60 and n % 3 == 0 else 300 for n in range(80)]


async def test_the_same_bar_twice_in_one_flush_ends_at_the_later_state(bars: Bars) -> None:
    assert await bars.write_many([bar(upto=1), bar(upto=2), bar(upto=5), bar(upto=3)]) == [OPEN_BAR.key]
    assert [each.upto for each in await bars.load([OPEN_BAR.key])] == [5]


STATES = st.tuples(st.integers(0, 40), st.integers(0, 3), st.booleans())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(states=st.lists(STATES, min_size=1, max_size=25), cuts=st.lists(st.integers(0, 25), max_size=4))
async def test_any_delivery_ends_at_the_greatest_state(
    bars: Bars, states: list[tuple[int, int, bool]], cuts: list[int]
) -> None:
    await bars.delete_all()
    sent = [bar(upto=upto, revision=revision, final=final) for upto, revision, final in states]
    edges = sorted({0, *(min(cut, len(sent)) for cut in cuts), len(sent)})
    for first, last in pairwise(edges):
        await bars.write_many(sent[first:last])
        await bars.write_many(sent[first:last])
    upto, revision, final = max(states)
    assert await bars.load([OPEN_BAR.key]) == [bar(upto=upto, revision=revision, final=final)]


@pytest.mark.mongo
async def test_writers_that_race_end_at_the_greatest_offset(
    real_store: Store, mongo_url: str, request: pytest.FixtureRequest
) -> None:
    """Four processes' worth of connections write the states of 30 bars shuffled: each ends whole, at its last state."""
    await migrate(real_store.database, ManualClock())
    stores = [connect(mongo_url, real_store.database.name) for _ in range(4)]
    request.addfinalizer(lambda: [store.close() for store in stores])
    states = [minute(number, upto=upto, close=str(upto)) for number in range(30) for upto in range(1, 9)]

    async def write(store: Store, seed: int) -> None:
        mine = random.Random(seed).sample(states, len(states))  # noqa: S311  (repeatable)
        for first in range(0, len(mine), 40):
            await Bars(store.database).write_many(mine[first : first + 40])

    await asyncio.gather(*(write(store, seed) for seed, store in enumerate(stores)))
    found = await Bars(real_store.database).range("BTCUSDT.BINANCE", "1m", None, None, 100)
    assert found == [minute(number, upto=8, close="8") for number in range(30)]


def numbers(found: list[BarDocument]) -> list[int]:
    """Which minutes were found, in the order in which they were."""
    return [(each.start - FIRST) // MINUTE for each in found]


@pytest.mark.parametrize(
    ("start", "end", "limit", "expected"),
    [
        (None, None, 100, [0, 1, 2, 3, 4]),
        (None, None, 2, [3, 4]),
        (None, None, 1, [4]),
        (1, 3, 100, [1, 2]),
        (1, 3, 1, [2]),
        (1, None, 100, [1, 2, 3, 4]),
        (None, 1, 100, [0]),
        (2, 2, 100, []),
        (3, 1, 100, []),
        (-10, 100, 100, [0, 1, 2, 3, 4]),
        (5, None, 100, []),
    ],
)
async def test_ranges_are_left_closed_newest_first_cut_oldest_first_given(
    bars: Bars, start: int | None, end: int | None, limit: int, expected: list[int]
) -> None:
    await bars.write_many([minute(number) for number in (3, 0, 4, 1, 2)])
    others = [bar(symbol="BTCUSDT.BINANC"), bar(symbol="BTCUSDT.BINANCEX"), bar(timeframe="15m"), bar(timeframe="1h")]
    await bars.write_many(others)
    first = None if start is None else FIRST + start * MINUTE
    last = None if end is None else FIRST + end * MINUTE
    assert numbers(await bars.range("BTCUSDT.BINANCE", "1m", first, last, limit)) == expected


async def test_a_range_edge_between_two_bars_and_beyond_all_time(bars: Bars) -> None:
    await bars.write_many([minute(number) for number in range(3)])
    assert numbers(await bars.range("BTCUSDT.BINANCE", "1m", FIRST + 1, FIRST + 2 * MINUTE + 1, 9)) == [1, 2]
    year_9999 = 253_402_300_799_000_000_000
    assert numbers(await bars.range("BTCUSDT.BINANCE", "1m", -year_9999, year_9999, 9)) == [0, 1, 2]
    assert await bars.range("BTCUSDT.BINANCE", "1m", year_9999, None, 9) == []
    before_1970 = bar(start=-MINUTE, end=0)
    await bars.write_many([before_1970])
    assert await bars.range("BTCUSDT.BINANCE", "1m", None, 0, 9) == [before_1970]


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_limit_below_one_is_refused(bars: Bars, limit: int) -> None:
    with pytest.raises(ValueError, match=f"at least 1, not {limit}"):
        await bars.range("BTCUSDT.BINANCE", "1m", None, None, limit)


async def test_an_emptied_bar_is_kept_and_guards_but_is_not_in_ranges(bars: Bars) -> None:
    emptied = minute(1, trades=0, upto=900, revision=1)
    await bars.write_many([minute(0), emptied, minute(2)])
    assert numbers(await bars.range("BTCUSDT.BINANCE", "1m", None, None, 2)) == [0, 2]
    assert await bars.load([emptied.key]) == [emptied]
    assert await bars.ahead_of(3, 900) == [emptied]
    assert await bars.write_many([minute(1, upto=200)]) == [emptied.key]


async def test_ahead_of_is_by_partition_from_that_offset_on(bars: Bars) -> None:
    await bars.write_many([minute(number, upto=100 + number) for number in range(5)])
    await bars.write_many([minute(9, partition=4, upto=999)])
    assert [each.upto for each in await bars.ahead_of(3, 102)] == [102, 103, 104]
    assert await bars.ahead_of(3, 105) == []
    assert [each.upto for each in await bars.ahead_of(4, 0)] == [999]


async def test_newest_is_one_a_symbol_and_timeframe_of_the_partition(bars: Bars) -> None:
    ether = [minute(number, symbol="ETHUSDT.BINANCE") for number in range(3)]
    hour = bar(timeframe="1h", end=FIRST + 60 * MINUTE)
    emptied = minute(4, trades=0)
    await bars.write_many([minute(0), minute(3), emptied, hour, *ether, bar(symbol="AAPL.US", partition=4)])
    found = await bars.newest(3)
    assert sorted(found, key=lambda each: each.key) == sorted([emptied, hour, ether[2]], key=lambda each: each.key)
    assert [each.symbol for each in await bars.newest(4)] == ["AAPL.US"]


async def test_newest_of_a_timeframe_is_one_a_symbol_and_never_an_emptied_one(bars: Bars) -> None:
    other = minute(7, symbol="AAPL.US", partition=4)
    await bars.write_many([minute(0), minute(3), minute(4, trades=0), bar(timeframe="1h"), other])
    found = await bars.newest_of("1m")
    assert sorted(found, key=lambda each: each.symbol) == [other, minute(3)]
    assert await bars.newest_of("1d") == []


async def test_delete_all_forgets_the_guards_too(bars: Bars) -> None:
    await bars.write_many([bar(upto=500), minute(1)])
    assert await bars.delete_all() == 2
    assert await bars.delete_all() == 0
    assert await bars.write_many([bar(upto=1)]) == []
