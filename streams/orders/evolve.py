"""`evolve(state, record)`: an account's state takes in its next record. Looks at nothing but the two; changes in place."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, parse_timestamp
from storage.models.accounts import STRICTNESS, DeadMan
from storage.models.order_answers import answer_of
from storage.models.order_events import (
    AccountOpened,
    AmendRequested,
    BreakSettled,
    CancelRejected,
    CancelRequested,
    CommandRepeated,
    CommandTooOld,
    DeadManSet,
    Event,
    FirstAnswer,
    LimitsChanged,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderResolved,
    ReportUnmatched,
    TradingStateChanged,
)
from storage.models.order_records import OrderRecord
from storage.models.orders import Order
from streams.orders.life import is_open
from streams.orders.state import REMEMBERED_NS, AccountState, ClientId, DueCancel


def evolve(state: AccountState, record: OrderRecord) -> None:
    """Take in the record with `seq == state.seq + 1`, which `decide` made of this state (here or elsewhere)."""
    moment = parse_timestamp(record.ts)
    state.seq, state.ts = record.seq, moment
    for order in record.orders:
        _take_order(state, order, moment)
    for position in record.positions:
        state.positions[position.symbol] = position
    if record.account is not None:
        state.account = record.account
    for event in record.events:
        _take_event(state, event, record, moment)
    _remember(state, record, moment)
    _forget(state, moment)


def _take_order(state: AccountState, order: Order, moment: int) -> None:
    before = state.orders.get(order.order_id)
    if is_open(order.state):
        if before is None:
            state.add(order)
        else:
            state.replace(before, order)
        return
    state.due_cancels.pop(order.order_id, None)
    if before is not None:
        state.remove(before)
    if order.order_id not in state.ended:
        state.ended_at.append((moment + REMEMBERED_NS, order.order_id))
    state.ended[order.order_id] = order


def _take_event(state: AccountState, event: Event, record: OrderRecord, moment: int) -> None:
    take = _TAKES.get(type(event))
    if take is not None:
        take(state, event, record, moment)


def _accepted(state: AccountState, event: OrderAccepted, _: OrderRecord, moment: int) -> None:
    state.recent.append(moment)
    if event.client_order_id is not None:
        state.client_ids[event.client_order_id] = ClientId(event.order_id, event.content)


def _filled(state: AccountState, event: OrderFilled, record: OrderRecord, _: int) -> None:
    state.fills.setdefault(event.order_id, {})[event.fill_id] = record.seq


def _amend_asked(state: AccountState, _event: AmendRequested, _record: OrderRecord, moment: int) -> None:
    state.recent.append(moment)


def _cancel_asked(state: AccountState, event: CancelRequested, record: OrderRecord, _: int) -> None:
    if event.order_id is not None:
        state.due_cancels.pop(event.order_id, None)
        return
    if event.deadline is not None:
        state.dead_men.pop(event.deadline, None)
    for order_id in event.found:
        name = cancel_command_id(state.account_id, record.seq, order_id)
        state.due_cancels[order_id] = DueCancel(name, event.reason)


def _cancel_decided(state: AccountState, event: CancelRejected | OrderCanceled, _record: OrderRecord, _: int) -> None:
    state.due_cancels.pop(event.order_id, None)


def _dead_man_set(state: AccountState, event: DeadManSet, _record: OrderRecord, _: int) -> None:
    if event.due_at is None:
        state.dead_men.pop(event.name, None)
    else:
        state.dead_men[event.name] = DeadMan(event.name, event.due_at, event.timeout_ms, event.spare_reduce_only)


def _limits_changed(state: AccountState, event: LimitsChanged, _record: OrderRecord, _: int) -> None:
    state.limits = event.limits


def _trading_state_changed(state: AccountState, event: TradingStateChanged, _record: OrderRecord, _: int) -> None:
    state.trading_state, state.trading_set_by, state.trading_since = event.state, event.set_by, event.since
    if event.set_by == "admin":
        state.trading_floor = event.state
    else:
        # Only records of an older program can be below the floor: what they let the account loosen is loose.
        state.trading_floor = min(state.trading_floor, event.state, key=STRICTNESS.__getitem__)


def _break_stands(state: AccountState, event: ReportUnmatched, _record: OrderRecord, _: int) -> None:
    state.breaks.setdefault(event.order_id, event.break_seq)


def _resolved(state: AccountState, event: OrderResolved, _record: OrderRecord, _: int) -> None:
    if event.break_seq is not None:
        state.breaks.setdefault(event.order_id, event.break_seq)


def _break_settled(state: AccountState, event: BreakSettled, _record: OrderRecord, _: int) -> None:
    state.breaks.pop(event.order_id, None)


def _account_opened(state: AccountState, event: AccountOpened, record: OrderRecord, _: int) -> None:
    state.opened = True
    state.tenant_id, state.mode, state.currency = event.tenant_id, event.mode, event.currency
    state.limits, state.trading_since = event.limits, record.ts


_TAKES: Final[dict[type, Callable[[AccountState, Any, OrderRecord, int], None]]] = {
    OrderAccepted: _accepted,
    OrderFilled: _filled,
    AmendRequested: _amend_asked,
    CancelRequested: _cancel_asked,
    CancelRejected: _cancel_decided,
    OrderCanceled: _cancel_decided,
    DeadManSet: _dead_man_set,
    LimitsChanged: _limits_changed,
    TradingStateChanged: _trading_state_changed,
    AccountOpened: _account_opened,
    ReportUnmatched: _break_stands,
    OrderResolved: _resolved,
    BreakSettled: _break_settled,
}


def cancel_command_id(account_id: str, seq: int, order_id: str) -> str:
    """The id of the cancel that record `seq` promised for an order."""
    return f"cancel:{account_id}:{seq}:{order_id}"


def _remember(state: AccountState, record: OrderRecord, moment: int) -> None:
    command_id, issued_at = record.cause.command_id, record.cause.issued_at
    if command_id in state.answers:
        return
    answer = _first_answer(record)
    if answer is not None:
        state.answers[command_id] = answer
        known_from = moment if issued_at is None else max(moment, issued_at)
        heappush(state.answers_end, (known_from + REMEMBERED_NS, command_id))


def _first_answer(record: OrderRecord) -> FirstAnswer | None:
    first = record.events[0] if record.events else None
    if isinstance(first, CommandTooOld):
        return None
    return first.answer if isinstance(first, CommandRepeated) else answer_of(record)


def _forget(state: AccountState, moment: int) -> None:
    ends = state.answers_end
    while ends and ends[0][0] < moment:
        del state.answers[heappop(ends)[1]]
    ended = state.ended_at
    while ended and ended[0][0] <= moment:
        _forget_order(state, ended.popleft()[1])
    recent = state.recent
    while recent and recent[0] <= moment - NANOSECONDS_PER_SECOND:
        recent.popleft()


def _forget_order(state: AccountState, order_id: str) -> None:
    order = state.ended.pop(order_id)
    state.fills.pop(order_id, None)
    if order.client_order_id is not None:
        known = state.client_ids.get(order.client_order_id)
        if known is not None and known.order_id == order_id:
            del state.client_ids[order.client_order_id]
