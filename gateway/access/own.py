"""`GET /v1/access-applications`, one of them, and `GET /v1/access-bindings`: what the caller's tenant asked for and has."""

from typing import Final, cast

import msgspec

from gateway.access.ports import AccessParts
from gateway.access.views import AccessViews
from gateway.http.calls import SignedCall
from gateway.http.listing import MOST_ITEMS, USUAL_ITEMS, NewestFirst, PageAsked, page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from ops.runtime.errors import HubError
from storage.models.access_bindings import AccessBinding
from storage.models.applications import (
    APPLICATION_STATUSES,
    Application,
    ApplicationFilters,
    ApplicationStatus,
    cursor_of,
)

_encode: Final = msgspec.json.Encoder().encode


def contract_page(reader: QueryReader) -> PageAsked:
    """The page that a query asks for, of a list that is always paged."""
    return PageAsked(reader.whole("page_size", 1, MOST_ITEMS, USUAL_ITEMS), reader.text("page_token"))


class OwnAccess:
    """Reads. Whatever is another tenant's is not there."""

    def __init__(self, parts: AccessParts, tokens: PageTokens) -> None:
        self._parts, self._tokens = parts, tokens
        self._views = AccessViews(parts.languages)

    async def list(self, call: SignedCall) -> bytes:
        """Newest first. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        status = cast("ApplicationStatus | None", reader.choice("status", APPLICATION_STATUSES))
        asked = contract_page(reader)
        reader.finish()
        tenant_id = call.caller.tenant_id
        page = NewestFirst("access-applications", {"status": status, "tenant": tenant_id}, asked, self._tokens)
        filters = ApplicationFilters(tenant_id=tenant_id, status=status)
        found = await self._parts.applications.page(filters, page.after, page.size + 1)
        applications, token = page.cut(found, cursor_of)
        bindings = await self._parts.bindings.of_applications(one.application_id for one in applications)
        items = [
            self._views.application(one, bindings.get(one.application_id, ()), call.language) for one in applications
        ]
        return _encode({"items": items, "next_page_token": token})

    async def get(self, call: SignedCall) -> bytes:
        """One, and how far its provisioning is. Raises `application.not_found`, for another tenant's too."""
        application = await self._own(call)
        bindings = await self._parts.bindings.of_applications([application.application_id])
        job_id = application.provisioning_job_id
        job = None if job_id is None else await self._parts.jobs.get(job_id)
        shown = self._views.application(application, bindings.get(application.application_id, ()), call.language)
        return _encode({**shown, "provisioning": self._views.progress(job, call.language)})

    async def bindings(self, call: SignedCall) -> bytes:
        """The tenant's bindings in whatever state, by exchange. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        tenant_id = call.caller.tenant_id
        found = await self._parts.bindings.of_tenant(tenant_id)
        page, token = page_of(found, asked, _exchange, self._tokens, ("access-bindings", {"tenant": tenant_id}))
        items = [self._views.binding(binding, call.language) for binding in page]
        return _encode({"items": items, "next_page_token": token})

    async def _own(self, call: SignedCall) -> Application:
        application_id = call.path["application_id"]
        application = await self._parts.applications.get(application_id)
        if application is None or application.tenant_id != call.caller.tenant_id:
            raise HubError("application.not_found", {"application_id": application_id})
        return application


def _exchange(binding: AccessBinding) -> str:
    return binding.exchange_code
