"""Positions and account at the hub's present quotes: the core's own valuation, so that it says what the next decision would.

Quantities, costs, balances and reservations are those of the account's last record; marks, conversion and what follows
from them are of now (docs/decisions/0085).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.market.ports import ReferenceSource
from gateway.quote_board import QuoteBoard, shown_state
from storage.controls.conversions import conversions_of
from storage.models.accounts import Account
from storage.models.controls import Conversion
from storage.models.market_data import SessionState
from storage.models.money import minus, number, text_of
from storage.models.order_records import UsedQuote
from storage.models.positions import Position
from storage.models.valuation import Converter, Holding, converted_total, holding_of, value_account
from storage.reference import ReferenceData

_MILLISECOND: Final = 1_000_000
QuoteOf = Callable[[str], UsedQuote | None]


class _Prices(msgspec.Struct):
    bid: str
    ask: str
    last: str
    session_state: SessionState


_decode: Final = msgspec.json.Decoder(_Prices).decode


class LiveValues:
    """Values accounts at the quotes of `board`, with the conversions that the instruments make possible."""

    def __init__(self, board: QuoteBoard, reference: ReferenceSource) -> None:
        self._board = board
        self._reference = reference
        self._known: tuple[ReferenceData, Mapping[str, Conversion]] | None = None

    def positions(self, positions: Iterable[Position], now: int) -> list[Position]:
        """The positions at the marks of `now` (ns)."""
        quote = self._quotes(now)
        return [marked(position, holding_of(position, quote(position.symbol), None)) for position in positions]

    def account(self, account: Account, positions: Iterable[Position], now: int) -> Account:
        """The account with `positions`, all of one seq, at the marks and conversions of `now` (ns)."""
        return revalued(account, positions, self._quotes(now), self._conversions())

    def _quotes(self, now: int) -> QuoteOf:
        instruments = self._reference().instruments

        def quote(symbol: str) -> UsedQuote | None:
            newest = self._board.quote(symbol)
            instrument = instruments.get(symbol)
            if newest is None or instrument is None:
                return None
            prices = _decode(newest.value)
            state = shown_state(newest, instrument.stale_after_seconds, now)
            age = max(0, now - newest.taken_in) // _MILLISECOND
            return UsedQuote(symbol, prices.bid, prices.ask, prices.last, state, prices.session_state, age)

        return quote

    def _conversions(self) -> Mapping[str, Conversion]:
        reference = self._reference()
        if self._known is None or self._known[0] is not reference:
            steps = {step.currency: step for step in conversions_of(reference.instruments.values())}
            self._known = reference, steps
        return self._known[1]


def marked(position: Position, held: Holding) -> Position:
    """The position at the holding's mark."""
    return replace(
        position,
        mark_price=text_of(held.mark),
        notional=text_of(held.notional),
        margin=text_of(held.initial),
        maintenance_margin=text_of(held.maintenance),
        unrealized_pnl=text_of(held.unrealized),
    )


def revalued(
    account: Account, positions: Iterable[Position], quote: QuoteOf, conversions: Mapping[str, Conversion]
) -> Account:
    """The account at the quotes; what open orders reserve stays as its last record has it."""
    converter = Converter(account.currency, conversions, quote)
    holdings = [(one.currency, holding_of(one, quote(one.symbol), None)) for one in positions if one.net_qty != "0"]
    worth = value_account(account.balances, holdings, converter)
    available = minus(minus(worth.equity, worth.initial), number(account.reserved))
    return replace(
        account,
        cash=text_of(worth.cash),
        equity=text_of(worth.equity),
        unrealized_pnl=text_of(worth.unrealized),
        realized_pnl=text_of(converted_total(account.realized, converter)),
        fees=text_of(converted_total(account.paid_fees, converter)),
        initial_margin=text_of(worth.initial),
        maintenance_margin=text_of(worth.maintenance),
        available_margin=text_of(available),
        risk_ratio=None if worth.risk_ratio is None else text_of(worth.risk_ratio),
        margin_level=worth.level,
        unconverted=worth.unconverted,
    )
