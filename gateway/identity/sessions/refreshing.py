"""Refreshing: each refresh token is taken once. An old one that comes again ends the session that it belongs to.

Two requests with one token that overlap are no theft but a client that asks twice: one gets through, the other is refused and
ends nothing. What tells them apart is whether the other one arrived before the rotation was written (decision 0100).
"""

from gateway.identity.people.asker import Asker
from gateway.identity.people.doors import Door
from gateway.identity.people.letters import Notices
from gateway.identity.people.standing import check_active
from gateway.identity.ports import Announcer, SessionStore, Someone
from gateway.identity.sessions.opening import Opened, SessionOpener
from gateway.identity.sessions.refresh_tokens import RefreshTokens
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from storage.models.sessions import REFRESH_SECONDS, Session


class Refreshing:
    """Rotates refresh tokens."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        refresh_tokens: RefreshTokens,
        opener: SessionOpener,
        notices: Notices,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._sessions, self._refresh_tokens, self._opener = sessions, refresh_tokens, opener
        self._notices, self._announcer, self._clock = notices, announcer, clock

    async def refresh(self, door: Door[Someone], token: str, asker: Asker) -> Opened:
        """New tokens for a newest token. Raises `auth.refresh_invalid`, `auth.session_ended`, `auth.refresh_reused`, and as
        `check_active` for a person who may not be logged in any more.
        """
        said = self._refresh_tokens.read(token)
        session = None if said is None else await self._sessions.get(said.session_id)
        if said is None or session is None or session.audience != door.audience:
            raise HubError("auth.refresh_invalid")
        person = await door.people.get(session.subject_id)
        if person is None:
            raise HubError("auth.refresh_invalid")
        if session.ended_at is not None or asker.now >= session.expires_at:
            raise HubError("auth.session_ended")
        if said.generation < session.generation:
            await self._old(session, person, said.generation, asker)
        if not self._refresh_tokens.is_newest(token, session):
            raise HubError("auth.refresh_invalid")
        check_active(person)
        return await self._rotated(door, person, session, asker)

    async def _rotated(self, door: Door[Someone], person: Someone, session: Session, asker: Asker) -> Opened:
        generation = session.generation + 1
        token, kept = self._refresh_tokens.make(session.session_id, generation)
        written_at = self._clock.now()
        expires_at = written_at + REFRESH_SECONDS * NANOSECONDS_PER_SECOND
        if not await self._sessions.rotate(session.session_id, session.generation, kept, written_at, expires_at):
            raise HubError(
                "auth.refresh_invalid"
            )  # another request with this token was faster, or it has ended just now
        return await self._opener.hand_out(door, person, session.session_id, token, asker.now)

    async def _old(self, session: Session, person: Someone, generation: int, asker: Asker) -> None:
        """Always raises."""
        if generation == session.generation - 1 and asker.now < session.last_used_at:
            raise HubError("auth.refresh_invalid")
        now = self._clock.now()
        # Told first: a process that is stopped in between tells once and ends at the next try, never ends without a word.
        values = {"ip": asker.ip, "at": format_timestamp(now)}
        await self._notices.tell(f"refresh_reused:{session.session_id}", person, "refresh_reused", values, now)
        if await self._sessions.end(session.session_id, "refresh_reused", now):
            await self._announcer.announce("session", session.session_id)
        raise HubError("auth.refresh_reused")
