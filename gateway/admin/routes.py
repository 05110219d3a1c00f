"""The admin routes, and which roles each is for: the matrix of the specification, as far as it is built."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from gateway.admin.accounts import AccountDesk
from gateway.admin.admins import AdminDesk
from gateway.admin.alertmanager import AlertmanagerDesk
from gateway.admin.alerts import AlertsDesk
from gateway.admin.applications import ApplicationDesk
from gateway.admin.audit_events import AuditDesk
from gateway.admin.connectors import AvailabilityDesk, CatalogDesk
from gateway.admin.credentials import CredentialDesk
from gateway.admin.halts import HaltDesk
from gateway.admin.notifications import NotificationsDesk
from gateway.admin.orders import OrderDesk
from gateway.admin.parts import AdminParts
from gateway.admin.provisioning import ProvisioningDesk
from gateway.admin.registry import RegistryDesk
from gateway.admin.users import UserDesk
from gateway.http.calls import BearerHandler, BearerWrite
from gateway.http.edge import Edge, Endpoint
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from storage.models.people import ADMIN_ROLES, AdminRole

ROOT: Final = "/internal/v1/admin"
SUPER: Final[tuple[AdminRole, ...]] = ("super_admin",)
OPERATIONS_DESK: Final[tuple[AdminRole, ...]] = ("super_admin", "ops_admin")
OVERSIGHT: Final[tuple[AdminRole, ...]] = ("super_admin", "compliance_admin")


class Guarded(NamedTuple):
    """An operation: where it is (below `ROOT`, unless it is a whole path), who may, and whether it must carry an
    `Idempotency-Key`, and a body (whoever sends none means one of no fields otherwise).
    """

    method: str
    path: str
    roles: tuple[AdminRole, ...]
    key_required: bool = False
    body_required: bool = False


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
    "adminSetLimits": Guarded("PUT", "/accounts/<account_id>/limits", SUPER, body_required=True),
    "adminListAccessApplications": Guarded("GET", "/access-applications", ADMIN_ROLES),
    "adminGetAccessApplication": Guarded("GET", "/access-applications/<application_id>", ADMIN_ROLES),
    "adminReviewAccessApplication": Guarded("POST", "/access-applications/<application_id>/review", ADMIN_ROLES),
    "adminApproveAccessApplication": Guarded(
        "POST", "/access-applications/<application_id>/approve", OVERSIGHT, body_required=True
    ),
    "adminRejectAccessApplication": Guarded("POST", "/access-applications/<application_id>/reject", OVERSIGHT),
    "adminListProvisioningJobs": Guarded("GET", "/provisioning/jobs", ADMIN_ROLES),
    "adminGetProvisioningJob": Guarded("GET", "/provisioning/jobs/<job_id>", ADMIN_ROLES),
    "adminRetryProvisioningJob": Guarded("POST", "/provisioning/jobs/<job_id>/retry", OPERATIONS_DESK),
    "adminListConnectorCatalog": Guarded("GET", "/connectors/catalog", ADMIN_ROLES),
    "adminCreateConnectorCatalog": Guarded("POST", "/connectors/catalog", OPERATIONS_DESK, key_required=True),
    "adminUpdateConnectorCatalog": Guarded(
        "PATCH", "/connectors/catalog/<connector_id>", OPERATIONS_DESK, key_required=True
    ),
    "adminListConnectorAvailability": Guarded("GET", "/connectors/availability", ADMIN_ROLES),
    "adminUpdateConnectorAvailability": Guarded("PATCH", "/connectors/<connector>/availability", OPERATIONS_DESK),
    "adminListRegistryExchanges": Guarded("GET", "/internal/v1/registry/exchanges", ADMIN_ROLES),
    "adminUpsertExchangeCredential": Guarded("POST", "/exchange-credentials", OPERATIONS_DESK),
    "adminListOrders": Guarded("GET", "/orders", ADMIN_ROLES),
    "adminObservabilitySummary": Guarded("GET", "/observability/summary", SUPER),
    "adminListAlerts": Guarded("GET", "/alerts", ADMIN_ROLES),
    "adminAcknowledgeAlert": Guarded("POST", "/alerts/<alert_id>/acknowledge", OPERATIONS_DESK),
    "adminNotificationConfig": Guarded("GET", "/notifications/config", SUPER),
}
ALERTMANAGER: Final = "adminReceiveAlertmanager"
"""For no admin: Alertmanager has a token of its own."""
BUILT: Final = frozenset({*OPERATIONS, ALERTMANAGER})


def register_admin(routes: Routes, edge: Edge, parts: AdminParts, tokens: PageTokens) -> None:
    """Add the admin routes."""
    users, admins = UserDesk(parts, tokens), AdminDesk(parts, tokens)
    halts, accounts = HaltDesk(parts, tokens), AccountDesk(parts)
    applications, alerts = ApplicationDesk(parts, tokens), AlertsDesk(parts.alerts, parts.trail, tokens)
    provisioning = ProvisioningDesk(parts, tokens)
    catalog, availability = CatalogDesk(parts, tokens), AvailabilityDesk(parts, tokens)
    reads: dict[str, BearerHandler] = {
        "adminListUsers": users.list,
        "adminListUserApiKeys": users.keys,
        "adminListAuditEvents": AuditDesk(parts.audit_events, tokens).list,
        "adminListAdmins": admins.list,
        "adminListHalts": halts.list,
        "adminListAccessApplications": applications.list,
        "adminGetAccessApplication": applications.detail,
        "adminListProvisioningJobs": provisioning.list,
        "adminGetProvisioningJob": provisioning.get,
        "adminListConnectorCatalog": catalog.list,
        "adminListConnectorAvailability": availability.list,
        "adminListRegistryExchanges": RegistryDesk(parts, tokens).list,
        "adminListOrders": OrderDesk(parts, tokens).list,
        "adminObservabilitySummary": parts.observability.summary,
        "adminListAlerts": alerts.list,
        "adminNotificationConfig": NotificationsDesk(parts.alerts).config,
    }
    writes: dict[str, BearerWrite] = {
        "adminUpdateUserStatus": users.set_status,
        "adminUpdateAdmin": admins.update,
        "adminSetHalt": halts.set,
        "adminLiftHalt": halts.lift,
        "adminDeposit": accounts.deposit,
        "adminSetLimits": accounts.limits,
        "adminReviewAccessApplication": applications.review,
        "adminApproveAccessApplication": applications.approve,
        "adminRejectAccessApplication": applications.reject,
        "adminRetryProvisioningJob": provisioning.retry,
        "adminCreateConnectorCatalog": catalog.create,
        "adminUpdateConnectorCatalog": catalog.update,
        "adminUpdateConnectorAvailability": availability.set,
        "adminUpsertExchangeCredential": CredentialDesk(parts).upsert,
        "adminAcknowledgeAlert": alerts.acknowledge,
    }
    for operation, read in reads.items():
        _add(routes, operation, edge.admin_read(operation, OPERATIONS[operation].roles, read))
    for operation, write in writes.items():
        guarded = OPERATIONS[operation]
        endpoint = edge.admin_write(
            operation, guarded.roles, write, key_required=guarded.key_required, body_required=guarded.body_required
        )
        _add(routes, operation, endpoint)
    heard = edge.token_write(ALERTMANAGER, parts.alerts.alertmanager_token, AlertmanagerDesk(parts.alerts.desk).take)
    routes.write("POST", f"{ROOT}/alerts/alertmanager", ALERTMANAGER, heard)


def _add(routes: Routes, operation: str, endpoint: Endpoint) -> None:
    """Those of a fixed path are also answered straight from the server."""
    method, path, *_ = OPERATIONS[operation]
    whole = path if path.startswith("/internal/") else ROOT + path
    if "<" in path:
        routes.add(method, whole, operation, endpoint)
    elif method == "GET":
        routes.read(whole, operation, endpoint)
    else:
        routes.write(method, whole, operation, endpoint)
