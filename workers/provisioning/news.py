"""Who is told of a run of a job that ends, or that cannot be undone: the audit trail, and the people who look after failed jobs."""

from collections.abc import Mapping
from typing import Any, Protocol

from storage.models.alert_codes import PROVISIONING_FAILED
from storage.models.alerts import Alert, Severity
from storage.models.audit import Act, AuditEvent
from storage.models.provisioning import MOST_TRIES, End, ProvisioningJob, StepName, Trouble


class AuditLog(Protocol):
    """`storage.audit.trail.AuditTrail`."""

    async def record(self, act: Act) -> AuditEvent: ...


class Alerting(Protocol):
    """`storage.alerting.AlertKeeper`."""

    async def raise_(
        self, code: str, severity: Severity, subject: str, message: str, details: Mapping[str, Any], *, now: int
    ) -> Alert | None: ...

    async def resolve(self, code: str, subject: str, *, now: int) -> Alert | None: ...


class JobNews:
    """Tells; it may be told again, when a worker died before what it tells was stored."""

    def __init__(self, audit: AuditLog, alerts: Alerting) -> None:
        self._audit, self._alerts = audit, alerts

    async def ending(self, job: ProvisioningJob, end: End, now: int) -> None:
        """Keep one audit event of the run, and raise or resolve the alert about the job. Raises `StoreUnavailable`."""
        await self._audit.record(_act_of(job, end))
        if end.status == "succeeded":
            await self._alerts.resolve(PROVISIONING_FAILED, job.job_id, now=now)
            return
        failed_at = job.step(job.current_step).finished_at or now
        message = f"{job.job_id} was rolled back at {job.current_step}: {job.error_message}"
        await self._alerts.raise_(PROVISIONING_FAILED, "warning", job.job_id, message, _about(job), now=failed_at)

    async def not_undone(self, job: ProvisioningJob, name: StepName, trouble: Trouble, now: int) -> None:
        """Raise the alert about a failed job of which a step cannot be undone: at once where somebody refuses that, after
        `MOST_TRIES` where a part of the platform is away, which has alerts of its own. Raises `StoreUnavailable`.
        """
        if trouble.kind == "ours" and job.step(name).attempts < MOST_TRIES:
            return
        message = f"{job.job_id} failed at {job.current_step}, and its {name} is not undone yet: {trouble.message}"
        about = {**_about(job), "not_undone": name, "undo_error_code": trouble.code}
        await self._alerts.raise_(PROVISIONING_FAILED, "critical", job.job_id, message, about, now=now)


def _about(job: ProvisioningJob) -> dict[str, Any]:
    return {
        "application_id": job.application_id,
        "tenant_id": job.tenant_id,
        "step": job.current_step,
        "error_code": job.error_code,
        "attempt": job.attempt,
    }


def _act_of(job: ProvisioningJob, end: End) -> Act:
    """What the trail keeps of the run, once however often it is told."""
    after: dict[str, Any] = {"status": end.status, "attempt": job.attempt}
    if end.status == "rolled_back":
        after["error_code"] = job.error_code
    return Act(
        actor_type="system",
        actor_id="provisioning",
        action=f"provisioning.{end.status}",
        target_type="access_application",
        target_id=job.application_id,
        before=None,
        after=after,
        ip="",
        trace_id="",
        effect_id=f"{job.job_id}:{job.attempt}",
    )
