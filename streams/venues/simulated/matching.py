"""Price-time priority: an incoming order against what rests, and resting orders against a new book of the feed."""

from decimal import Decimal
from typing import Final

from storage.models.venues import Side
from streams.venues.simulated.amounts import ZERO
from streams.venues.simulated.draft import LARGEST_STEP, Draft, Maker
from streams.venues.simulated.orders import OPPOSITE, Order

MOST_MAKERS: Final = LARGEST_STEP // 5
"""So many a fill-or-kill may meet: each gives at most two orders' reports, doubled by a scenario, and an image."""


def is_beyond(side: Side, price: Decimal, limit: Decimal | None) -> bool:
    """Whether an order of `side` with this limit must not trade at `price`."""
    if limit is None:
        return False
    return price > limit if side == "buy" else price < limit


def would_take(draft: Draft, order: Order) -> bool:
    """Whether the order would meet something at once."""
    first = next(draft.makers(OPPOSITE[order.side]), None)
    return first is not None and not is_beyond(order.side, first.price, order.price)


def can_fill_whole(draft: Draft, order: Order) -> bool:
    """Whether everything that remains of the order would fill at once, before it meets its own tenant."""
    needed = order.remaining
    for number, maker in enumerate(draft.makers(OPPOSITE[order.side])):
        if is_beyond(order.side, maker.price, order.limit) or _is_own(maker, order) or number == MOST_MAKERS:
            return False
        needed -= maker.quantity
        if needed <= 0:
            return True
    return False


def execute(draft: Draft, taker: Order) -> str | None:
    """Fill a changed order against what it meets. Why it must end there: it has met its own tenant, or too many others."""
    start = draft.size
    for maker in draft.makers(OPPOSITE[taker.side]):
        if not taker.remaining or is_beyond(taker.side, maker.price, taker.limit):
            return None
        if _is_own(maker, taker):
            return "SIM_SELF_TRADE"
        if draft.is_full(start):
            return "SIM_TOO_MANY_FILLS"
        quantity, trade_id = min(taker.remaining, maker.quantity), draft.trade_id()
        if maker.order is None:
            draft.take(OPPOSITE[taker.side], maker.price, quantity)
        else:
            draft.fill(draft.change(maker.order), maker.price, quantity, "maker", trade_id)
        draft.fill(taker, maker.price, quantity, "taker", trade_id)
    return None


def _is_own(maker: Maker, taker: Order) -> bool:
    return maker.order is not None and maker.order.tenant_id == taker.tenant_id


def meet_feed(draft: Draft, side: Side) -> None:
    """Fill resting orders of `side` that the feed's book has come to. They were there first: at their own prices."""
    best, start = draft.level(OPPOSITE[side]), draft.size
    for order in draft.resting(side):
        if draft.is_full(start):
            return
        while best is not None and order.remaining > ZERO and not is_beyond(side, best[0], order.price):
            assert order.price is not None  # noqa: S101  (it rests in the book)
            order = draft.change(order)  # noqa: PLW2901
            quantity = min(order.remaining, best[1])
            draft.take(OPPOSITE[side], best[0], quantity)
            draft.fill(order, order.price or ZERO, quantity, "maker", draft.trade_id())
            best = draft.level(OPPOSITE[side])
        if best is None or order.remaining > ZERO:
            return
