"""What follows a new password, however it was set: sessions and logins that have begun end, everybody feels it, the person is
told, the trail holds it.
"""

from collections.abc import Callable

import msgspec

from gateway.identity.people.letters import Notices
from gateway.identity.ports import Announcer, AuditLog, ChallengeStore, SessionStore
from ops.runtime.timestamps import format_timestamp
from storage.models.audit import Act
from storage.models.people import User


class PasswordChanged:
    """Each step may be done twice, so that a second try of the same write completes what the first left open."""

    def __init__(
        self,
        sessions: SessionStore,
        challenges: ChallengeStore,
        *,
        announcer: Announcer,
        notices: Notices,
        audit: AuditLog,
    ) -> None:
        self._sessions, self._challenges = sessions, challenges
        self._announcer, self._notices, self._audit = announcer, notices, audit

    async def finish(self, user: User, act: Act, now: int, except_session: str | None) -> bytes:
        """End the sessions but one, and every code that is on its way, and tell; the answer. `act` names the write by its
        effect id, and where it came from.
        """
        await self._challenges.end_all(user.user_id, now)  # first: a code that is taken meanwhile opens a session
        ended = await self._sessions.end_all(user.user_id, "password_changed", now, except_session)
        await self._announcer.announce("user", user.user_id)
        at = format_timestamp(now)
        values = {"ip": act.ip, "at": at}
        await self._notices.tell(f"password_changed:{act.effect_id}", user, "password_changed", values, now)
        await self._audit.record(act)
        return msgspec.json.encode({"user_id": user.user_id, "changed_at": at, "sessions_ended": ended})


def with_password(kept: str, expected: str | None = None) -> Callable[[User], User | None]:
    """A change of a user to the hash `kept`; nothing where the password is not `expected` (a hash) any more."""

    def change(user: User) -> User | None:
        if expected is not None and user.password_hash != expected:
            return None
        return user.model_copy(update={"password_hash": kept})

    return change
