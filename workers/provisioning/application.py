"""What the saga does to the application that it provisions: it is `provisioning` while a job works, then active or approved."""

from collections.abc import Callable
from typing import Any, Protocol

from ops.runtime.errors import HubError
from storage.controls.access_rights import Contended, Superseded
from storage.models.application_mails import activation_mail
from storage.models.applications import Application, changed, moved
from storage.models.provisioning import ProvisioningJob
from storage.mongo.failures import REPLACE_TRIES

Change = Callable[[Application], Application | None]
"""The application as it is to be; None: it is already."""


class ApplicationStore(Protocol):
    """`storage.mongo.applications.Applications`."""

    async def get(self, application_id: str) -> Application | None: ...
    async def replace(self, application: Application) -> bool: ...


class ProvisionedApplications:
    """Moves applications. Its methods raise `HubError` (the application is not there, or in no state for it), `Superseded`,
    `Contended` and `StoreUnavailable`, and may be repeated.
    """

    def __init__(self, store: ApplicationStore) -> None:
        self._store = store

    async def begin(self, job: ProvisioningJob, now: int) -> None:
        """From `approved` on to `provisioning`, under the policy of this run."""

        def change(found: Application) -> Application | None:
            if found.status == "provisioning" and found.fence == job.fence:
                return None
            fresh: dict[str, Any] = {"fence": job.fence, "policy": job.policy}  # a retry may have brought another one
            fresh |= {"failure_code": None, "failure_message": None, "failure_details": None}
            if found.status == "provisioning":
                return changed(found, now, **fresh)
            return moved(found, "provisioning", now, **fresh)

        await self._change(job, change)

    async def is_active(self, job: ProvisioningJob) -> bool:
        """Whether a worker before this one has moved it on already."""
        return (await self._get(job)).status == "active"

    async def activate(self, job: ProvisioningJob, name: str, now: int) -> Application:
        """On to `active`, with the mail that tells the contact, who is greeted by `name`, where it can trade now. Where it can
        nowhere yet (without `auto_bind`) there is none.
        """
        exchanges = [one.exchange_code for one in job.bindings if one.kept or job.policy.auto_bind]

        def change(found: Application) -> Application | None:
            if found.status == "active":
                return None
            mail = activation_mail(found, name, exchanges, now) if exchanges else None
            return moved(found, "active", now, fence=job.fence, mail=mail)

        return await self._change(job, change)

    async def give_back(self, job: ProvisioningJob, now: int) -> None:
        """Back to `approved`, with why the job failed. One that is in another state by now stays there, or is gone."""

        def change(found: Application) -> Application | None:
            if found.status != "provisioning":
                return None
            return moved(
                found,
                "approved",
                now,
                fence=job.fence,
                failure_code=job.error_code,
                failure_message=job.error_message,
                failure_details=job.error_details,
            )

        if await self._store.get(job.application_id) is not None:
            await self._change(job, change)

    async def _get(self, job: ProvisioningJob) -> Application:
        found = await self._store.get(job.application_id)
        if found is None:
            raise HubError("application.not_found", {"application_id": job.application_id})
        return found

    async def _change(self, job: ProvisioningJob, change: Change) -> Application:
        for _ in range(REPLACE_TRIES):
            found = await self._get(job)
            if found.fence > job.fence:
                raise Superseded(job.application_id)
            wanted = change(found)
            if wanted is None:
                return found
            if await self._store.replace(wanted):
                return wanted
        raise Contended(job.application_id)
