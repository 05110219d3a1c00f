"""A change of an admin and all that follows of it, for the routes and the operator's command line alike."""

from collections.abc import Mapping
from typing import Any

from gateway.admin.acts import busy
from gateway.admin.admin_rules import Change, changed, rules, someone_else_rules
from gateway.identity.people.letters import Notices
from ops.runtime.errors import HubError
from storage.identity_events import IdentityEvents
from storage.models.people import Admin
from storage.models.sessions import EndedReason
from storage.mongo.admins import Admins
from storage.mongo.challenges import Challenges
from storage.mongo.failures import REPLACE_TRIES
from storage.mongo.sessions import Sessions


class AdminRuling:
    """Changes admins. Each part of it may be done again."""

    def __init__(
        self,
        admins: Admins,
        sessions: Sessions,
        challenges: Challenges,
        *,
        announcer: IdentityEvents,
        notices: Notices,
    ) -> None:
        self._admins, self._sessions, self._challenges = admins, sessions, challenges
        self._announcer, self._notices = announcer, notices

    async def find(self, admin_id: str) -> Admin:
        """The admin. Raises `admin.not_found`."""
        admin = await self._admins.get(admin_id)
        if admin is None:
            raise HubError("admin.not_found", {"admin_id": admin_id})
        return admin

    async def change(self, admin_id: str, change: Change, before: Mapping[str, Any], now: int) -> Admin:
        """The admin as it is now. A change of role, or a status other than active, ends the sessions, and the logins that
        have begun; an activation after approval is mailed. `before` has `status` and `role` as they were before the first try.

        Raises `admin.not_found`, `admin.wrong_state`, `admin.last_super_admin`.
        """
        after = await self._replaced(admin_id, change)
        if after.role != before.get("role"):
            await self._end(admin_id, "role_changed", now)
        elif after.status != "active":
            await self._end(admin_id, "status_changed", now)
        await self._announcer.announce("admin", admin_id)
        if before.get("status") == "pending_approval" and after.status == "active":
            await self._notices.tell(f"admin_activated-{admin_id}", after, "admin_activated", {}, now)
        return after

    async def _end(self, admin_id: str, reason: EndedReason, now: int) -> None:
        await self._challenges.end_all(admin_id, now)
        await self._sessions.end_all(admin_id, reason, now)

    async def _replaced(self, admin_id: str, change: Change) -> Admin:
        for _ in range(REPLACE_TRIES):
            admin = await self.find(admin_id)
            after = changed(admin, change)
            if after is admin:
                return admin
            taken = rules(admin) and not rules(after)
            if taken:
                await self._require_another(admin_id)
            if await self._admins.replace(after):
                return await self._still_ruled(admin, after) if taken else after
        raise busy()

    async def _still_ruled(self, admin: Admin, after: Admin) -> Admin:
        """Two that take each other away at once have both seen the other: whoever then finds nobody left takes it back."""
        try:
            await self._require_another(admin.admin_id)
        except HubError:
            await self._admins.replace(admin.model_copy(update={"version": after.version + 1}))
            raise
        return after

    async def _require_another(self, admin_id: str) -> None:
        if not someone_else_rules(await self._admins.all(), admin_id):
            raise HubError("admin.last_super_admin", {"admin_id": admin_id})
