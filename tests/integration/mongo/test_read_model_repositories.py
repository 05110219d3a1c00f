"""Orders, fills, positions, accounts, answers and signals over both adapters: nothing goes back, nothing is lost, pages hold."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from ops.runtime.clock import ManualClock
from storage.models.order_answers import answer_of
from storage.models.orders import Order, PendingAmend
from storage.models.positions import Position
from storage.models.read_models import (
    PLATFORM,
    AccountDocument,
    CommandAnswer,
    Cursor,
    Fill,
    FillFilters,
    OpenedAccount,
    OrderFilters,
    SignalDocument,
)
from storage.mongo.accounts import Accounts
from storage.mongo.active_signals import ActiveSignals
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.connect import Store
from storage.mongo.documents import Collection, Database, Document
from storage.mongo.failures import WriteRefused
from storage.mongo.fills import Fills
from storage.mongo.fills import cursor_of as cursor_of_fill
from storage.mongo.inserting import insert_missing
from storage.mongo.migrations import check, migrate
from storage.mongo.orders import Orders, cursor_of
from storage.mongo.paging import FirstPages
from storage.mongo.positions import Positions
from tests.unit.orders.trading_floor import ACCOUNT, COIN, STOCK, Desk

EVERYTHING = OrderFilters()
DESK = Desk()
ORDER = DESK.place().orders[0]
DESK.hold(STOCK, "3")


def order(name: str, second: int, **changes: object) -> Order:
    """The example as another order, created at a second of one minute."""
    return replace(ORDER, order_id=name, created_at=f"2024-05-01T10:00:{second:02}Z", **changes)


def names(orders: Sequence[Order]) -> list[str]:
    return [one.order_id for one in orders]


async def test_an_order_comes_back_with_every_field(database: Database) -> None:
    full = replace(
        ORDER,
        client_order_id="mine",
        venue_order_id="v-1",
        upstream_code="E1",
        amend=PendingAmend(9, None, "2", "GTC", 1_700_000_000_000_000_001),
        valid_until=1_700_000_000_000_000_003,
        release_at=1_700_000_000_000_000_005,
        release_attempts=3,
        expires_at=7,
        uncertain_since=8,
        query_at=9,
        queries=10,
        cancel_reason="requested",
        amended_seq=11,
        strategy_id="s",
        reason="r",
    )
    orders = Orders(database)
    await orders.write([full, order("plain", 1)])
    assert await orders.get(ACCOUNT, full.order_id) == full
    assert await orders.get(ACCOUNT, "plain") == order("plain", 1)
    assert await orders.get("acc_other", full.order_id) is None
    assert await orders.get_many(ACCOUNT, [full.order_id, "none"]) == {full.order_id: full}


async def test_an_order_never_goes_back_and_a_denied_one_never_replaces(database: Database) -> None:
    orders = Orders(database)
    newer = replace(ORDER, seq=9, state="canceled", status="canceled")
    await orders.write([newer])
    await orders.write([replace(ORDER, seq=8), replace(ORDER, seq=9, reason="other"), order("beside", 2)])
    denied = replace(ORDER, seq=12, state="denied", status="rejected")
    await orders.insert_denied([denied, replace(denied, order_id="new")])
    await orders.insert_denied([replace(denied, order_id="new", seq=13)])
    assert await orders.get(ACCOUNT, ORDER.order_id) == newer
    assert await orders.get(ACCOUNT, "beside") == order("beside", 2)
    assert await orders.get(ACCOUNT, "new") == replace(denied, order_id="new")


async def test_a_client_id_names_the_newest_order_that_lived(database: Database) -> None:
    orders = Orders(database)
    await orders.write([order("a", 1, client_order_id="c"), order("b", 2, client_order_id="c")])
    await orders.write([order("x", 9, client_order_id="c", account_id="acc_other")])
    await orders.insert_denied([order("d", 3, client_order_id="c", state="denied", status="rejected")])
    for number, second in (("e", 4), ("f", 5)):
        await orders.insert_denied([order(number, second, client_order_id="k", state="denied", status="rejected")])
    assert (await orders.by_client_id(ACCOUNT, "c") or ORDER).order_id == "b"
    assert (await orders.by_client_id(ACCOUNT, "k") or ORDER).order_id == "f"
    assert await orders.by_client_id(ACCOUNT, "none") is None


async def test_open_orders_are_those_that_may_still_change(database: Database) -> None:
    orders = Orders(database)
    await orders.write(
        [
            order("u", 3, state="unknown", uncertain=True),
            order("n", 1),
            order("p", 2, state="partially_filled", status="partially_filled"),
            order("f", 4, state="filled", status="filled"),
            order("e", 5, state="expired", status="canceled"),
            order("other", 6, account_id="acc_other"),
        ]
    )
    assert names(await orders.open_of(ACCOUNT)) == ["n", "p", "u"]


async def test_pages_of_orders_are_newest_first_and_neither_repeat_nor_skip(database: Database) -> None:
    orders = Orders(database)
    await orders.write([order(name, second) for name, second in (("a", 1), ("b", 2), ("d", 2), ("c", 2), ("e", 3))])
    await orders.write([order("z", 3, account_id="acc_other")])
    first = await orders.page(ACCOUNT, EVERYTHING, None, 2)
    assert names(first) == ["e", "d"]
    await orders.write([order("new", 9)])
    second = await orders.page(ACCOUNT, EVERYTHING, cursor_of(first[-1]), 2)
    assert names(second) == ["c", "b"]
    assert names(await orders.page(ACCOUNT, EVERYTHING, cursor_of(second[-1]), 2)) == ["a"]
    assert await orders.page(ACCOUNT, EVERYTHING, Cursor(0, ""), 2) == []
    with pytest.raises(ValueError, match="at least 1"):
        await orders.page(ACCOUNT, EVERYTHING, None, 0)


class Asked:
    """A collection that keeps the conditions it was asked with."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.conditions: list[Document] = []

    def find(self, condition: Document) -> Any:
        self.conditions.append(condition)
        return self._collection.find(condition)


async def test_first_pages_are_asked_from_where_the_last_one_ended_and_are_what_they_would_be(
    database: Database,
) -> None:
    orders = Orders(database)
    asked = Asked(database["orders"])
    pages = FirstPages(asked, at="created_ns", identity="order_id")

    async def newest(account_id: str, limit: int) -> list[str]:
        return [one["order_id"] for one in await pages.newest({"account_id": account_id}, limit)]

    await orders.write([order(name, second) for name, second in (("a", 1), ("b", 2), ("d", 2), ("c", 2), ("e", 3))])
    await orders.write([order("z", 3, account_id="acc_other")])
    assert await newest(ACCOUNT, 3) == ["e", "d", "c"]
    assert await newest("acc_other", 1) == ["z"]
    assert await newest("acc_other", 2) == ["z"]
    await orders.write([order("new", 9)])
    assert await newest(ACCOUNT, 3) == ["new", "e", "d"]
    assert await newest(ACCOUNT, 4) == ["new", "e", "d", "c"]
    whole, since = {"account_id": ACCOUNT}, {"account_id": ACCOUNT, "created_ns": {"$gte": SECOND_TWO}}
    other = {"account_id": "acc_other"}
    assert asked.conditions == [whole, other, other, since, whole]
    await orders.delete_all()
    await orders.write([order("again", 1)])
    assert await newest(ACCOUNT, 3) == ["again"], "a page that is not full is asked for again without a bound"


async def test_first_pages_hold_whatever_is_written_and_deleted_between(database: Database) -> None:
    chance, orders, rounds = random.Random(7), Orders(database), 40  # noqa: S311  (a seed, not a secret)
    for turn in range(rounds):
        if chance.random() < 0.1:
            await orders.delete_all()
        await orders.write([order(f"{turn}-{n}", chance.randrange(20)) for n in range(chance.randrange(3))])
        limit = chance.choice((1, 3))
        cut = OrderFilters(end=2**62)  # asked for with a time: not as a first page
        assert await orders.page(ACCOUNT, EVERYTHING, None, limit) == await orders.page(ACCOUNT, cut, None, limit)


SECOND_TWO = 1_714_557_602 * 10**9


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (OrderFilters(statuses=("filled", "canceled")), ["c", "b"]),
        (OrderFilters(statuses=()), []),
        (OrderFilters(symbol=STOCK), ["b"]),
        (OrderFilters(venue="XNAS"), ["b"]),
        (OrderFilters(strategy_id="s"), ["d"]),
        (OrderFilters(side="sell"), ["c"]),
        (OrderFilters(start=SECOND_TWO), ["d", "c", "b"]),
        (OrderFilters(end=SECOND_TWO), ["a"]),
        (OrderFilters(start=-(10**30), end=10**30), ["d", "c", "b", "a"]),
        (OrderFilters(symbol=COIN, statuses=("new",), start=SECOND_TWO), ["d"]),
    ],
)
async def test_orders_by_filters(database: Database, filters: OrderFilters, expected: list[str]) -> None:
    orders = Orders(database)
    await orders.write(
        [
            order("a", 1),
            order("b", 2, status="filled", state="filled", symbol=STOCK, venue="XNAS"),
            order("c", 3, status="canceled", state="canceled", side="sell"),
            order("d", 4, strategy_id="s"),
        ]
    )
    assert names(await orders.page(ACCOUNT, filters, None, 10)) == expected


def fill(name: str, second: int, **changes: object) -> Fill:
    """A fill at a second of one minute."""
    one = Fill(
        name, "o", ACCOUNT, COIN, "buy", "1", "2", "0.1", "USD", "taker", "0", f"2024-05-01T10:00:{second:02}Z", 3
    )
    return replace(one, **changes)


async def test_fills_are_written_once_and_paged(database: Database) -> None:
    fills = Fills(database)
    one = fill("1", 1, late=True)
    await fills.insert(
        [one, fill("2", 2), fill("2", 2, order_id="p", symbol=STOCK), fill("1", 1, account_id="acc_other")]
    )
    await fills.insert([replace(one, price="9"), fill("3", 3)])
    first = await fills.page(ACCOUNT, FillFilters(), None, 2)
    assert [(found.order_id, found.fill_id) for found in first] == [("o", "3"), ("p", "2")]
    rest = await fills.page(ACCOUNT, FillFilters(), cursor_of_fill(first[-1]), 5)
    assert rest == [fill("2", 2), one]
    assert await fills.page(ACCOUNT, FillFilters(order_id="p"), None, 5) == [first[1]]
    assert await fills.page(ACCOUNT, FillFilters(symbol=STOCK), None, 5) == [first[1]]
    assert await fills.page(ACCOUNT, FillFilters(end=SECOND_TWO), None, 5) == [one]
    assert await fills.page(ACCOUNT, FillFilters(start=SECOND_TWO + 10**9), None, 5) == [first[0]]


async def test_positions_of_an_account_by_symbol(database: Database) -> None:
    position: Position = DESK.state.positions[STOCK]
    coin = replace(position, symbol=COIN, net_qty="0")
    positions = Positions(database)
    await positions.write([position, coin, replace(position, account_id="acc_other")])
    await positions.write([replace(position, seq=position.seq - 1, net_qty="7")])
    assert await positions.of(ACCOUNT) == [coin, position]


async def test_an_account_is_there_once_it_is_opened_and_its_seq_before(database: Database) -> None:
    accounts = Accounts(database)
    unopened = AccountDocument(ACCOUNT, 1, "2024-05-01T10:00:00Z")
    await accounts.write([unopened])
    assert await accounts.get(ACCOUNT) is None
    assert await accounts.all() == []
    assert await accounts.as_of(ACCOUNT) == 1
    assert await accounts.as_of("acc_none") == 0
    assert await accounts.get_many([ACCOUNT, "acc_none"]) == {ACCOUNT: unopened}
    opened = replace(unopened, as_of_seq=5, account=DESK.account, limits=DESK.state.limits, dead_men=())
    await accounts.write([opened])
    await accounts.write([replace(opened, as_of_seq=4, account=None)])
    expected = OpenedAccount(ACCOUNT, 5, opened.ts, DESK.account, DESK.state.limits, ())
    assert await accounts.get(ACCOUNT) == expected
    assert await accounts.all() == [expected]


async def test_the_first_answer_stays_until_its_time_is_over(database: Database) -> None:
    first = CommandAnswer("cmd", ACCOUNT, 3, answer_of(DESK.records[2]), 100)
    assert first.answer.order == ORDER
    answers = CommandAnswers(database)
    await answers.insert([first])
    await answers.insert([replace(first, seq=4), replace(first, command_id="later", expires_at=101, duplicate=True)])
    found = await answers.get(["cmd", "later", "none"])
    assert found == {"cmd": first, "later": replace(first, command_id="later", expires_at=101, duplicate=True)}
    assert await answers.remove_expired(100) == 1
    assert list(await answers.get(["cmd", "later"])) == ["later"]


async def test_signals_are_active_from_raised_to_cleared_whatever_is_told_again(database: Database) -> None:
    signals = ActiveSignals(database)
    raised = SignalDocument("s1", ACCOUNT, "raised", 5, b"one")
    await signals.write([raised, SignalDocument("s2", PLATFORM, "raised", 3, b"two")])
    await signals.write(
        [raised._replace(value=b"again", ts=9), SignalDocument("s3", "acc_other", "raised", 1, b"three")]
    )
    assert await signals.of([ACCOUNT, PLATFORM]) == [b"two", b"one"]
    await signals.write([raised._replace(state="cleared", ts=10, value=b"over")])
    await signals.write([raised])
    assert await signals.of([ACCOUNT, PLATFORM]) == [b"two"]
    assert await signals.remove_cleared(10) == 0
    assert await signals.remove_cleared(11) == 1


async def test_documents_that_are_there_are_no_failure(database: Database) -> None:
    collection = database["c"]
    await insert_missing(collection, [{"_id": "a", "n": 1}])
    await insert_missing(collection, [{"_id": "b", "n": 2}, {"_id": "a", "n": 3}, {"_id": "c", "n": 4}])
    assert [document["n"] async for document in collection.find({}).sort("_id", 1)] == [1, 2, 4]
    await insert_missing(collection, [])


@pytest.mark.mongo
async def test_a_document_that_the_server_refuses_is_a_failure(real_store: Store) -> None:
    with pytest.raises(WriteRefused, match=r"c did not take a document: .*_id"):
        await insert_missing(real_store.database["c"], [{"_id": "a"}, {"_id": ["no", "list"]}])


async def test_the_indexes_of_the_read_models_are_made(database: Database) -> None:
    await migrate(database, ManualClock())
    assert await check(database) == []
