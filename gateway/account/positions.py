"""`GET /v1/positions`: what the caller's account holds, at the present quotes."""

from typing import Any, Final

from gateway.account.live_values import LiveValues
from gateway.account.overview import PositionSource
from gateway.account.standing import Standing, shown
from gateway.http.calls import Reply, SignedCall
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.market.ports import ReferenceSource
from gateway.market.symbols import known_symbol
from storage.models.instruments import ASSET_CLASSES
from storage.models.positions import Position

_SHOWN: Final = (
    "symbol", "venue", "asset_class", "currency", "net_qty", "avg_price", "mark_price", "notional", "margin",
    "unrealized_pnl", "realized_pnl", "updated_at",
)  # fmt: skip


class Positions:
    """Lists positions by symbol, flat ones too: their realised profit is part of the account's."""

    def __init__(
        self,
        standing: Standing,
        positions: PositionSource,
        values: LiveValues,
        reference: ReferenceSource,
        tokens: PageTokens,
    ) -> None:
        self._standing = standing
        self._positions = positions
        self._values = values
        self._reference = reference
        self._tokens = tokens

    async def handle(self, call: SignedCall) -> Reply:
        """Raises what `Standing.of` raises, `request.invalid`, `market.unknown_symbol` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        filters = {"symbol": reader.text("symbol"), "asset_class": reader.choice("asset_class", ASSET_CLASSES)}
        asked = page_asked(reader)
        reader.finish()
        known_symbol(self._reference(), filters["symbol"])
        account = await self._standing.of(call)
        found = [one for one in await self._positions.of(account.account_id) if _fits(one, filters)]
        about = ("positions", {**filters, "account": account.account_id})
        page, token = page_of(found, asked, lambda one: one.symbol, self._tokens, about)
        items = [_view(position) for position in self._values.positions(page, call.now)]
        return shown({"items": items, "next_page_token": token}, account.as_of_seq)


def _fits(position: Position, filters: dict[str, str | None]) -> bool:
    return all(wanted is None or getattr(position, name) == wanted for name, wanted in filters.items())


def _view(position: Position) -> dict[str, Any]:
    return {name: getattr(position, name) for name in _SHOWN}
