"""When the clock, or a quote, can change something: what saves the engine from looking at every symbol every time."""

from decimal import Decimal

from streams.venues.simulated.market import FeedBook, Market
from streams.venues.simulated.state import SymbolState


def can_move(state: SymbolState, feed: FeedBook) -> bool:
    """Whether a book of the feed may fill a resting order, trigger a stop, or let queued orders in."""
    if state.is_quiet:
        return False
    bid, ask, last = feed.best
    return bool(state.queue) or _meets(state, bid, ask) or _triggers(state, last)


def _meets(state: SymbolState, bid: Decimal, ask: Decimal) -> bool:
    buys, sells = state.book["buy"], state.book["sell"]
    return bool((buys and ask and -buys[0][0] >= ask) or (sells and bid and sells[0][0] <= bid))


def _triggers(state: SymbolState, last: Decimal) -> bool:
    buys, sells = state.stops["buy"], state.stops["sell"]
    return bool(last and ((buys and buys[0][0] <= last) or (sells and -sells[0][0] >= last)))


def next_due(state: SymbolState, market: Market) -> int | None:
    """The next moment (ns, our clock; not before `market.now`) at which `Elapsed` may change something; None: never."""
    moments = [held.due for held in state.withheld.values() if not market.is_silent(held.report.connector)]
    moments += [parked.due for parked in state.parked.values()]
    if state.expiries:
        moments.append(state.expiries[0][0] - market.clock + market.now)
    if state.queue:
        moments.append(market.opens_at())
    return max(market.now, min(moments)) if moments else None
