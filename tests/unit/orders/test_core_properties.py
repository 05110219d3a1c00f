"""What holds of the core for every sequence of commands: totality, determinism, purity, one record each, and its folds."""

from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from storage.models.controls import Controls, Halt
from storage.models.order_commands import (
    AmendOrder,
    ArmDeadMan,
    CancelAll,
    CancelOrder,
    Command,
    Deposit,
    ExpireOrder,
    FoundFill,
    OpenAccount,
    PlaceOrder,
    Reconcile,
    ReleaseAtOpen,
    SetLimits,
    SetTradingState,
    VenueAcknowledged,
    VenueCanceled,
    VenueCancelRejected,
    VenueExpired,
    VenueFilled,
    VenueRejected,
    VenueReplaced,
    VenueReplaceRejected,
    VenueUnknown,
)
from storage.models.order_records import decode_record, encode_record
from streams.orders.decide import decide
from streams.orders.evolve import evolve
from streams.orders.follow_ups import deadlines_of, follow_ups_due
from streams.orders.market import Hours, Market, Origin
from streams.orders.needs import symbols_needed
from streams.orders.snapshot import restore, snapshot
from streams.orders.state import AccountState
from streams.risk.signals import signals_of
from tests.unit.orders.trading_floor import (
    ACCOUNT,
    COIN,
    EURO_STOCK,
    EURUSD,
    FUTURE,
    LEVEL,
    QUOTES,
    SECOND,
    START,
    STOCK,
    TENANT,
    Desk,
    changed_limits,
    controls,
    quote,
)

NUMBERS = st.sampled_from(
    (
        "1",
        "2.5",
        "0.001",
        "100",
        "99.99",
        "0",
        "-3",
        "",
        "x",
        "1e9",
        "9" * 40,
        "-" + "9" * 39,
        "0." + "0" * 37 + "1",
        "NaN",
        "٣",
    )
)
MAYBE = st.none() | NUMBERS
NAMES = st.sampled_from(("o1", "o2", "o3", "o4"))
COMMAND_IDS = st.integers(0, 60).map(lambda number: f"c{number}")
MOMENTS = st.integers(-3, 3).map(lambda steps: START + steps * 400 * SECOND)
CURRENCIES = st.sampled_from(("USD", "EUR", "XXX", ""))
FOUND = st.builds(
    FoundFill, fill_id=NAMES, price=NUMBERS, quantity=NUMBERS, fee=NUMBERS, fee_currency=st.none() | CURRENCIES
)
LIMITS = st.builds(
    changed_limits,
    max_order_value=MAYBE,
    max_order_quantity=MAYBE,
    position_limit=MAYBE,
    max_open_orders=st.integers(-1, 3),
    orders_per_second=st.integers(-1, 3),
    price_collar=st.dictionaries(st.sampled_from(("crypto", "equity")), NUMBERS),
)


def built(kind: type, **fields: Any) -> st.SearchStrategy[Command]:
    return st.builds(kind, command_id=COMMAND_IDS, account_id=st.just(ACCOUNT), issued_at=st.none() | MOMENTS, **fields)


def report(kind: type, **fields: Any) -> st.SearchStrategy[Command]:
    return built(kind, order_id=NAMES, **fields)


TIMES_IN_FORCE = st.sampled_from((None, "DAY", "GTC", "IOC", "FOK"))
COMMANDS: st.SearchStrategy[Command] = st.one_of(
    built(OpenAccount, tenant_id=st.just(TENANT), mode=st.just("s"), currency=CURRENCIES, limits=st.none() | LIMITS),
    built(Deposit, currency=CURRENCIES, amount=NUMBERS),
    built(SetLimits, limits=LIMITS),
    *[
        built(
            PlaceOrder,
            order_id=NAMES,
            valid_until=MOMENTS,
            symbol=st.sampled_from((COIN, STOCK, EURO_STOCK, FUTURE, LEVEL, "NONE")),
            side=st.sampled_from(("buy", "sell")),
            order_type=st.sampled_from(("market", "limit", "stop")),
            quantity=MAYBE,
            notional=MAYBE,
            price=MAYBE,
            stop_price=MAYBE,
            time_in_force=TIMES_IN_FORCE,
            reduce_only=st.booleans(),
            post_only=st.booleans(),
            client_order_id=st.sampled_from((None, "a", "b", "日本 é")),
        )
    ]
    * 4,
    built(AmendOrder, order_id=NAMES, valid_until=MOMENTS, price=MAYBE, quantity=MAYBE, time_in_force=TIMES_IN_FORCE),
    built(CancelOrder, order_id=NAMES),
    built(CancelAll, order_ids=st.none() | st.tuples(NAMES, NAMES), deadline=st.sampled_from((None, "api"))),
    built(
        SetTradingState,
        state=st.sampled_from(("active", "reducing", "halted")),
        set_by=st.sampled_from(("account", "admin")),
    ),
    built(ArmDeadMan, name=st.just("api"), timeout_ms=st.integers(-5, 10_000)),
    built(ReleaseAtOpen, order_id=NAMES, due_at=MOMENTS),
    built(ExpireOrder, order_id=NAMES, due_at=MOMENTS),
    report(VenueAcknowledged),
    report(VenueRejected, code=st.just("x")),
    report(VenueFilled, fill_id=NAMES, price=NUMBERS, quantity=NUMBERS, fee=NUMBERS),
    report(VenueCanceled),
    report(VenueCancelRejected, code=st.just("x")),
    report(VenueReplaced, quantity=NUMBERS, price=MAYBE, request_seq=st.none() | st.integers(1, 20)),
    report(VenueReplaceRejected, code=st.just("x"), request_seq=st.none() | st.integers(1, 20)),
    report(VenueExpired),
    report(VenueUnknown, code=st.just("x"), request=st.sampled_from(("submit", "amend", "cancel"))),
    report(
        Reconcile,
        outcome=st.sampled_from(("open", "filled", "canceled", "rejected", "expired", "not_found")),
        fills=st.lists(FOUND, max_size=2).map(tuple),
        quantity=MAYBE,
        price=MAYBE,
        filled_quantity=MAYBE,
    ),
)
ODD_QUOTES = st.builds(
    lambda symbol, bid, ask, feed, session: quote(symbol, bid, ask, feed_state=feed, session_state=session),
    st.sampled_from((COIN, STOCK, EURO_STOCK, EURUSD)),
    NUMBERS,
    NUMBERS,
    st.sampled_from(("live", "stale", "closed")),
    st.sampled_from(("open", "closed", "premarket")),
)
FULL = controls()
MARKETS: st.SearchStrategy[Market] = st.builds(
    lambda now, ruled, odd, hours: Market(now, ruled, {one.symbol: one for one in (*QUOTES, *odd)}, hours),
    MOMENTS,
    st.sampled_from((FULL, FULL, FULL, Controls(), controls(Halt("h", "platform", "", "reducing")))),
    st.lists(ODD_QUOTES, max_size=2),
    st.sampled_from(({}, {STOCK: Hours(START + SECOND, None)}, {STOCK: Hours(START + SECOND, START + 9 * SECOND)})),
)
OPENED: Command = OpenAccount(command_id="open", account_id=ACCOUNT, tenant_id=TENANT, mode="s", currency="USD")
FUNDED: Command = Deposit(command_id="fund", account_id=ACCOUNT, currency="USD", amount="100000")


@settings(max_examples=100, deadline=None)
@given(st.booleans(), st.lists(st.tuples(COMMANDS, MARKETS), max_size=25), st.integers(0, 25))
def test_every_command_in_every_state_gives_one_record_and_no_surprise(
    opened: bool, asked: list[tuple[Command, Market]], cut: int
) -> None:
    state, rebuilt = AccountState(ACCOUNT), AccountState(ACCOUNT)
    plain = Market(START - 2_000 * SECOND, FULL, {one.symbol: one for one in QUOTES})
    beginning = [(OPENED, plain), (FUNDED, plain)] if opened else []
    for number, (command, market) in enumerate([*beginning, *asked], start=1):
        before = snapshot(state)
        assert symbols_needed(state, command, market.controls) is not None
        record = decide(state, command, market, Origin(1, "order-commands", number))
        assert snapshot(state) == before
        assert decide(restore(before), command, market, Origin(1, "order-commands", number)) == record
        read = decode_record(encode_record(record))
        assert (read, record.seq, record.cause.command_id) == (record, number, command.command_id)
        assert signals_of(record) == signals_of(read)
        evolve(state, record)
        evolve(rebuilt, read)
        if number == cut:
            rebuilt = restore(snapshot(rebuilt))
        assert snapshot(state) == snapshot(rebuilt)
        _sums_agree(state)
    assert deadlines_of(rebuilt) == deadlines_of(state)
    assert follow_ups_due(rebuilt) == follow_ups_due(state)


def _sums_agree(state: AccountState) -> None:
    """What is kept beside the orders is what the orders come to."""
    fresh = restore(snapshot(state))
    assert {key: side.quantity for key, side in state.sides.items() if side.quantity} == {
        key: side.quantity for key, side in fresh.sides.items() if side.quantity
    }
    assert {name: amount for name, amount in state.reserved.items() if amount} == {
        name: amount for name, amount in fresh.reserved.items() if amount
    }
    assert {key: side.best and side.best[0] for key, side in state.sides.items() if side.best} == {
        key: side.best and side.best[0] for key, side in fresh.sides.items() if side.best
    }
    assert state.waiting == fresh.waiting


PARTS = st.lists(st.sampled_from(("0.5", "1", "2.25", "3")), min_size=1, max_size=4)
PRICES = ("99", "99.37", "98.111111111")


@settings(deadline=None)
@given(PARTS, st.sampled_from(("nothing", "canceled", "expired")), st.randoms(use_true_random=False))
def test_shuffled_and_doubled_reports_give_the_same_end(parts: list[str], end: str, random: Random) -> None:
    whole = sum(Decimal(part) for part in parts) + (0 if end == "nothing" else 1)
    reports: list[Command] = [
        VenueAcknowledged(command_id="ack", account_id=ACCOUNT, order_id="ord-1", venue_order_id="v")
    ]
    for number, part in enumerate(parts):
        price = PRICES[number % len(PRICES)]
        common = {"account_id": ACCOUNT, "order_id": "ord-1", "fill_id": f"f{number}", "price": price, "fee": "0.015"}
        reports.append(VenueFilled(command_id=f"r{number}", quantity=part, **common))
        reports.append(VenueFilled(command_id=f"again{number}", quantity=part, **common))
    if end == "canceled":
        reports.append(VenueCanceled(command_id="end", account_id=ACCOUNT, order_id="ord-1"))
    if end == "expired":
        reports.append(VenueExpired(command_id="end", account_id=ACCOUNT, order_id="ord-1"))
    shuffled = [*reports, *random.sample(reports, len(reports) // 2)]
    random.shuffle(shuffled)
    assert _ended(whole, reports) == _ended(whole, shuffled)


def _ended(whole: Decimal, reports: list[Command]) -> dict[str, Any]:
    desk = Desk()
    desk.place(quantity=str(whole), price="99.5")
    for one in reports:
        desk.send(one)
    order = desk.state.ended["ord-1"]
    position, account = desk.state.positions[COIN], desk.account
    return {
        "order": (order.state, order.status, order.filled_quantity, order.avg_price, order.fees, order.reason),
        "position": (position.net_qty, position.avg_price, position.cost, position.realized_pnl, position.fees),
        "account": (account.cash, account.equity, account.reserved, account.open_orders, account.available_margin),
    }


@given(
    st.lists(st.sampled_from(("97", "98", "98.5", "99")), min_size=1, max_size=30), st.randoms(use_true_random=False)
)
@settings(deadline=None, max_examples=40)
def test_the_best_own_price_is_known_however_orders_come_and_go(prices: list[str], random: Random) -> None:
    desk = Desk()
    for price in prices:
        desk.place(price=price, quantity="0.1")
        if random.random() < 0.6 and desk.state.orders:
            desk.report(VenueCanceled, random.choice(list(desk.state.orders)))
        side = desk.state.sides[COIN, "buy"]
        open_prices = [Decimal(order.price or "0") for order in desk.state.orders.values()]
        assert (side.best[0] if side.best else None) == max(open_prices, default=None)
        assert len(side.prices) <= 2 * len(side.limits) + 65
