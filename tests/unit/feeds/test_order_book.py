"""The book against a plain dict, and the chain that keeps it in step."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.feeds.replay.depth_chain import BUFFERED_UPDATES, DepthUpdate, SynchronisedBook
from streams.feeds.replay.order_book import BookSide, OrderBook, best_of

Change = tuple[str, str]
prices = st.integers(1, 60).map(lambda cents: f"{Decimal(cents) / 4:f}".rstrip("0").rstrip("."))
changes = st.lists(st.tuples(prices, st.sampled_from(["0", "0", "1", "2.5", "7"])), max_size=80)


@given(changes, st.booleans(), st.integers(0, 70))
def test_a_side_is_what_a_sorted_dict_would_be(given_changes: Sequence[Change], best_is_high: bool, count: int) -> None:
    side, model = BookSide(best_is_high=best_is_high), {}
    for price, size in given_changes:
        side.put(price, size)
        model[price] = size
        if size == "0":
            del model[price]
    expected = sorted(model.items(), key=lambda level: Decimal(level[0]), reverse=best_is_high)
    assert side.top(count) == expected[:count]
    assert len(side) == len(expected)


@given(st.lists(st.tuples(changes, changes), max_size=10))
def test_a_book_keeps_its_sides_apart(updates: Sequence[tuple[Sequence[Change], Sequence[Change]]]) -> None:
    book, bids, asks = OrderBook(), BookSide(best_is_high=True), BookSide(best_is_high=False)
    for bid_changes, ask_changes in updates:
        book.apply(bid_changes, ask_changes)
        for price, size in bid_changes:
            bids.put(price, size)
        for price, size in ask_changes:
            asks.put(price, size)
    assert book.top(99) == (bids.top(99), asks.top(99))


def test_the_best_of_nothing_is_zero() -> None:
    assert best_of([]) == ("0", "0")
    assert best_of([("5", "1"), ("4", "1")]) == ("5", "1")


def spot(first: int, last: int, *bids: Change) -> DepthUpdate:
    return DepthUpdate(0, 0, first, last, None, bids, ())


def futures(previous: int, last: int, *bids: Change) -> DepthUpdate:
    return DepthUpdate(0, 0, previous + 5, last, previous, bids, ())


def join(book: SynchronisedBook, last_update_id: int, *bids: Change) -> list[str]:
    return [book.update(held) for held in book.snapshot(last_update_id, bids, ())]


@pytest.mark.parametrize("make", [lambda a, b, *bids: spot(a + 1, b, *bids), futures])
def test_updates_are_held_until_a_snapshot_and_joined_to_it(make) -> None:
    book = SynchronisedBook()
    assert [book.update(make(n, n + 10, (str(n), "1"))) for n in (100, 110, 120)] == ["held"] * 3
    assert join(book, 115, ("99", "3")) == ["known", "applied", "applied"]
    assert book.book.bids.top(9) == [("120", "1"), ("110", "1"), ("99", "3")]
    assert book.update(make(130, 140, ("120", "0"))) == "applied"
    assert book.book.bids.top(1) == [("110", "1")]


@pytest.mark.parametrize("make", [lambda a, b, *bids: spot(a + 1, b, *bids), futures])
def test_a_missing_update_is_noticed_and_the_next_snapshot_mends_it(make) -> None:
    book = SynchronisedBook()
    assert join(book, 100, ("1", "1")) == []
    assert book.update(make(100, 110)) == "applied"
    assert book.update(make(111, 120)) == "broken"
    assert book.update(make(120, 130, ("2", "1"))) == "held"
    assert join(book, 119, ("1", "5")) == ["applied", "applied"]
    assert book.book.bids.top(9) == [("2", "1"), ("1", "5")]


def test_a_snapshot_older_than_what_is_held_does_not_join() -> None:
    book = SynchronisedBook()
    book.update(spot(201, 210))
    assert join(book, 150) == ["broken"]
    assert join(book, 205) == ["applied"]


def test_a_hole_among_held_updates_lets_go_of_what_is_before_it() -> None:
    book = SynchronisedBook()
    book.update(spot(1, 10, ("1", "1")))
    book.update(spot(20, 30, ("2", "1")))
    assert join(book, 25) == ["applied"]
    assert book.book.bids.top(9) == [("2", "1")]


def test_what_is_held_is_bounded() -> None:
    book = SynchronisedBook()
    for first in range(BUFFERED_UPDATES + 5):
        book.update(spot(first, first))
    assert len(book.snapshot(BUFFERED_UPDATES + 5, (), ())) == BUFFERED_UPDATES
