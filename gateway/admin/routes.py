"""The admin routes, and which roles each is for: the matrix of the specification, as far as it is built."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.admin.accounts import AccountDesk
from gateway.admin.admins import AdminDesk
from gateway.admin.audit_events import AuditDesk
from gateway.admin.halts import HaltDesk
from gateway.admin.parts import AdminParts
from gateway.admin.users import UserDesk
from gateway.http.calls import BearerHandler, BearerWrite
from gateway.http.edge import Edge, Endpoint
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from storage.models.people import ADMIN_ROLES, AdminRole

ROOT: Final = "/internal/v1/admin"
SUPER: Final[tuple[AdminRole, ...]] = ("super_admin",)
OVERSIGHT: Final[tuple[AdminRole, ...]] = ("super_admin", "compliance_admin")


class Guarded(NamedTuple):
    """An operation: where it is, who may, and whether it must carry an `Idempotency-Key`."""

    method: str
    path: str
    roles: tuple[AdminRole, ...]
    key_required: bool = False


OPERATIONS: Final[Mapping[str, Guarded]] = {
    "adminListUsers": Guarded("GET", "/users", ADMIN_ROLES),
    "adminUpdateUserStatus": Guarded("PATCH", "/users/<user_id>/status", OVERSIGHT, key_required=True),
    "adminListUserApiKeys": Guarded("GET", "/users/<user_id>/api-keys", ADMIN_ROLES),
    "adminListAuditEvents": Guarded("GET", "/audit-events", OVERSIGHT),
    "adminListAdmins": Guarded("GET", "/admins", SUPER),
    "adminUpdateAdmin": Guarded("PATCH", "/admins/<admin_id>", SUPER),
    "adminListHalts": Guarded("GET", "/trading-halts", SUPER),
    "adminSetHalt": Guarded("POST", "/trading-halts", SUPER),
    "adminLiftHalt": Guarded("DELETE", "/trading-halts/<halt_id>", SUPER),
    "adminDeposit": Guarded("POST", "/accounts/<account_id>/deposits", SUPER, key_required=True),
    "adminSetLimits": Guarded("PUT", "/accounts/<account_id>/limits", SUPER),
}
BUILT: Final = frozenset(OPERATIONS)


def register_admin(routes: Routes, edge: Edge, parts: AdminParts, tokens: PageTokens) -> None:
    """Add the admin routes."""
    users, admins = UserDesk(parts, tokens), AdminDesk(parts, tokens)
    halts, accounts = HaltDesk(parts, tokens), AccountDesk(parts)
    reads: dict[str, BearerHandler] = {
        "adminListUsers": users.list,
        "adminListUserApiKeys": users.keys,
        "adminListAuditEvents": AuditDesk(parts.audit_events, tokens).list,
        "adminListAdmins": admins.list,
        "adminListHalts": halts.list,
    }
    writes: dict[str, BearerWrite] = {
        "adminUpdateUserStatus": users.set_status,
        "adminUpdateAdmin": admins.update,
        "adminSetHalt": halts.set,
        "adminLiftHalt": halts.lift,
        "adminDeposit": accounts.deposit,
        "adminSetLimits": accounts.limits,
    }
    for operation, read in reads.items():
        _add(routes, operation, edge.admin_read(operation, OPERATIONS[operation].roles, read))
    for operation, write in writes.items():
        guarded = OPERATIONS[operation]
        endpoint = edge.admin_write(operation, guarded.roles, write, key_required=guarded.key_required)
        _add(routes, operation, endpoint)


def _add(routes: Routes, operation: str, endpoint: Endpoint) -> None:
    """Those of a fixed path are also answered straight from the server."""
    method, path, _, _ = OPERATIONS[operation]
    if "<" in path:
        routes.add(method, ROOT + path, operation, endpoint)
    elif method == "GET":
        routes.read(ROOT + path, operation, endpoint)
    else:
        routes.write(method, ROOT + path, operation, endpoint)
