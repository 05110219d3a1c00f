"""The record that closes a decision: the events and images of its draft, and the account as they leave it. Pure."""

from collections.abc import Mapping
from typing import Final

from storage.models.accounts import Account
from storage.models.money import minus, text_of
from storage.models.order_events import BreakSettled, CommandDenied, CommandRepeated, CommandTooOld, ReportUnmatched
from storage.models.order_records import Cause, OrderRecord, Used
from storage.models.valuation import converted_total
from streams.orders.alerts import alerts_of
from streams.orders.draft import Draft
from streams.orders.life import is_open

WITHOUT_EFFECT: Final = frozenset({CommandRepeated, CommandTooOld, CommandDenied, ReportUnmatched, BreakSettled})


def record_of(draft: Draft) -> OrderRecord:
    """The finished record. One without effect, and one of an account that is not open, has no image of the account."""
    events = draft.events
    idle = not draft.orders and all(type(event) in WITHOUT_EFFECT for event in events)
    exists = draft.state.opened or draft.opening is not None
    account = account_image(draft) if exists and not idle else None
    return OrderRecord(
        account_id=draft.state.account_id,
        seq=draft.seq,
        epoch=draft.origin.epoch,
        cause=_cause(draft),
        ts=draft.ts,
        events=tuple(events),
        orders=tuple(draft.orders.values()),
        positions=tuple(draft.positions.values()),
        account=account,
        used=Used(draft.used, draft.market.controls.version),
    )


def _cause(draft: Draft) -> Cause:
    command, origin = draft.command, draft.origin
    issued_at = command.issued_at if command.issued_at is not None and command.issued_at > draft.now else None
    return Cause(origin.topic, origin.offset, command.command_id, issued_at)


def account_image(draft: Draft) -> Account:
    """The account as the record leaves it."""
    state, opening, valuation = draft.state, draft.opening, draft.valuation
    reserved = draft.reserved
    equity, ratio = valuation.equity, valuation.risk_ratio
    return Account(
        account_id=state.account_id,
        tenant_id=opening.tenant_id if opening else state.tenant_id,
        mode=opening.mode if opening else state.mode,
        currency=opening.currency if opening else state.currency,
        trading_state=draft.trading.state,
        trading_set_by=draft.trading.set_by,
        trading_since=draft.trading.since,
        cash=text_of(valuation.cash),
        equity=text_of(equity),
        unrealized_pnl=text_of(valuation.unrealized),
        realized_pnl=_total(draft, draft.realized),
        fees=_total(draft, draft.paid_fees),
        initial_margin=text_of(valuation.initial),
        maintenance_margin=text_of(valuation.maintenance),
        reserved=text_of(reserved),
        available_margin=text_of(minus(minus(equity, valuation.initial), reserved)),
        risk_ratio=text_of(ratio) if ratio is not None else None,
        margin_level=valuation.level,
        balances=draft.balances,
        realized=draft.realized,
        paid_fees=draft.paid_fees,
        unconverted=valuation.unconverted,
        open_orders=_open_orders(draft),
        alerts=alerts_of(draft),
        updated_at=draft.ts,
        as_of_seq=draft.seq,
    )


def _total(draft: Draft, amounts: Mapping[str, str]) -> str:
    """In the account's currency; what is in no other stands there already."""
    own = amounts.get(draft.converter.into) if len(amounts) == 1 else None
    return own if own is not None else text_of(converted_total(amounts, draft.converter))


def _open_orders(draft: Draft) -> int:
    count = len(draft.state.orders)
    for order_id, order in draft.orders.items():
        count += is_open(order.state) - (order_id in draft.state.orders)
    return count
