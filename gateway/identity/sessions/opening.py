"""Sessions begin here: what a completed login opens, and the tokens that go to the person."""

from dataclasses import dataclass
from typing import Any

import msgspec

from gateway.identity.people.asker import Asker
from gateway.identity.people.changing import changed
from gateway.identity.people.doors import Door
from gateway.identity.people.journal import Journal
from gateway.identity.ports import SessionStore, Someone, TokenIssuer
from gateway.identity.sessions.refresh_tokens import RefreshTokens
from ops.runtime.identifiers import Identifiers
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.people import Admin, AdminRole, Audience, Person, subject_of
from storage.models.sessions import ACCESS_SECONDS, REFRESH_SECONDS, Session


@dataclass(frozen=True, slots=True)
class Opened:
    """The tokens of a session, and whose it is as `me` shows it. Never logged: `repr` shows no token."""

    audience: Audience
    access_token: str
    refresh_token: str
    person: dict[str, Any]

    def answer(self) -> bytes:
        """The `data` of an answer."""
        return msgspec.json.encode(
            {
                "token_type": "Bearer",
                "access_token": self.access_token,
                "expires_in": ACCESS_SECONDS,
                "refresh_token": self.refresh_token,
                "refresh_expires_in": REFRESH_SECONDS,
                self.audience: self.person,
            }
        )

    def __repr__(self) -> str:
        return f"Opened({self.audience})"


class SessionOpener:
    """Opens sessions."""

    def __init__(
        self,
        sessions: SessionStore,
        refresh_tokens: RefreshTokens,
        access_tokens: TokenIssuer,
        journal: Journal,
        identifiers: Identifiers,
    ) -> None:
        self._sessions, self._refresh_tokens, self._access_tokens = sessions, refresh_tokens, access_tokens
        self._journal, self._identifiers = journal, identifiers

    async def open(self, door: Door[Someone], person: Someone, asker: Asker) -> Opened:
        """A new session of the person. It stands in the audit trail before anybody has a token of it."""
        session_id = self._identifiers.new("ses")
        refresh_token, kept = self._refresh_tokens.make(session_id, 1)
        session = Session(
            session_id=session_id,
            audience=door.audience,
            subject_id=subject_of(person),
            refresh_hash=kept,
            created_at=asker.now,
            last_used_at=asker.now,
            expires_at=asker.now + REFRESH_SECONDS * NANOSECONDS_PER_SECOND,
            ip=asker.ip,
            user_agent=asker.user_agent,
        )
        await self._sessions.insert(session)
        await self._journal.logged_in(person, session_id, asker)
        person = await changed(
            door.people, person, lambda current: current.model_copy(update={"last_login_at": asker.now})
        )
        return await self.hand_out(door, person, session_id, refresh_token, asker.now)

    async def hand_out(
        self, door: Door[Someone], person: Someone, session_id: str, refresh_token: str, now: int
    ) -> Opened:
        """The tokens of a session that is open: a new access token beside that refresh token."""
        access_token = self._access_tokens.issue(door.audience, subject_of(person), session_id, _role_of(person), now)
        return Opened(door.audience, access_token, refresh_token, await door.show(person))


def _role_of(person: Person) -> AdminRole | None:
    """The role of an admin; a user has none."""
    return person.role if isinstance(person, Admin) else None
