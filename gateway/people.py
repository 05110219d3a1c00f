"""What the gateway serves people by, and their routes: identity, self-service, administration, waitlist."""

from dataclasses import dataclass
from typing import Final

from gateway.access.ports import AccessParts
from gateway.admin import routes as administration
from gateway.admin.parts import AdminParts
from gateway.http.edge import Edge
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from gateway.identity.door import routes as door
from gateway.identity.own import routes as own
from gateway.identity.own.routes import SelfParts
from gateway.identity.parts import IdentityParts
from gateway.waitlist import routes as waitlist
from gateway.waitlist.submit import Submit

BUILT: Final = door.BUILT | own.BUILT | administration.BUILT | waitlist.BUILT


@dataclass(frozen=True, slots=True)
class PeopleParts:
    """One for each feature."""

    identity: IdentityParts
    own: SelfParts
    administration: AdminParts
    waitlist: Submit
    access: AccessParts


def register_people(routes: Routes, edge: Edge, parts: PeopleParts, tokens: PageTokens) -> None:
    """Add the routes of all of them."""
    door.register_identity(routes, edge, parts.identity)
    own.register_self(routes, edge, parts.own, tokens)
    administration.register_admin(routes, edge, parts.administration, tokens)
    waitlist.register_waitlist(routes, edge, parts.waitlist)
