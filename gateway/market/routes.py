"""The market routes."""

from gateway.http.calls import SignedHandler, Weigh
from gateway.http.edge import Edge
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from gateway.market.bars import BarDocuments, Bars
from gateway.market.calendar import CalendarPages
from gateway.market.markets import Markets
from gateway.market.ports import ReferenceSource
from gateway.market.quotes import LatestQuoteSource, Quotes, quotes_weight
from gateway.quote_board import QuoteBoard

BUILT = frozenset({"listMarkets", "getQuotes", "getBars", "getCalendar"})


def register_market(
    routes: Routes,
    edge: Edge,
    *,
    board: QuoteBoard,
    latest_quotes: LatestQuoteSource,
    bars: BarDocuments,
    reference: ReferenceSource,
    tokens: PageTokens,
) -> None:
    """Add the market routes, all for keys with `market:read`."""
    quotes = Quotes(board, latest_quotes, reference)
    reads: dict[str, tuple[str, int | Weigh, SignedHandler]] = {
        "/v1/markets": ("listMarkets", 10, Markets(reference, tokens).handle),
        "/v1/quotes": ("getQuotes", quotes_weight, quotes.handle),
        "/v1/bars": ("getBars", 5, Bars(bars, reference).handle),
        "/v1/calendar": ("getCalendar", 1, CalendarPages(reference).handle),
    }
    for rule, (operation, weight, handler) in reads.items():
        routes.read(rule, operation, edge.signed(operation, "market:read", weight, handler))
