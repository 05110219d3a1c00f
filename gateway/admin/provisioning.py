"""Provisioning jobs, as admins see them: the list, one of them, and a failed one from its beginning once more."""

from typing import Any, Final, cast

from gateway.access.own import contract_page
from gateway.access.views import AccessViews
from gateway.admin.acts import Values, act_of, busy, encode
from gateway.admin.application_fields import check_policy, policy_of
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import NewestFirst
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from ops.runtime.errors import HubError
from ops.runtime.languages import Language
from ops.runtime.timestamps import format_timestamp
from storage.jobs import PROVISION
from storage.models.applications import ProvisionPolicy, wrong_state
from storage.models.audit import AuditEvent
from storage.models.provisioning import JOB_STATUSES, JobStatus, ProvisioningJob, Step, cursor_of, retried
from storage.mongo.failures import REPLACE_TRIES

_POLICY: Final = "provision_policy"


class ProvisioningDesk:
    """Reads jobs and retries them."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._jobs, self._tokens = parts, parts.access.jobs, tokens
        self._views = AccessViews(parts.access.languages)

    async def list(self, call: BearerCall) -> bytes:
        """Newest first; filter `status`. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        status = cast("JobStatus | None", reader.choice("status", JOB_STATUSES))
        asked = contract_page(reader)
        reader.finish()
        page = NewestFirst("provisioning-jobs", {"status": status}, asked, self._tokens)
        jobs, token = page.cut(await self._jobs.page(status, page.after, page.size + 1), cursor_of)
        return encode({"items": [self._view(job, call.language) for job in jobs], "next_page_token": token})

    async def get(self, call: BearerCall) -> bytes:
        """One, step by step. Raises `provisioning_job.not_found`."""
        return encode(self._view(await self._found(call.path["job_id"]), call.language))

    async def retry(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the job, queued again, under the `provision_policy` that is sent or the one that it had.

        Raises `request.invalid`, also for exchanges of the policy that were not applied for; `provisioning_job.not_found`,
        `provisioning_job.wrong_state`, or `application.wrong_state` where the application was rejected since.
        """
        policy = _policy(body)
        job = await self._found(call.path["job_id"])
        if policy is not None:
            check_policy(policy, job.targets)
        await self._check_wanted(job)
        asked = {} if policy is None else {_POLICY: policy.model_dump(mode="json")}
        before = {"status": job.status, "attempt": job.attempt}
        act = act_of(call, "provisioning.retry", ("provisioning_job", job.job_id), before, asked)

        async def effect(_intended: AuditEvent) -> tuple[bytes, Values]:
            again = await self._retried(job, policy, call)
            await self._parts.jobs.enqueue(PROVISION, again.job_id)
            return encode(self._view(again, call.language)), {**asked, "status": again.status, "attempt": again.attempt}

        return await self._parts.trail.privileged(act, effect)

    async def _retried(self, job: ProvisioningJob, policy: ProvisionPolicy | None, call: BearerCall) -> ProvisioningJob:
        for _ in range(REPLACE_TRIES):
            if job.retry_id == call.effect_id:
                return job  # a try before this one has done it
            replaced = await self._jobs.replace(retried(job, policy, call.effect_id, call.now))
            if replaced is not None:
                return replaced
            job = await self._found(job.job_id)
        raise busy()

    async def _check_wanted(self, job: ProvisioningJob) -> None:
        application = await self._parts.access.applications.get(job.application_id)
        if application is not None and application.status == "rejected":
            raise wrong_state(application, "provisioning")

    async def _found(self, job_id: str) -> ProvisioningJob:
        job = await self._jobs.get(job_id)
        if job is None:
            raise HubError("provisioning_job.not_found", {"job_id": job_id})
        return job

    def _view(self, job: ProvisioningJob, language: Language) -> Values:
        return job_view(job, self._views, language)


def job_view(job: ProvisioningJob, views: AccessViews, language: Language) -> Values:
    """A job as admins are shown it; what is wrong is said in `language`."""
    code = job.error_code
    return {
        "job_id": job.job_id,
        "application_id": job.application_id,
        "tenant_id": job.tenant_id,
        "status": job.status,
        "current_step": job.current_step,
        "attempt": job.attempt,
        _POLICY: job.policy.model_dump(mode="json"),
        "steps": [_step_view(step) for step in job.steps],
        "bindings": [binding.model_dump(mode="json", exclude={"refused"}) for binding in job.bindings],
        "error_code": code,
        "error_message": (
            None if code is None else views.failure_message(code, job.error_details, job.error_message, language)
        ),
        "error_details": None if code is None else job.error_details,
        "created_at": format_timestamp(job.created_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
        "next_try_at": _moment(job.next_try_at or None),
    }


def _step_view(step: Step) -> Values:
    return {
        "name": step.name,
        "status": step.status,
        "attempts": step.attempts,
        "started_at": _moment(step.started_at),
        "finished_at": _moment(step.finished_at),
        "undone_at": _moment(step.undone_at),
        "error_code": step.error_code,
        "undo_error_code": step.undo_error_code,
    }


def _policy(body: dict[str, Any]) -> ProvisionPolicy | None:
    reader = BodyReader(body)
    policy = policy_of(reader)
    given = reader.has(_POLICY)
    reader.finish()
    return policy if given else None


def _moment(at: int | None) -> str | None:
    return None if at is None else format_timestamp(at)
