"""A symbol's state as a checkpoint and back. Whatever the records are cut into, both ways lead to the same state."""

from itertools import chain

from storage.models.venues import FeedTaken, RequestKey, Side, SymbolCheckpoint, decode_checkpoint, encode
from streams.venues.simulated.amounts import amount, text_of
from streams.venues.simulated.orders import image_of, order_of
from streams.venues.simulated.state import SymbolState, put, take_of_feed


def snapshot(state: SymbolState) -> bytes:
    """The state as JSON of `SymbolCheckpoint`."""
    return encode(
        SymbolCheckpoint(
            state.symbol,
            state.seq,
            state.priority,
            state.ts,
            tuple(image_of(order) for order in state.orders.values()),
            tuple((order_id, seq, at) for order_id, (seq, at) in state.handled.items()),
            tuple(chain.from_iterable(state.fills.values())),
            tuple((*key, text_of(quantity)) for key, quantity in state.positions.items()),
            tuple(state.withheld.values()),
            tuple(state.parked.values()),
            _taken_image(state),
            tuple(state.ended),
        )
    )


def _taken_image(state: SymbolState) -> FeedTaken | None:
    sides: dict[Side, list[tuple[str, str]]] = {"buy": [], "sell": []}
    for (side, price), quantity in state.taken.items():
        sides[side].append((text_of(price), text_of(quantity)))
    return FeedTaken(state.taken_of, tuple(sides["buy"]), tuple(sides["sell"])) if state.taken else None


def restore(value: bytes) -> SymbolState:
    """The state that `snapshot` wrote. Raises `msgspec.MsgspecError` for bytes that are no checkpoint."""
    checkpoint = decode_checkpoint(value)
    state = SymbolState(checkpoint.symbol)
    for image in checkpoint.orders:
        put(state, order_of(image))
    state.ended.clear()
    state.ended.extend(checkpoint.ended)
    state.seq, state.priority, state.ts = checkpoint.seq, checkpoint.priority, checkpoint.ts
    state.handled = {order_id: (seq, at) for order_id, seq, at in checkpoint.handled}
    for report in checkpoint.fills:
        state.fills.setdefault(report.order_id, []).append(report)
    state.positions = {(connector, account): amount(text) for connector, account, text in checkpoint.positions}
    state.withheld = {held.report.report_id: held for held in checkpoint.withheld}
    state.parked = {RequestKey(held.request.order_id, held.request.seq): held for held in checkpoint.parked}
    take_of_feed(state, checkpoint.taken)
    return state
