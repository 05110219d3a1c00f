"""`snapshot(state)` and `restore(bytes)`: an account's state as a checkpoint keeps it. Pure.

What can be worked out of the orders is left out. Two states that decide alike have equal snapshots, byte for byte.
"""

from typing import Final

import msgspec

from storage.models.accounts import Account, DeadMan, Limits, SetBy, TradingState
from storage.models.order_events import FirstAnswer
from storage.models.orders import Order
from storage.models.positions import Position
from streams.orders.state import AccountState, ClientId, DueCancel

_VERSION: Final = 1


class _Kept(msgspec.Struct, frozen=True):
    version: int
    account_id: str
    opened: bool
    tenant_id: str
    mode: str
    currency: str
    seq: int
    ts: int
    limits: Limits
    trading_state: TradingState
    trading_set_by: SetBy
    trading_since: str
    account: Account | None
    orders: list[Order]
    ended: list[Order]
    ended_at: list[tuple[int, str]]
    client_ids: dict[str, ClientId]
    fills: dict[str, dict[str, int]]
    positions: list[Position]
    answers: dict[str, FirstAnswer]
    answers_end: list[tuple[int, str]]
    dead_men: list[DeadMan]
    due_cancels: dict[str, DueCancel]
    recent: list[int]
    breaks: dict[str, int] = {}
    trading_floor: TradingState | None = None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


def snapshot(state: AccountState) -> bytes:
    """The state as bytes (MessagePack)."""
    return _encode(
        _Kept(
            version=_VERSION,
            account_id=state.account_id,
            opened=state.opened,
            tenant_id=state.tenant_id,
            mode=state.mode,
            currency=state.currency,
            seq=state.seq,
            ts=state.ts,
            limits=state.limits,
            trading_state=state.trading_state,
            trading_set_by=state.trading_set_by,
            trading_since=state.trading_since,
            account=state.account,
            orders=list(state.orders.values()),
            ended=list(state.ended.values()),
            ended_at=list(state.ended_at),
            client_ids=state.client_ids,
            fills=state.fills,
            positions=list(state.positions.values()),
            answers=state.answers,
            answers_end=state.answers_end,
            dead_men=list(state.dead_men.values()),
            due_cancels=state.due_cancels,
            recent=list(state.recent),
            breaks=state.breaks,
            trading_floor=state.trading_floor,
        )
    )


def restore(data: bytes) -> AccountState:
    """The state that `snapshot` made the bytes of. Raises `msgspec.ValidationError` for bytes of another kind and
    `ValueError` for those of another version.
    """
    kept = _decode(data)
    if kept.version != _VERSION:
        raise ValueError(f"a snapshot of version {kept.version}; this program reads {_VERSION}")
    state = AccountState(kept.account_id)
    state.opened = kept.opened
    state.tenant_id, state.mode, state.currency = kept.tenant_id, kept.mode, kept.currency
    state.seq, state.ts = kept.seq, kept.ts
    state.limits, state.account = kept.limits, kept.account
    state.trading_state, state.trading_set_by = kept.trading_state, kept.trading_set_by
    state.trading_since = kept.trading_since
    state.trading_floor = kept.trading_floor or (kept.trading_state if kept.trading_set_by == "admin" else "active")
    state.ended = {order.order_id: order for order in kept.ended}
    state.ended_at.extend(kept.ended_at)
    state.client_ids, state.fills = kept.client_ids, kept.fills
    state.positions = {position.symbol: position for position in kept.positions}
    state.answers, state.answers_end = kept.answers, kept.answers_end
    state.dead_men = {switch.name: switch for switch in kept.dead_men}
    state.due_cancels = kept.due_cancels
    state.recent.extend(kept.recent)
    state.breaks = kept.breaks
    for order in kept.orders:
        state.add(order)
    return state
