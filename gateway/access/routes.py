"""The routes of access for API keys: a write with `access:write`, reads with `access:read` (which reads of orders count with)."""

from typing import Final

from gateway.access.own import OwnAccess
from gateway.access.ports import AccessParts
from gateway.access.submit import Submit
from gateway.http.edge import Edge
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes

BUILT: Final = frozenset(
    {"submitAccessApplication", "listAccessApplications", "getAccessApplication", "listAccessBindings"}
)
_APPLICATIONS: Final = "/v1/access-applications"
_BINDINGS: Final = "/v1/access-bindings"


def register_access(routes: Routes, edge: Edge, parts: AccessParts, tokens: PageTokens) -> None:
    """Add the routes of tenants."""
    own = OwnAccess(parts, tokens)
    submit = edge.signed_effect("submitAccessApplication", "access:write", Submit(parts).handle, ("account",))
    routes.write("POST", _APPLICATIONS, "submitAccessApplication", submit)
    routes.read(
        _APPLICATIONS,
        "listAccessApplications",
        edge.signed("listAccessApplications", "access:read", 1, own.list, "account"),
    )
    routes.add(
        "GET",
        f"{_APPLICATIONS}/<application_id>",
        "getAccessApplication",
        edge.signed("getAccessApplication", "access:read", 1, own.get, "account"),
    )
    routes.read(
        _BINDINGS, "listAccessBindings", edge.signed("listAccessBindings", "access:read", 1, own.bindings, "account")
    )
