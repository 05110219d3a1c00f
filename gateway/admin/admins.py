"""Admins, as a super_admin sees and rules them: activation, suspension, roles. super_admin is given by the command line."""

from typing import Any, Final, cast

from gateway.admin.acts import Values, act_of, encode, with_reason
from gateway.admin.admin_rules import Change
from gateway.admin.parts import AdminParts
from gateway.admin.ruling import AdminRuling
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.listing import NewestFirst, page_asked
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.identity.people.letters import Notices
from gateway.identity.people.person_view import admin_view
from storage.models.audit import AuditEvent
from storage.models.people import AdminRole, AdminStatus
from storage.mongo.admins import cursor_of

_SETTABLE: Final = ("active", "suspended", "closed")
_ROLES: Final = ("ops_admin", "compliance_admin")


class AdminDesk:
    """Reads and rules about admins."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._tokens = parts, tokens
        notices = Notices(parts.notices, parts.jobs)
        self._ruling = AdminRuling(
            parts.admins, parts.sessions, parts.challenges, announcer=parts.announcer, notices=notices
        )

    async def list(self, call: BearerCall) -> bytes:
        """Admins newest first. Raises `request.invalid` or `page_token.not_found`."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        page = NewestFirst("admins", {}, asked, self._tokens)
        found = await self._parts.admins.page(None, page.after, page.size + 1)
        admins, token = page.cut(found, cursor_of)
        return encode({"items": [admin_view(admin) for admin in admins], "next_page_token": token})

    async def update(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """`data`: the admin as it is now. A change of role, or a status other than active, ends the admin's sessions.

        Raises `request.invalid`, `admin.not_found`, `admin.wrong_state`, `admin.last_super_admin`.
        """
        change, reason = _read(body)
        admin = await self._ruling.find(call.path["admin_id"])
        asked = with_reason({"status": change.status or admin.status, "role": change.role or admin.role}, reason)
        before = {"status": admin.status, "role": admin.role}
        act = act_of(call, "admin.update", ("admin", admin.admin_id), before, asked)

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            after = await self._ruling.change(admin.admin_id, change, intended.before or before, call.now)
            return encode(admin_view(after)), with_reason({"status": after.status, "role": after.role}, reason)

        return await self._parts.trail.privileged(act, effect)


def _read(body: dict[str, Any]) -> tuple[Change, str | None]:
    reader = BodyReader(body)
    status = cast("AdminStatus | None", reader.choice("status", _SETTABLE))
    role = cast("AdminRole | None", reader.choice("role", _ROLES))
    reason = reader.text("reason")
    if not reader.has("status") and not reader.has("role"):
        reader.refuse("status", "missing", "status, role, or both")
    reader.finish()
    return Change(status, role), reason
