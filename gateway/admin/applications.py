"""Access applications, as admins see and rule them: the list, one of them, review, approval, rejection."""

from typing import Any, Final, cast

from gateway.access.own import contract_page
from gateway.access.views import AccessViews
from gateway.admin.acts import Values, act_of, encode
from gateway.admin.application_fields import Rejection, policy_of, rejection_of
from gateway.admin.application_ruling import ApplicationRuling
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import NewestFirst
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from storage.models.applications import (
    APPLICATION_STATUSES,
    Application,
    ApplicationFilters,
    ApplicationStatus,
    ProvisionPolicy,
    cursor_of,
)
from storage.models.audit import AuditEvent

_TARGET: Final = "access_application"


class ApplicationDesk:
    """Reads and rules. What is asked for twice is done once, whoever asks."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._access, self._tokens = parts, parts.access, tokens
        self._views = AccessViews(parts.access.languages)
        self._ruling = ApplicationRuling(parts.access, parts.tenants, parts.jobs, parts.alerts.desk)

    async def list(self, call: BearerCall) -> bytes:
        """Newest first; filters `status`, `exchange_code`, `market`. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        status = cast("ApplicationStatus | None", reader.choice("status", APPLICATION_STATUSES))
        exchange_code, market = reader.text("exchange_code"), reader.text("market")
        asked = contract_page(reader)
        reader.finish()
        sent = {"status": status, "exchange_code": exchange_code, "market": market}
        page = NewestFirst("all access-applications", sent, asked, self._tokens)
        filters = ApplicationFilters(None, status, exchange_code, market)
        found = await self._access.applications.page(filters, page.after, page.size + 1)
        applications, token = page.cut(found, cursor_of)
        bindings = await self._access.bindings.of_applications(one.application_id for one in applications)
        items = [
            self._views.for_admins(one, bindings.get(one.application_id, ()), call.language) for one in applications
        ]
        return encode({"items": items, "next_page_token": token})

    async def detail(self, call: BearerCall) -> bytes:
        """One, and how far its provisioning is. Raises `application.not_found`."""
        return await self._shown(await self._found(call), call)

    async def review(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the application, which is `reviewing` now. Raises `request.invalid`, `application.not_found`, or
        `application.wrong_state` once it is decided.
        """
        reader = BodyReader(body)
        note = reader.prose("review_note")
        reader.finish()
        application = await self._found(call)
        act = act_of(call, "application.review", _target(application), _before(application), {"review_note": note})

        async def effect(_intended: AuditEvent) -> tuple[bytes, Values]:
            reviewed = await self._ruling.review(application, call.principal.subject_id, note, call.now)
            return await self._shown(reviewed, call), {"status": reviewed.status, "review_note": reviewed.review_note}

        return await self._parts.trail.privileged(act, effect)

    async def approve(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: `action`, `status`, `application_id`, `provisioning_job_id`, the same for every approval.

        Raises `request.invalid`, also for exchanges of the policy that were not applied for; `application.not_found`;
        `application.wrong_state` for one that was rejected.
        """
        reader = BodyReader(body)
        note, policy = reader.prose("review_note"), policy_of(reader)
        reader.finish()
        application = await self._found(call)
        asked = {"review_note": note, "provision_policy": policy.model_dump(mode="json")}
        act = act_of(call, "application.approve", _target(application), _before(application), asked)

        async def effect(_intended: AuditEvent) -> tuple[bytes, Values]:
            approved = await self._approved(call, application, note, policy)
            told = _told("approve", approved)
            counts = {"review_note": approved.review_note, "provision_policy": approved.policy.model_dump(mode="json")}
            return encode(told), {**counts, **told}  # of a second approval: what the first one said

        return await self._parts.trail.privileged(act, effect)

    async def reject(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: `action`, `status`, `application_id`. The contact is told by mail.

        Raises `request.invalid`, `application.not_found`, or `application.wrong_state` for one that is decided otherwise; one
        that is approved is rejected all the same once its job has failed for good.
        """
        rejection = rejection_of(body)
        application = await self._found(call)
        asked = rejection._asdict()
        act = act_of(call, "application.reject", _target(application), _before(application), asked)

        async def effect(_intended: AuditEvent) -> tuple[bytes, Values]:
            rejected = await self._rejected(call, application, rejection)
            told = _told("reject", rejected)
            return encode(told), {**asked, **told}

        return await self._parts.trail.privileged(act, effect)

    async def _approved(
        self, call: BearerCall, application: Application, note: str | None, policy: ProvisionPolicy
    ) -> Application:
        return await self._ruling.approve(application, call.principal.subject_id, note, policy, call.now)

    async def _rejected(self, call: BearerCall, application: Application, rejection: Rejection) -> Application:
        return await self._ruling.reject(application, call.principal.subject_id, rejection, call.now)

    async def _found(self, call: BearerCall) -> Application:
        return await self._ruling.find(call.path["application_id"])

    async def _shown(self, application: Application, call: BearerCall) -> bytes:
        bindings = await self._access.bindings.of_applications([application.application_id])
        job_id = application.provisioning_job_id
        job = None if job_id is None else await self._access.jobs.get(job_id)
        shown = self._views.for_admins(application, bindings.get(application.application_id, ()), call.language)
        return encode({**shown, "provisioning": self._views.progress(job, call.language)})


def _target(application: Application) -> tuple[str, str]:
    return _TARGET, application.application_id


def _before(application: Application) -> Values:
    return {"status": application.status}


def _told(action: str, application: Application) -> Values:
    return {
        "action": action,
        "status": application.status,
        "application_id": application.application_id,
        "provisioning_job_id": application.provisioning_job_id,
    }
