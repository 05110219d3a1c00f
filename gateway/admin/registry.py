"""The registry of exchanges: venues with their MIC, calendar, asset classes and connectors."""

from dataclasses import asdict

from gateway.admin.acts import encode
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from storage.registry import Exchange, exchanges_of


class RegistryDesk:
    """Lists exchanges."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._reference, self._catalog, self._tokens = parts.reference, parts.connectors.catalog, tokens

    async def list(self, call: BearerCall) -> bytes:
        """Every exchange by its code. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        exchanges = exchanges_of(self._reference(), await self._catalog.all())
        page, token = page_of(exchanges, asked, _place, self._tokens, ("exchanges", {}))
        return encode({"items": [asdict(exchange) for exchange in page], "next_page_token": token})


def _place(exchange: Exchange) -> str:
    return exchange.exchange_code
