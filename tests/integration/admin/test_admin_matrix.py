"""The matrix of roles: every admin operation x every role x everything that may be wrong with a token, exactly answered.

The table below is that of the specification, word for word. What is compared with it is what the routes register.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import pytest
from argon2 import PasswordHasher

from gateway.admin import routes as admin_routes
from gateway.http.calls import BearerHandler, BearerWrite
from gateway.http.contract import Operation, load_additions, load_contract, operations_of
from gateway.http.edge import Edge, Endpoint
from gateway.http.limits import Limiter
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import Routes
from gateway.identity.door import routes as door_routes
from gateway.identity.parts import IdentityParts
from gateway.identity.people.afterwards import Afterwards
from gateway.identity.proofs.codes import Codes
from ops.runtime.identifiers import SystemIdentifiers
from storage.models.applications import Application
from storage.models.people import ADMIN_ROLES, AdminRole
from storage.models.sessions import ACCESS_SECONDS
from storage.mongo.applications import Applications
from storage.mongo.challenges import Challenges
from storage.mongo.notices import Notices
from storage.passwords import Passwords
from tests.integration.admin.admin_desk import ROOT, AdminDesk, Answered

TABLE: Final = """
| | super_admin | ops_admin | compliance_admin |
| --- | --- | --- | --- |
| users: list, keys | yes | yes | yes |
| users: status | yes | - | yes |
| audit events | yes | - | yes |
| access applications: list, detail, review | yes | yes | yes |
| orders: read | yes | yes | yes |
| accounts: deposits, limits | yes | - | - |
| approve / reject | yes | - | yes |
| exchange credentials | yes | yes | - |
| connector catalog, availability, registry: read / write | yes / yes | yes / yes | yes / - |
| provisioning jobs: read / retry | yes / yes | yes / yes | yes / - |
| alerts: read / acknowledge | yes / yes | yes / yes | yes / - |
| observability summary, notifications config, kill switch, admins | yes | - | - |
"""
SUBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "users: list, keys": ("adminListUsers", "adminListUserApiKeys"),
    "users: status": ("adminUpdateUserStatus",),
    "audit events": ("adminListAuditEvents",),
    "access applications: list, detail, review": (
        "adminListAccessApplications", "adminGetAccessApplication", "adminReviewAccessApplication",
    ),
    "orders: read": ("adminListOrders",),
    "accounts: deposits, limits": ("adminDeposit", "adminSetLimits"),
    "approve / reject": ("adminApproveAccessApplication", "adminRejectAccessApplication"),
    "exchange credentials": ("adminUpsertExchangeCredential",),
    "connector catalog, availability, registry: read": (
        "adminListConnectorCatalog", "adminListConnectorAvailability", "adminListRegistryExchanges",
    ),
    "connector catalog, availability, registry: write": (
        "adminCreateConnectorCatalog", "adminUpdateConnectorCatalog", "adminUpdateConnectorAvailability",
    ),
    "provisioning jobs: read": ("adminGetProvisioningJob", "adminListProvisioningJobs"),
    "provisioning jobs: retry": ("adminRetryProvisioningJob",),
    "alerts: read": ("adminListAlerts",),
    "alerts: acknowledge": ("adminAcknowledgeAlert",),
    "observability summary, notifications config, kill switch, admins": (
        "adminObservabilitySummary", "adminNotificationConfig", "adminListHalts", "adminSetHalt", "adminLiftHalt",
        "adminListAdmins", "adminUpdateAdmin",
    ),
}  # fmt: skip
"""Which operations a row is about; those that an issue to come adds are not there yet."""
LOGOUT: Final = "logoutAdmin"
"""In no row: it is for whoever has logged in."""


def rights() -> dict[str, tuple[AdminRole, ...]]:
    """Operation -> the roles that may, as the table says."""
    found: dict[str, tuple[AdminRole, ...]] = {LOGOUT: ADMIN_ROLES}
    rows = [line.strip("| ").split(" | ") for line in TABLE.strip().splitlines()]
    assert tuple(rows[0]) == ADMIN_ROLES
    for label, *cells in rows[2:]:
        parts = re.split(" / ", cells[0])
        subject, _, verbs = label.rpartition(": ")
        labels = [f"{subject}: {verb}" for verb in verbs.split(" / ")] if len(parts) == 2 else [label]
        for place, name in enumerate(labels):
            may = [re.split(" / ", cell)[place] == "yes" for cell in cells]
            for operation in SUBJECTS[name]:
                found[operation] = tuple(role for role, yes in zip(ADMIN_ROLES, may, strict=True) if yes)
    return found


RIGHTS: Final = rights()


MACHINE: Final = admin_routes.ALERTMANAGER
"""For no admin (test_admin_alertmanager.py)."""


def admin_operations() -> dict[str, Operation]:
    """Every operation behind an admin's token, of the contract and beside it."""
    document = [*operations_of(load_contract()), *operations_of({"paths": _whole(load_additions()["paths"])})]
    return {
        one.operation_id: one for one in document if one.path.startswith("/internal/") and one.operation_id != MACHINE
    }


def _whole(paths: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only adds to an operation of the contract."""
    return {
        path: {method: item for method, item in methods.items() if isinstance(item, dict) and "operationId" in item}
        for path, methods in paths.items()
    }


OPERATIONS: Final = admin_operations()
BUILT: Final = (*admin_routes.OPERATIONS, LOGOUT)


class Asked(NamedTuple):
    """A request that passes the door, and what it is then answered."""

    target: str
    body: Any = None
    status: int = 200
    code: str = "ok"


SIM_C: Final = {"connector_id": "sim-c", "provider": "Simulated venue C", "provider_type": "simulated"}
REQUESTS: Final[Mapping[str, Asked]] = {
    "adminListUsers": Asked("/users"),
    "adminListAlerts": Asked("/alerts?severity=critical"),
    "adminAcknowledgeAlert": Asked("/alerts/alt_none/acknowledge", None, 404, "alert.not_found"),
    "adminNotificationConfig": Asked("/notifications/config"),
    "adminListUserApiKeys": Asked("/users/usr_1/api-keys"),
    "adminUpdateUserStatus": Asked("/users/usr_1/status", {"status": "active"}),
    "adminListAuditEvents": Asked("/audit-events"),
    "adminListAdmins": Asked("/admins"),
    "adminUpdateAdmin": Asked("/admins/adm_other", {"role": "ops_admin"}),
    "adminListHalts": Asked("/trading-halts"),
    "adminSetHalt": Asked("/trading-halts", {"scope": "symbol", "target": "AAPL.US", "level": "reducing"}),
    "adminLiftHalt": Asked("/trading-halts/hlt_none", None, 404, "halt.not_found"),
    "adminDeposit": Asked("/accounts/acc_none/deposits", {"amount": "1"}, 404, "account.not_found"),
    "adminSetLimits": Asked("/accounts/acc_none/limits", {"max_open_orders": 1}, 404, "account.not_found"),
    "adminListAccessApplications": Asked("/access-applications"),
    "adminGetAccessApplication": Asked("/access-applications/app_1"),
    "adminReviewAccessApplication": Asked("/access-applications/app_1/review", {}),
    "adminApproveAccessApplication": Asked("/access-applications/app_1/approve", {}),
    "adminRejectAccessApplication": Asked("/access-applications/app_2/reject", {"reject_reason_code": "kyc.missing"}),
    "adminListConnectorCatalog": Asked("/connectors/catalog"),
    "adminCreateConnectorCatalog": Asked("/connectors/catalog", SIM_C),
    "adminUpdateConnectorCatalog": Asked("/connectors/catalog/sim-c", SIM_C, 404, "connector.not_found"),
    "adminListConnectorAvailability": Asked("/connectors/availability"),
    "adminUpdateConnectorAvailability": Asked(
        "/connectors/sim-c/availability", {"status": "down"}, 404, "connector.not_found"
    ),
    "adminListRegistryExchanges": Asked("/internal/v1/registry/exchanges"),
    "adminUpsertExchangeCredential": Asked(
        "/exchange-credentials",
        {"exchange_code": "XNAS", "credential_name": "main", "api_key_ciphertext": "a", "api_secret_ciphertext": "b"},
    ),
    "adminListOrders": Asked("/orders"),
    "adminObservabilitySummary": Asked("/observability/summary"),
    "adminListProvisioningJobs": Asked("/provisioning/jobs"),
    "adminGetProvisioningJob": Asked("/provisioning/jobs/job_none", None, 404, "provisioning_job.not_found"),
    "adminRetryProvisioningJob": Asked("/provisioning/jobs/job_none/retry", {}, 404, "provisioning_job.not_found"),
    LOGOUT: Asked("/auth/logout", {}),
}
REFUSED: Final[Mapping[str, tuple[int, str]]] = {
    "no token": (401, "auth.token_missing"),
    "another scheme": (401, "auth.token_missing"),
    "not a token": (401, "auth.token_invalid"),
    "a user's token": (401, "auth.token_invalid"),
    "expired": (401, "auth.token_expired"),
    "session ended": (401, "auth.session_ended"),
    "role changed since": (401, "auth.session_ended"),
    "suspended": (403, "auth.suspended"),
    "closed": (403, "auth.closed"),
    "no role header": (422, "request.invalid"),
    "another role's header": (403, "admin.role_mismatch"),
    "no role's header": (403, "admin.role_mismatch"),
}
"""What is wrong -> the answer, whatever the operation and whoever's the role."""


class Watched(Edge):
    """An edge that notes for whom routes are registered."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.registered: dict[str, tuple[AdminRole, ...]] = {}

    def admin_read(self, operation: str, roles: tuple[AdminRole, ...], handler: BearerHandler) -> Endpoint:
        self.registered[operation] = roles
        return super().admin_read(operation, roles, handler)

    def admin_write(
        self, operation: str, roles: tuple[AdminRole, ...], handler: BearerWrite, **required: bool
    ) -> Endpoint:
        self.registered[operation] = roles
        return super().admin_write(operation, roles, handler, **required)


def others(routes: Routes, edge: Edge, desk: AdminDesk) -> None:
    """The doors of identity, and what is not built yet."""
    challenges, ids, key_ring = Challenges(desk.database), SystemIdentifiers(), desk.platform.key_ring
    door_routes.register_identity(
        routes,
        edge,
        IdentityParts(
            users=desk.users,
            admins=desk.admins,
            tenants=desk.tenants,
            sessions=desk.sessions,
            challenges=challenges,
            notices=Notices(desk.database),
            audit=desk.parts.trail,
            jobs=desk.jobs,
            announcer=desk.parts.announcer,
            access_tokens=desk.tokens,
            passwords=Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)),
            codes=Codes(challenges, key_ring, desk.jobs, ids),
            key_ring=key_ring,
            limits=Limiter(desk.clock, market_per_minute=1, public_per_minute=1),
            tokens=PageTokens(b"page tokens"),
            afterwards=Afterwards(),
            clock=desk.clock,
            identifiers=ids,
            admin_registration="approval",
        ),
    )


@pytest.fixture
async def desk() -> AdminDesk:
    """A desk with a user, another admin of each role, and everything that is behind an admin's token."""
    desk = AdminDesk(edge=Watched, more=others)
    await desk.user("usr_1")
    await desk.admin("ops_admin", "adm_other")
    await desk.admin("super_admin", "adm_rules")
    for number in (1, 2):
        await Applications(desk.database).insert(
            Application(
                application_id=f"app_{number}", tenant_id="ten_1", contact_email="ada@acme.example",
                target_markets=("equity",), target_exchanges=("XNAS",), submitted_at=number, updated_at=number,
            )
        )  # fmt: skip
    return desk


def test_the_table_speaks_of_every_operation() -> None:
    assert set(RIGHTS) == set(OPERATIONS)
    assert set(REQUESTS) == set(BUILT) == set(OPERATIONS)


async def test_what_routes_register_is_what_the_table_says(desk: AdminDesk) -> None:
    assert isinstance(desk.edge, Watched)
    assert desk.edge.registered == {operation: RIGHTS[operation] for operation in BUILT}


async def ask(desk: AdminDesk, operation: str, role: AdminRole, case: str) -> Answered:
    """The request of an admin of `role` with whom `case` is wrong ("right": nothing)."""
    admin_id = f"adm_{SystemIdentifiers().new('x')}"
    changes = {"status": case} if case in {"suspended", "closed"} else {}
    admin = await desk.admin(role, admin_id, **changes)
    token = await desk.token("admin", admin_id, role)
    headers = {"X-PM-ROLE": role, "Idempotency-Key": admin_id}
    match case:
        case "a user's token":
            token = await desk.token("user", "usr_1")
        case "not a token":
            token = token[:-8] + "AAAAAAAA"
        case "session ended":
            await desk.sessions.end_all(admin_id, "logout", desk.clock.now())
        case "role changed since":
            new_role = next(one for one in ADMIN_ROLES if one != role)
            assert await desk.admins.replace(admin.model_copy(update={"role": new_role, "version": 2}))
        case "no role header":
            del headers["X-PM-ROLE"]
        case "another role's header":
            headers["X-PM-ROLE"] = next(one for one in ADMIN_ROLES if one != role)
        case "no role's header":
            headers["X-PM-ROLE"] = "owner"
        case "expired":
            desk.clock.advance(ACCESS_SECONDS)
    if case != "no token":
        headers["Authorization"] = f"{'Basic' if case == 'another scheme' else 'Bearer'} {token}"
    found = OPERATIONS[operation]
    asked = REQUESTS.get(operation, Asked(found.path.removeprefix(ROOT).replace("{", "some_").replace("}", "")))
    return await desk.open(found.method, asked.target, headers, asked.body)


@pytest.mark.parametrize("role", ADMIN_ROLES)
@pytest.mark.parametrize("operation", sorted(BUILT))
async def test_the_right_token_opens_what_the_table_opens(desk: AdminDesk, operation: str, role: AdminRole) -> None:
    answered = await ask(desk, operation, role, "right")
    asked = REQUESTS[operation]
    if role in RIGHTS[operation]:
        assert (answered.status, answered.code) == (asked.status, asked.code), answered.body
        return
    assert (answered.status, answered.code) == (403, "admin.forbidden")
    assert answered.error["details"] == {"role": role, "allowed": list(RIGHTS[operation])}
    assert await desk.told() == []


@pytest.mark.parametrize("operation", sorted(BUILT))
async def test_nothing_else_opens_anything(desk: AdminDesk, operation: str) -> None:
    found = {}
    for role in ADMIN_ROLES:
        for case in REFUSED:
            answered = await ask(desk, operation, role, case)
            found[role, case] = (answered.status, answered.code)
            if case == "no role header":
                assert [one["name"] for one in answered.error["details"]["fields"]] == ["X-PM-ROLE"]
    assert found == {(role, case): refusal for role in ADMIN_ROLES for case, refusal in REFUSED.items()}
    assert await desk.told() == []
