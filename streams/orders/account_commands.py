"""Commands about the account itself: opening, deposits, limits, trading state, dead-man switches. Pure."""

from typing import Any, Final

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, format_timestamp
from storage.models.accounts import DEFAULT_LIMITS, STRICTNESS, Limits, SetBy
from storage.models.money import ZERO, money, parse_number, plus, text_of
from storage.models.order_commands import ArmDeadMan, Deposit, OpenAccount, SetLimits, SetTradingState
from storage.models.order_events import (
    AccountOpened,
    CommandDenied,
    DeadManSet,
    FundsDeposited,
    LimitsChanged,
    TradingStateChanged,
)
from storage.models.valuation import in_account_currency
from streams.orders.draft import Draft, Trading

LONGEST_DEAD_MAN_MS: Final = 86_400_000
MOST_OPEN_ORDERS: Final = 20_000
"""So that one record can name them all when they are canceled."""


def open_account(draft: Draft, command: OpenAccount) -> None:
    """Open it once, with a balance of nothing."""
    limits = command.limits or DEFAULT_LIMITS
    if draft.state.opened:
        _deny(draft, "account.already_open", account_id=draft.state.account_id)
    elif wrong := _bad_limits(limits):
        _deny(draft, "request.invalid", fields=wrong)
    else:
        draft.opening = AccountOpened(command.tenant_id, command.mode, command.currency, limits)
        draft.balances = {command.currency: "0"}
        draft.event(draft.opening)


def deposit(draft: Draft, command: Deposit) -> None:
    """Money in; out only as far as it is in that currency's balance and no position or order needs it."""
    amount = parse_number(command.amount)
    if _closed(draft):
        return
    if amount is None or not amount or money(amount) != amount:
        _deny(draft, "request.invalid", fields=[_field("amount", "a decimal number, not 0, of at most 8 decimals")])
        return
    if amount < 0:
        balance = parse_number(draft.balances.get(command.currency, "0")) or ZERO
        leaving = in_account_currency(amount, draft.converter.rate(command.currency))
        if plus(balance, amount) < 0 or plus(draft.available_margin, leaving) < 0:
            told = {"available_margin": text_of(draft.available_margin), "balance": text_of(balance)}
            _deny(draft, "account.insufficient_funds", **told, amount=command.amount)
            return
    draft.event(FundsDeposited(command.currency, text_of(amount), command.reference))
    draft.credit(command.currency, amount)


def set_limits(draft: Draft, command: SetLimits) -> None:
    """Replace the limits; open orders stay."""
    if _closed(draft):
        return
    if wrong := _bad_limits(command.limits):
        _deny(draft, "request.invalid", fields=wrong)
    else:
        draft.limits = command.limits
        draft.event(LimitsChanged(command.limits))


def set_trading_state(draft: Draft, command: SetTradingState) -> None:
    """An account may be stricter with itself and come back to the admin's level, which is then in force, but not below."""
    if _closed(draft):
        return
    state = draft.state
    floor = state.trading_floor
    if command.set_by == "account" and STRICTNESS[command.state] < STRICTNESS[floor]:
        _deny(draft, "account.trading_state_locked", state=state.trading_state, set_by="admin", admin_state=floor)
        return
    set_by: SetBy = "admin" if command.state == floor != "active" else command.set_by
    draft.event(TradingStateChanged(command.state, state.trading_state, set_by, draft.ts))
    draft.trading = Trading(command.state, set_by, draft.ts)


def arm_dead_man(draft: Draft, command: ArmDeadMan) -> None:
    """Arm, renew or (0 ms) switch off the dead-man switch of that name. Changes no order and no position."""
    if _closed(draft):
        return
    if not 0 <= command.timeout_ms <= LONGEST_DEAD_MAN_MS:
        _deny(draft, "request.invalid", fields=[_field("timeout_ms", f"0 to {LONGEST_DEAD_MAN_MS}")])
        return
    armed = command.timeout_ms > 0
    due_at = draft.now + command.timeout_ms * NANOSECONDS_PER_MILLISECOND if armed else None
    deadline = format_timestamp(due_at) if due_at is not None else None
    draft.event(DeadManSet(command.name, armed, due_at, deadline, command.timeout_ms, command.spare_reduce_only))


def _closed(draft: Draft) -> bool:
    if not draft.state.opened:
        _deny(draft, "account.not_open", account_id=draft.state.account_id)
    return not draft.state.opened


def _deny(draft: Draft, code: str, **details: Any) -> None:
    draft.event(CommandDenied(draft.command.command_id, code, details))


def _field(name: str, expected: str) -> dict[str, str]:
    return {"name": name, "reason": "invalid", "expected": expected}


def _bad_limits(limits: Limits) -> list[dict[str, str]]:
    numbers = {
        "max_order_value": limits.max_order_value,
        "max_order_quantity": limits.max_order_quantity,
        "position_limit": limits.position_limit,
        **{f"price_collar.{name}": text for name, text in limits.price_collar.items()},
    }
    read = {name: parse_number(text) for name, text in numbers.items() if text is not None}
    wrong = [
        _field(name, "a decimal number, not below 0") for name, value in read.items() if value is None or value < 0
    ]
    if not 0 <= limits.max_open_orders <= MOST_OPEN_ORDERS:
        wrong.append(_field("max_open_orders", f"a whole number, 0 to {MOST_OPEN_ORDERS}"))
    if limits.orders_per_second < 0:
        wrong.append(_field("orders_per_second", "a whole number, not below 0"))
    return wrong
