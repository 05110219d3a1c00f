"""Who is told that a run of a job is about to end: the audit trail, and the people who look after failed jobs."""

from collections.abc import Mapping
from typing import Any, Protocol

from storage.models.alert_codes import PROVISIONING_FAILED
from storage.models.alerts import Alert, Severity
from storage.models.audit import Act, AuditEvent
from storage.models.provisioning import End, ProvisioningJob


class AuditLog(Protocol):
    """`storage.audit.trail.AuditTrail`."""

    async def record(self, act: Act) -> AuditEvent: ...


class Desk(Protocol):
    """`storage.alerting.AlertDesk`."""

    async def raise_(
        self, code: str, severity: Severity, subject: str, message: str, details: Mapping[str, Any], *, now: int
    ) -> Alert | None: ...

    async def resolve(self, code: str, subject: str, *, now: int) -> Alert | None: ...


class EndNews:
    """Tells; it may be told again, when a worker died before the end was stored."""

    def __init__(self, audit: AuditLog, desk: Desk) -> None:
        self._audit, self._desk = audit, desk

    async def ending(self, job: ProvisioningJob, end: End, now: int) -> None:
        """Keep one audit event of the run, and raise or resolve the alert about the job. Raises `StoreUnavailable`."""
        await self._audit.record(_act_of(job, end))
        if end.status == "succeeded":
            await self._desk.resolve(PROVISIONING_FAILED, job.job_id, now=now)
            return
        told = {
            "application_id": job.application_id,
            "tenant_id": job.tenant_id,
            "step": job.current_step,
            "error_code": job.error_code,
            "attempt": job.attempt,
        }
        failed_at = job.step(job.current_step).finished_at or now
        message = f"{job.job_id} was rolled back at {job.current_step}: {job.error_message}"
        await self._desk.raise_(PROVISIONING_FAILED, "warning", job.job_id, message, told, now=failed_at)


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
