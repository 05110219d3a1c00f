"""Logins in the audit trail. No code, password or token stands in an event."""

from gateway.identity.people.asker import Asker
from gateway.identity.ports import AuditLog
from storage.models.audit import Act
from storage.models.people import Person, audience_of, subject_of


class Journal:
    """Records who logged in, and who failed to, by whose door."""

    def __init__(self, audit: AuditLog) -> None:
        self._audit = audit

    async def logged_in(self, person: Person, session_id: str, asker: Asker) -> None:
        """Record a completed login."""
        await self._record("login", person, {"session_id": session_id}, asker)

    async def failed(self, person: Person, reason: str, asker: Asker) -> None:
        """Record a login of a known person that was refused; `reason` is a word or an error code."""
        await self._record("login_failed", person, {"reason": reason}, asker)

    async def _record(self, what: str, person: Person, after: dict[str, str], asker: Asker) -> None:
        audience, subject_id = audience_of(person), subject_of(person)
        act = Act(
            actor_type=audience,
            actor_id=subject_id,
            action=f"{audience}.{what}",
            target_type=audience,
            target_id=subject_id,
            before=None,
            after=after,
            ip=asker.ip,
            trace_id=asker.trace_id,
        )
        await self._audit.record(act)
