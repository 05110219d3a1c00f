"""Orders that wait for the open: `ReleaseAtOpen` and `ExpireOrder` decided. Pure.

At the open the first quote may still be a moment away, a halt may hold (one to `reducing`: only what would increase) or
the connector be down: then the order looks again after a pause that doubles up to half a minute.
"""

from typing import Final

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND
from storage.models.order_commands import ExpireOrder, ReleaseAtOpen
from storage.models.order_events import OrderExpired, OrderSent
from storage.models.orders import Order
from streams.orders.draft import Draft
from streams.orders.proposals import restriction_of, still_reduces
from streams.risk.permissions import connector_for

SENT_WITHIN_NS: Final = 30_000_000_000
"""Nobody has given up an order that was accepted before: it outlives a take-over or a broker restart on its way to the venue."""
_FIRST_PAUSE_NS: Final = 250 * NANOSECONDS_PER_MILLISECOND
_LONGEST_PAUSE_NS: Final = 30_000 * NANOSECONDS_PER_MILLISECOND
_MOST_DOUBLINGS: Final = 7


def release_at_open(draft: Draft, command: ReleaseAtOpen) -> None:
    """Send the order if the market is open and nothing holds it, else look again later."""
    order = draft.state.orders.get(command.order_id)
    if order is None or order.release_at != command.due_at:
        return
    connector = _connector(draft, order)
    if connector is None:
        attempts = order.release_attempts + 1
        release_at = _next_look(draft, order.symbol, attempts, command.due_at)
        draft.put(order, release_at=release_at, release_attempts=attempts)
        return
    valid_until = draft.now + SENT_WITHIN_NS
    draft.event(OrderSent(order.order_id, connector, valid_until))
    draft.put(order, state="sent", connector=connector, valid_until=valid_until, release_at=None, expires_at=None)


def expire_order(draft: Draft, command: ExpireOrder) -> None:
    """End a DAY order whose day is over before it was sent."""
    order = draft.state.orders.get(command.order_id)
    if order is None or order.state != "accepted" or order.expires_at != command.due_at:
        return
    draft.event(OrderExpired(order.order_id))
    draft.put(order, state="expired", reason="expired")


def _connector(draft: Draft, order: Order) -> str | None:
    """Where it may be sent now; None while the market is closed, a halt holds it or there is no way to the venue."""
    quote, rules = draft.quote(order.symbol), draft.rules(order.symbol)
    if quote is None or rules is None or quote.session_state != "open" or not (rules.active and rules.tradable):
        return None
    restriction = restriction_of(draft, rules, order.strategy_id)
    if restriction is not None and (restriction.level == "halted" or not still_reduces(draft.state, order)):
        return None
    connector = connector_for(draft.state.tenant_id, order.venue, draft.market.controls)
    return connector if isinstance(connector, str) else None


def _next_look(draft: Draft, symbol: str, attempts: int, due_at: int) -> int:
    """Later than `due_at`, by whatever clock: the owner of before may have been ahead of this one, and a deadline at the time
    of one that was decided would be a repeat of its command.
    """
    pause = min(_FIRST_PAUSE_NS << min(attempts - 1, _MOST_DOUBLINGS), _LONGEST_PAUSE_NS)
    hours = draft.market.hours.get(symbol)
    opens_at = hours.opens_at if hours is not None and hours.opens_at is not None else 0
    return max(max(draft.now, due_at) + pause, opens_at)
