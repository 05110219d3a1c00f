"""Every write of an admin that succeeds is told in the audit trail before its effect and after it.

The writes are those that the app routes: one that is added without a line in `WRITES` fails, one that is not told fails too.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NamedTuple

import pytest

from gateway.admin.routes import ALERTMANAGER
from storage.models.applications import Application
from storage.models.connectors import default_catalog
from storage.mongo.applications import Applications
from storage.mongo.connectors import Connectors
from storage.mongo.provisioning_jobs import ProvisioningJobs
from tests.integration.admin.admin_desk import ROOT, AdminDesk
from tests.integration.admin.deciding_desk import deciding_desk
from tests.integration.admin.test_admin_matrix import LOGOUT, MACHINE, SIM_C, admin_operations, others
from tests.integration.admin.test_admin_provisioning import a_job, rolled_back
from tests.integration.orders.trading_place import ACCOUNT

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
HALT: Final = {"scope": "symbol", "target": "AAPL.US", "level": "reducing"}


class Write(NamedTuple):
    """A write that succeeds before the `desk` below; `{...}` stands for what there is an id of."""

    target: str
    body: Any = None


WRITES: Final[Mapping[str, Write]] = {
    "adminUpdateUserStatus": Write("/users/usr_1/status", {"status": "suspended"}),
    "adminUpdateAdmin": Write("/admins/adm_other", {"role": "compliance_admin"}),
    "adminSetHalt": Write("/trading-halts", {"scope": "platform", "level": "halted"}),
    "adminLiftHalt": Write("/trading-halts/{halt}"),
    "adminDeposit": Write(f"/accounts/{ACCOUNT}/deposits", {"amount": "1"}),
    "adminSetLimits": Write(f"/accounts/{ACCOUNT}/limits", {"max_open_orders": 1}),
    "adminReviewAccessApplication": Write("/access-applications/app_1/review", {}),
    "adminApproveAccessApplication": Write("/access-applications/app_1/approve", {}),
    "adminRejectAccessApplication": Write("/access-applications/app_1/reject", {"reject_reason_code": "kyc"}),
    "adminRetryProvisioningJob": Write("/provisioning/jobs/job_2/retry", {}),
    "adminCreateConnectorCatalog": Write("/connectors/catalog", SIM_C),
    "adminUpdateConnectorCatalog": Write("/connectors/catalog/sim-a", {**SIM_C, "connector_id": "sim-a"}),
    "adminUpdateConnectorAvailability": Write("/connectors/sim-a/availability", {"status": "down"}),
    "adminUpsertExchangeCredential": Write(
        "/exchange-credentials",
        {"exchange_code": "XNAS", "credential_name": "main", "api_key_ciphertext": "a", "api_secret_ciphertext": "b"},
    ),
    "adminAcknowledgeAlert": Write("/alerts/{alert}/acknowledge"),
    LOGOUT: Write("/auth/logout", {}),
}
UNTOLD: Final[Mapping[str, str]] = {
    ALERTMANAGER: "no admin's: a machine reports what its rules have found, and each alert is kept with its own history"
}
"""Writes below the admins' root that are not told, and why."""


@pytest.fixture
async def desk() -> AsyncIterator[AdminDesk]:
    """A desk before an order core and a projection, with all that `WRITES` are about."""
    async with deciding_desk("every-write", more=others) as desk:
        await furnish(desk)
        yield desk


async def furnish(desk: AdminDesk) -> None:
    """A user, another admin, an application, a job that was rolled back, and the connectors."""
    now = desk.clock.now()
    await desk.user("usr_1")
    await desk.admin("ops_admin", "adm_other")
    application = Application(
        application_id="app_1", tenant_id="ten_1", contact_email="ada@acme.example",
        target_markets=("equity",), target_exchanges=("XNAS",), submitted_at=now, updated_at=now,
    )  # fmt: skip
    assert await Applications(desk.database).insert(application)
    assert await ProvisioningJobs(desk.database).insert_if_absent(rolled_back(a_job(desk, 2), now))
    await Connectors(desk.database).insert_missing(default_catalog(now))


async def subjects(desk: AdminDesk) -> dict[str, str]:
    """A halt that holds and an alert that is open, by their ids."""
    halt = (await (await desk.log_in("super_admin", admin_id="adm_before")).send("POST", "/trading-halts", HALT)).data
    alert = await desk.parts.alerts.desk.raise_("margin.call", "critical", ACCOUNT, "!", {}, now=desk.clock.now())
    assert alert is not None
    return {"halt": halt["halt_id"], "alert": alert.alert_id}


def routed(desk: AdminDesk) -> dict[str, str]:
    """The writes below the admins' root that the app routes, with their methods."""
    rules = [rule for rule in desk.app.url_map.iter_rules() if rule.rule.startswith(f"{ROOT}/")]
    return {rule.endpoint: method for rule in rules for method in (rule.methods or set()) - READS}


async def test_the_table_has_every_write_that_is_routed_or_documented(desk: AdminDesk) -> None:
    documented = {name for name, operation in admin_operations().items() if operation.method not in READS} | {MACHINE}
    assert set(routed(desk)) == documented
    assert set(routed(desk)) == {*WRITES, *UNTOLD}
    assert not set(WRITES) & set(UNTOLD)


@pytest.mark.parametrize("operation", sorted(WRITES))
async def test_a_write_is_told_before_its_effect_and_after_it(desk: AdminDesk, operation: str) -> None:
    write, names = WRITES[operation], await subjects(desk)
    caller, before = await desk.log_in(), len(await desk.told())

    answered = await caller.send(routed(desk)[operation], write.target.format_map(names), write.body)

    assert answered.status == 200, answered.body
    intended, done = (await desk.told())[before:]
    assert (intended.stage, done.stage) == ("intended", "done")
    assert intended.effect_id == done.effect_id != ""
    assert intended.action == done.action
    assert (intended.target_type, intended.target_id) == (done.target_type, done.target_id)
    for event in (intended, done):
        assert (event.actor_type, event.actor_id, event.ip) == ("admin", caller.admin.admin_id, "203.0.113.9")
        assert event.trace_id == answered.headers["X-Trace-Id"]
    assert "refused" not in (done.after or {})
