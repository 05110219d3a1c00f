"""Accounts at present quotes: exactly what the core's next record would say of them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from gateway.account.live_values import LiveValues, revalued
from gateway.quote_board import BoardQuote
from storage.models.calendars import Calendar
from storage.models.market_data import Quote, encode
from storage.models.order_commands import Deposit
from storage.models.order_records import UsedQuote
from storage.reference import ReferenceData
from tests.unit.orders.trading_floor import (
    ACCOUNT,
    COIN,
    EURO_STOCK,
    EURUSD,
    FUTURE,
    INSTRUMENTS,
    SECOND,
    START,
    STOCK,
    Desk,
    instrument,
    quote,
)

HELD = (COIN, STOCK, EURO_STOCK, FUTURE)
SAME_AT_ANY_PRICE = {"updated_at", "as_of_seq", "alerts"}
BIDS = st.integers(1, 200_000).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")


def worth(account):
    return {name: value for name, value in asdict(account).items() if name not in SAME_AT_ANY_PRICE}


def holding(quantities) -> Desk:
    """A desk with positions, long and short, in two currencies."""
    desk = Desk("10000000")
    for symbol, quantity in zip(HELD, quantities, strict=True):
        if quantity:
            desk.hold(symbol, str(abs(quantity)), desk.quotes[symbol].bid, "buy" if quantity > 0 else "sell")
    return desk


@settings(max_examples=60, deadline=None)
@given(
    quantities=st.tuples(*[st.integers(-5, 5)] * 4),
    bids=st.tuples(*[BIDS] * 4),
    rate=st.sampled_from(["0.9", "1.0999", "2"]),
    stale=st.booleans(),
)
def test_what_a_read_shows_is_what_the_next_record_says(quantities, bids, rate, stale):
    desk = holding(quantities)
    before = desk.account
    for symbol, bid in zip(HELD, bids, strict=True):
        desk.quotes[symbol] = quote(symbol, bid, bid + "1")
    desk.quotes[EURUSD] = quote(EURUSD, rate, rate, feed_state="stale" if stale else "live")
    desk.send(Deposit(command_id="more", account_id=ACCOUNT, currency="EUR", amount="1000"))
    shown = replace(before, balances=desk.account.balances)
    positions = desk.state.positions.values()
    assert worth(revalued(shown, positions, desk.quotes.get, desk.controls.conversions)) == worth(desk.account)


class Board:
    """The newest quotes as the hub holds them, all taken in at the start."""

    def __init__(self, quotes) -> None:
        self._quotes = {one.symbol: one for one in quotes}

    def quote(self, symbol: str) -> BoardQuote | None:
        known: UsedQuote | None = self._quotes.get(symbol)
        if known is None:
            return None
        value = Quote(
            symbol=symbol, venue="SIM", last=known.last, bid=known.bid, ask=known.ask, bid_size="1", ask_size="1",
            session_state="open", ts="2024-08-08T14:30:00Z", ts_in="2024-08-08T14:30:00Z",
        )  # fmt: skip
        return BoardQuote(encode(value), 1, START, "live")


def live_values(*quotes: UsedQuote) -> LiveValues:
    """The trading floor's instruments, with the pair that makes dollars of euros."""
    pair = instrument(EURUSD, asset_class="fx")
    data = ReferenceData.of([*INSTRUMENTS, pair], [Calendar(name="24/7", timezone="UTC", always_open=True)])
    return LiveValues(Board(quotes), lambda: data)


def test_money_of_another_currency_counts_while_its_pair_is_quoted():
    desk = Desk("1000")
    desk.send(Deposit(command_id="euros", account_id=ACCOUNT, currency="EUR", amount="100"))
    values = live_values(quote(EURUSD, "1.2", "1.4"))
    now = values.account(desk.account, [], START + SECOND)
    assert (now.cash, now.unconverted) == ("1130", ())
    much_later = values.account(desk.account, [], START + 3_600 * SECOND)
    assert (much_later.cash, much_later.unconverted) == ("1000", ("EUR",))
    assert live_values().account(desk.account, [], START).unconverted == ("EUR",)


def test_a_mark_is_the_mid_else_the_last_else_that_of_the_last_record():
    desk = holding((2, 0, 0, 0))
    held = desk.state.positions.values()
    [mid] = live_values(quote(COIN, "110", "120")).positions(held, START)
    assert (mid.mark_price, mid.notional, mid.margin) == ("115", "230", "23")
    [last] = live_values(quote(COIN, "0", "120", last="111")).positions(held, START)
    assert last.mark_price == "111"
    [kept] = live_values().positions(held, START)
    assert kept == next(iter(held))
