"""On the road of an order: `order-commands` -> here -> `order-events`, the one place where orders are decided.

`decide(state, command, market, origin) -> record` is deterministic, without I/O, and total: every command in every state
gives exactly one record with the next seq. The state is read, never changed; `evolve` does that.
"""

from collections.abc import Callable
from typing import Any, Final

from storage.models.order_commands import (
    AmendOrder,
    ArmDeadMan,
    CancelAll,
    CancelOrder,
    Deposit,
    ExpireOrder,
    OpenAccount,
    PlaceOrder,
    Reconcile,
    ReleaseAtOpen,
    SetLimits,
    SettleBreak,
    SetTradingState,
)
from storage.models.order_events import CommandRepeated, CommandTooOld
from storage.models.order_records import OrderRecord
from streams.orders.account_commands import arm_dead_man, deposit, open_account, set_limits, set_trading_state
from streams.orders.amend import amend_order
from streams.orders.breaks import settle_break
from streams.orders.cancel import cancel_all, cancel_order
from streams.orders.draft import Draft
from streams.orders.malformed import AnyCommand, Malformed
from streams.orders.market import Market, Origin
from streams.orders.place import place_order
from streams.orders.reconcile import reconcile
from streams.orders.record import record_of
from streams.orders.refuse import refuse
from streams.orders.reports import HANDLERS, decide_report
from streams.orders.state import REMEMBERED_NS, AccountState
from streams.orders.waiting import expire_order, release_at_open

_COMMANDS: Final[dict[type, Callable[[Draft, Any], None]]] = {
    PlaceOrder: place_order,
    AmendOrder: amend_order,
    CancelOrder: cancel_order,
    CancelAll: cancel_all,
    OpenAccount: open_account,
    Deposit: deposit,
    SetLimits: set_limits,
    SetTradingState: set_trading_state,
    SettleBreak: settle_break,
    ArmDeadMan: arm_dead_man,
    ReleaseAtOpen: release_at_open,
    ExpireOrder: expire_order,
    Malformed: refuse,
}
_REPORTS: Final = {**HANDLERS, Reconcile: reconcile}


def decide(state: AccountState, command: AnyCommand, market: Market, origin: Origin) -> OrderRecord:
    """What the command comes to. `market` has what `symbols_needed` names; `origin` is where the command stands."""
    draft = Draft(state, command, market, origin)
    remembered = state.answers.get(command.command_id)
    if remembered is not None:
        draft.event(CommandRepeated(command.command_id, remembered))
    elif command.issued_at is not None and draft.now - command.issued_at > REMEMBERED_NS:
        draft.event(CommandTooOld(command.command_id))
    elif (handler := _COMMANDS.get(type(command))) is not None:
        handler(draft, command)
    else:
        decide_report(draft, command, _REPORTS[type(command)])  # type: ignore[arg-type]
    return record_of(draft)
