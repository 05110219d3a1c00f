"""What people are told of a run of a job that ends, or of which a step cannot be undone."""

from collections.abc import Mapping
from typing import Any

import pytest

from storage.models.alerts import Alert, Severity
from storage.models.applications import Application
from storage.models.audit import Act, AuditEvent
from storage.models.provisioning import (
    MOST_TRIES,
    End,
    ProvisioningJob,
    Trouble,
    begun,
    ended,
    job_of,
    troubled,
    undoing,
    undoing_troubled,
)
from workers.provisioning.news import JobNews

APPLICATION = Application(
    application_id="app_1", tenant_id="ten_1", contact_email="a@example.com", target_markets=("crypto",),
    target_exchanges=("BINANCE",), status="approved", submitted_at=1, updated_at=1,
)  # fmt: skip
REFUSED = Trouble("final", "account.not_found", "There is no such account.", {})
AWAY = Trouble("ours", "system.unavailable", "The log is away.", {"component": "log"})


class Told:
    """Trail and alerts in one."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self.alerts: list[tuple[str, str, str]] = []
        self.details: list[Mapping[str, Any]] = []
        self.resolved: list[tuple[str, str]] = []

    async def record(self, act: Act) -> AuditEvent:
        self.acts.append(act)
        return None  # type: ignore[return-value]  # nobody reads it

    async def raise_(
        self, code: str, severity: Severity, subject: str, message: str, details: Mapping[str, Any], *, now: int
    ) -> Alert | None:
        self.alerts.append((code, severity, message))
        self.details.append(details)
        return None

    async def resolve(self, code: str, subject: str, *, now: int) -> Alert | None:
        self.resolved.append((code, subject))
        return None


def failed() -> ProvisioningJob:
    """A job whose second step was refused."""
    job = begun(job_of(APPLICATION, 1), "open_account", 2)
    return troubled(job, "open_account", Trouble("final", "provisioning.no_connector", "No way.", {}), 3)


def not_undone(trouble: Trouble, tries: int) -> ProvisioningJob:
    """That job after so many tries to undo the step."""
    job = failed()
    for _ in range(tries):
        job = undoing_troubled(undoing(job, "open_account"), "open_account", trouble, 4)
    return job


async def test_a_run_that_succeeded_ends_the_alert_and_one_that_did_not_raises_it() -> None:
    told = Told()
    news = JobNews(told, told)
    await news.ending(ended(job_of(APPLICATION, 1), End("succeeded"), 9), End("succeeded"), 9)
    assert (told.resolved, told.alerts) == ([("provisioning.failed", "job_1")], [])
    await news.ending(failed(), End("rolled_back"), 9)
    assert told.alerts == [("provisioning.failed", "warning", "job_1 was rolled back at open_account: No way.")]
    assert [act.action for act in told.acts] == ["provisioning.succeeded", "provisioning.rolled_back"]


async def test_a_step_that_somebody_refuses_to_undo_is_told_at_once() -> None:
    told = Told()
    await JobNews(told, told).not_undone(not_undone(REFUSED, 1), "open_account", REFUSED, 5)
    message = "job_1 failed at open_account, and its open_account is not undone yet: There is no such account."
    assert told.alerts == [("provisioning.failed", "critical", message)]
    assert (told.details[0]["not_undone"], told.details[0]["undo_error_code"]) == ("open_account", "account.not_found")


@pytest.mark.parametrize(("tries", "alerts"), [(1, 0), (MOST_TRIES - 2, 0), (MOST_TRIES - 1, 1)])
async def test_an_outage_is_waited_for_a_while_before_it_is_told(tries: int, alerts: int) -> None:
    told = Told()
    await JobNews(told, told).not_undone(not_undone(AWAY, tries), "open_account", AWAY, 5)
    assert len(told.alerts) == alerts
