"""What admins decide about applications, and what follows of it: a job, or a mail. Each part of it may be done again."""

from collections.abc import Mapping
from typing import Any

from gateway.access.ports import AccessParts
from gateway.admin.acts import busy
from gateway.admin.application_fields import Rejection, check_policy
from ops.runtime.errors import HubError
from storage.alerting import AlertKeeper
from storage.jobs import PROVISION, SEND_MAIL, Jobs
from storage.models.alert_codes import PROVISIONING_FAILED
from storage.models.application_mails import rejection_mail
from storage.models.applications import (
    Application,
    ApplicationStatus,
    ProvisionPolicy,
    changed,
    job_id_of,
    moved,
    wrong_state,
)
from storage.models.provisioning import job_of
from storage.mongo.failures import REPLACE_TRIES
from storage.mongo.tenants import Tenants


class ApplicationRuling:
    """Moves applications. Deciding about one that nobody has opened opens it first, as a step of its own."""

    def __init__(self, access: AccessParts, tenants: Tenants, jobs: Jobs, alerts: AlertKeeper) -> None:
        self._access, self._tenants, self._jobs, self._alerts = access, tenants, jobs, alerts

    async def find(self, application_id: str) -> Application:
        """The application. Raises `application.not_found`."""
        application = await self._access.applications.get(application_id)
        if application is None:
            raise HubError("application.not_found", {"application_id": application_id})
        return application

    async def review(self, application: Application, admin_id: str, note: str | None, now: int) -> Application:
        """It is open for review; a `note` replaces the one before. Raises `application.wrong_state` once it is decided."""
        for _ in range(REPLACE_TRIES):
            if application.status == "reviewing" and (note is None or note == application.review_note):
                return application
            said = {"reviewed_by": admin_id, "review_note": application.review_note if note is None else note}
            if application.status == "reviewing":
                opened = changed(application, now, **said)
            else:
                opened = moved(application, "reviewing", now, **said)
            if await self._access.applications.replace(opened):
                return opened
            application = await self.find(application.application_id)
        raise busy()

    async def approve(
        self, application: Application, admin_id: str, note: str | None, policy: ProvisionPolicy, now: int
    ) -> Application:
        """It is approved, and its one job exists and was asked for. What was approved before stays as it was.

        Raises `application.wrong_state` for one that was rejected, `request.invalid` for a policy that does not fit.
        """
        approved = await self._approved(application, admin_id, note, policy, now)
        job = job_of(approved, now)
        await self._access.jobs.insert_if_absent(job)
        await self._jobs.enqueue(PROVISION, job.job_id)
        return approved

    async def reject(self, application: Application, admin_id: str, rejection: Rejection, now: int) -> Application:
        """It is rejected, and the mail that tells of it was asked for; nobody has to look after its failed job any more.

        Raises `application.wrong_state` for one that is approved and whose job has not failed for good, or that was rejected
        for another reason.
        """
        rejected = await self._rejected(application, admin_id, rejection, now)
        if rejected.provisioning_job_id is not None:
            await self._alerts.resolve(PROVISIONING_FAILED, rejected.provisioning_job_id, now=now)
        if rejected.mail is not None and rejected.mail.state == "pending":
            await self._jobs.enqueue(SEND_MAIL, rejected.mail.outbox_id)
        return rejected

    async def _approved(
        self, application: Application, admin_id: str, note: str | None, policy: ProvisionPolicy, now: int
    ) -> Application:
        for _ in range(REPLACE_TRIES):
            if application.provisioning_job_id is not None and application.status != "rejected":
                return application
            check_policy(policy, application.target_exchanges)
            approval = {
                "review_note": application.review_note if note is None else note,
                "policy": policy,
                "provisioning_job_id": job_id_of(application.application_id),
            }
            application = await self._decided(application, "approved", admin_id, now, approval)
        raise busy()

    async def _rejected(self, application: Application, admin_id: str, rejection: Rejection, now: int) -> Application:
        for _ in range(REPLACE_TRIES):
            if application.status == "rejected" and _same(application, rejection):
                return application
            await self._check_nobody_works(application)
            mail = rejection_mail(application, await self._name_of(application.tenant_id), rejection.reason, now)
            said = {**rejection._asdict(), "mail": mail}
            application = await self._decided(application, "rejected", admin_id, now, said)
        raise busy()

    async def _decided(
        self, application: Application, to: ApplicationStatus, admin_id: str, now: int, said: Mapping[str, Any]
    ) -> Application:
        """One step towards a decision: the application after it, or as somebody else has changed it meanwhile."""
        if application.status == "submitted":
            after = moved(application, "reviewing", now, reviewed_by=admin_id)
        else:
            after = moved(application, to, now, reviewed_by=admin_id, **said)
        stored = await self._access.applications.replace(after)
        return after if stored else await self.find(application.application_id)

    async def _check_nobody_works(self, application: Application) -> None:
        """Raises `application.wrong_state` while its job is being retried, or undone."""
        job_id = application.provisioning_job_id
        job = None if job_id is None else await self._access.jobs.get(job_id)
        if job is not None and not job.is_over:
            raise wrong_state(application, "rejected")

    async def _name_of(self, tenant_id: str) -> str:
        tenants = await self._tenants.get_many([tenant_id])
        return tenants[tenant_id].name if tenant_id in tenants else tenant_id


def _same(application: Application, rejection: Rejection) -> bool:
    return Rejection(application.reject_reason_code or "", application.reject_message) == rejection
