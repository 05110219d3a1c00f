"""Admins, as a super_admin sees and rules them: activation, suspension, roles. super_admin is given by the command line."""

from typing import Any, Final, cast

from gateway.account.listing import page_asked
from gateway.admin.acts import Values, act_of, busy, encode, with_reason
from gateway.admin.admin_rules import Change, changed, rules, someone_else_rules
from gateway.admin.listing import NewestFirst
from gateway.admin.parts import AdminParts
from gateway.http.calls import BearerCall
from gateway.http.fields import BodyReader
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.identity.letters import Notices
from gateway.identity.person_view import admin_view
from ops.runtime.errors import HubError
from storage.models.audit import AuditEvent
from storage.models.people import Admin, AdminRole, AdminStatus
from storage.mongo.admins import cursor_of

_SETTABLE: Final = ("active", "suspended", "closed")
_ROLES: Final = ("ops_admin", "compliance_admin")
_TRIES: Final = 5


class AdminDesk:
    """Reads and rules about admins."""

    def __init__(self, parts: AdminParts, tokens: PageTokens) -> None:
        self._parts, self._tokens = parts, tokens
        self._notices = Notices(parts.notices, parts.jobs)

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
        admin = await self._admin(call.path["admin_id"])
        asked = with_reason({"status": change.status or admin.status, "role": change.role or admin.role}, reason)
        before = {"status": admin.status, "role": admin.role}
        act = act_of(call, "admin.update", ("admin", admin.admin_id), before, asked)

        async def effect(intended: AuditEvent) -> tuple[bytes, Values]:
            after = await self._replace(admin.admin_id, change)
            await self._tell(after, intended.before or {}, call.now)
            return encode(admin_view(after)), with_reason({"status": after.status, "role": after.role}, reason)

        return await self._parts.trail.privileged(act, effect)

    async def _replace(self, admin_id: str, change: Change) -> Admin:
        for _ in range(_TRIES):
            admin = await self._admin(admin_id)
            after = changed(admin, change)
            if after is admin:
                return admin
            taken = rules(admin) and not rules(after)
            if taken:
                await self._require_another(admin_id)
            if await self._parts.admins.replace(after):
                return await self._still_ruled(admin, after) if taken else after
        raise busy()

    async def _still_ruled(self, admin: Admin, after: Admin) -> Admin:
        """Two that take each other away at once have both seen the other: whoever then finds nobody left takes it back."""
        try:
            await self._require_another(admin.admin_id)
        except HubError:
            await self._parts.admins.replace(admin.model_copy(update={"version": after.version + 1}))
            raise
        return after

    async def _require_another(self, admin_id: str) -> None:
        if not someone_else_rules(await self._parts.admins.all(), admin_id):
            raise HubError("admin.last_super_admin", {"admin_id": admin_id})

    async def _tell(self, admin: Admin, before: Values, now: int) -> None:
        """What follows of a change; each of it may be done again."""
        if admin.role != before.get("role"):
            await self._parts.sessions.end_all(admin.admin_id, "role_changed", now)
        elif admin.status != "active":
            await self._parts.sessions.end_all(admin.admin_id, "status_changed", now)
        await self._parts.announcer.announce("admin", admin.admin_id)
        if before.get("status") == "pending_approval" and admin.status == "active":
            await self._notices.tell(f"admin_activated-{admin.admin_id}", admin, "admin_activated", {}, now)

    async def _admin(self, admin_id: str) -> Admin:
        admin = await self._parts.admins.get(admin_id)
        if admin is None:
            raise HubError("admin.not_found", {"admin_id": admin_id})
        return admin


def _read(body: dict[str, Any]) -> tuple[Change, str | None]:
    reader = BodyReader(body)
    status = cast("AdminStatus | None", reader.choice("status", _SETTABLE))
    role = cast("AdminRole | None", reader.choice("role", _ROLES))
    reason = reader.text("reason")
    if not reader.has("status") and not reader.has("role"):
        reader.refuse("status", "missing", "status, role, or both")
    reader.finish()
    return Change(status, role), reason
