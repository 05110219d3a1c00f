"""The list of connectors: one page of those that a query asks for, shown to anyone or to admins."""

from collections.abc import Callable
from typing import Final

import msgspec

from gateway.connectors.parts import ConnectorParts
from gateway.connectors.views import States, Values, filters_of, fits
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import Query, QueryReader
from storage.models.connectors import Connector

_encode: Final = msgspec.json.Encoder().encode


class CatalogList:
    """Lists the catalog by id. Whole unless a page is asked for."""

    def __init__(self, parts: ConnectorParts, tokens: PageTokens, name: str) -> None:
        """`name` tells this list's page tokens from another's."""
        self._parts, self._tokens, self._name = parts, tokens, name

    async def answer(self, query: Query, view: Callable[[Connector, States], Values]) -> bytes:
        """`data` of the list. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(query)
        filters, asked = filters_of(reader), page_asked(reader)
        reader.finish()
        found = [connector for connector in await self._parts.catalog.all() if fits(connector, filters)]
        page, token = page_of(found, asked, _place, self._tokens, (self._name, filters))
        states = await self._parts.availabilities.of(connector.connector_id for connector in page)
        return _encode({"items": [view(connector, states) for connector in page], "next_page_token": token})


def _place(connector: Connector) -> str:
    return connector.connector_id
