"""`GET /public/v1/connectors/catalog`: the connectors that there are, for anyone."""

from typing import Final

from gateway.connectors.catalog import CatalogList
from gateway.connectors.parts import ConnectorParts
from gateway.connectors.views import public_view
from gateway.http.calls import PublicCall
from gateway.http.edge import Edge
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes

OPERATION: Final = "listPublicConnectorCatalog"
BUILT: Final = frozenset({OPERATION})
PATH: Final = "/public/v1/connectors/catalog"


def register_connectors(routes: Routes, edge: Edge, parts: ConnectorParts, tokens: PageTokens) -> None:
    """Add the public list."""
    listed = CatalogList(parts, tokens, "public connectors")

    async def catalog(call: PublicCall) -> bytes:
        return await listed.answer(call.query, public_view)

    routes.read(PATH, OPERATION, edge.public(OPERATION, catalog))
