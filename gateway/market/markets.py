"""`GET /v1/markets`: the instruments, by symbol, with the session that their calendar has now."""

from bisect import bisect_right
from typing import Any, Final

import msgspec

from gateway.http.calls import SignedCall
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.market.ports import ReferenceSource
from ops.runtime.errors import HubError
from storage.models.calendar_rules import session_state
from storage.models.instruments import ASSET_CLASSES, Instrument
from storage.reference import ReferenceData

MOST_ITEMS: Final = 500
USUAL_ITEMS: Final = 50
_SHOWN: Final = (
    "symbol", "venue", "asset_class", "price_precision", "qty_precision", "status", "tick_size", "lot_size",
    "min_quantity", "max_quantity", "min_notional", "currency", "multiplier", "initial_margin_rate",
    "maintenance_margin_rate", "calendar", "shortable",
)  # fmt: skip


class Markets:
    """Lists instruments in pages. A page goes on after the last symbol shown, so inserts neither repeat nor hide one."""

    def __init__(self, reference: ReferenceSource, tokens: PageTokens) -> None:
        self._reference = reference
        self._tokens = tokens

    async def handle(self, call: SignedCall) -> bytes:
        """`data` of the answer. Raises `request.invalid`, `market.unknown_venue` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        filters = {
            "asset_class": reader.choice("asset_class", ASSET_CLASSES),
            "venue": reader.text("venue"),
            "status": reader.choice("status", ("active", "halted")),
        }
        size = reader.whole("page_size", 1, MOST_ITEMS, USUAL_ITEMS)
        token = reader.text("page_token")
        reader.finish()
        reference = self._reference()
        known_venue(reference, filters["venue"])
        after = None if token is None else self._tokens.open("markets", filters, token)
        found = sorted(
            (item for item in reference.instruments.values() if _fits(item, filters)), key=lambda item: item.symbol
        )
        first = 0 if after is None else bisect_right(found, after, key=lambda item: item.symbol)
        page = found[first : first + size]
        more = first + size < len(found)
        return msgspec.json.encode(
            {
                "items": [_shown(item, reference, call.now) for item in page],
                "next_page_token": self._tokens.make("markets", filters, page[-1].symbol) if more else None,
            }
        )


def known_venue(reference: ReferenceData, venue: str | None) -> None:
    """Raises `market.unknown_venue` unless `venue` is None or some instrument's."""
    if venue is not None and all(item.venue != venue for item in reference.instruments.values()):
        raise HubError("market.unknown_venue", {"venue": venue})


def _fits(item: Instrument, filters: dict[str, str | None]) -> bool:
    return all(wanted is None or getattr(item, name) == wanted for name, wanted in filters.items())


def _shown(item: Instrument, reference: ReferenceData, now: int) -> dict[str, Any]:
    session = session_state(reference.calendar_of(item.symbol), now)
    return {**{name: getattr(item, name) for name in _SHOWN}, "session": session}
