"""The sessions of a logged-in person: ended by logging out, listed, ended one by one."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gateway.http.calls import BearerCall
from gateway.http.fields import no_fields
from gateway.http.listing import page_asked, page_of
from gateway.http.page_tokens import PageTokens
from gateway.http.query import QueryReader
from gateway.identity.ports import Announcer, AuditLog, SessionStore
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.timestamps import format_timestamp
from storage.audit.trail import Effect
from storage.models.audit import Act, AuditEvent
from storage.models.sessions import Session

_LISTING: Final = "sessions"
_LATEST: Final = (1 << 63) - 1


class OwnSessions:
    """Handlers of both doors. Every ending stands in the audit trail, before and after it."""

    def __init__(
        self, sessions: SessionStore, audit: AuditLog, announcer: Announcer, tokens: PageTokens, clock: Clock
    ) -> None:
        self._sessions, self._audit, self._announcer = sessions, audit, announcer
        self._tokens, self._clock = tokens, clock

    async def logout(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """End the session of this request's token."""
        no_fields(body)
        return await self._end_audited(call, call.principal.session_id)

    async def logout_all(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """End every session of the person."""
        no_fields(body)
        subject_id = call.principal.subject_id

        async def effect(_intended: AuditEvent) -> tuple[bytes, Mapping[str, Any]]:
            ended = await self._sessions.end_all(subject_id, "logout_all", self._clock.now())
            await self._announcer.announce(call.principal.audience, subject_id)
            after = {"sessions_ended": ended}
            return msgspec.json.encode(after), after

        return await self._audited(call, call.principal.audience, subject_id, effect)

    async def list(self, call: BearerCall) -> bytes:
        """The open sessions, newest first."""
        reader = QueryReader(call.query)
        asked = page_asked(reader)
        reader.finish()
        found = await self._sessions.active_of(call.principal.subject_id, call.now)
        about = (_LISTING, {"subject": call.principal.subject_id})
        page, token = page_of(sorted(found, key=_place), asked, _place, self._tokens, about)
        items = [_view(session, call.principal.session_id) for session in page]
        return msgspec.json.encode({"items": items, "next_page_token": token})

    async def end(self, call: BearerCall, body: dict[str, Any]) -> bytes:
        """End one of the person's sessions. Raises `session.not_found`, also for somebody else's."""
        no_fields(body)
        session_id = call.path["session_id"]
        session = await self._sessions.get(session_id)
        if session is None or _owner(session) != (call.principal.audience, call.principal.subject_id):
            raise HubError("session.not_found")
        return await self._end_audited(call, session_id)

    async def _end_audited(self, call: BearerCall, session_id: str) -> bytes:
        async def effect(_intended: AuditEvent) -> tuple[bytes, Mapping[str, Any]]:
            await self._sessions.end(session_id, "logout", self._clock.now())
            await self._announcer.announce("session", session_id)
            ended = await self._sessions.get(session_id)
            if ended is None or ended.ended_at is None:
                raise HubError("session.not_found")
            after = {"status": "ended", "ended_at": format_timestamp(ended.ended_at)}
            return msgspec.json.encode({"session_id": session_id, **after}), after

        return await self._audited(call, "session", session_id, effect)

    async def _audited(
        self,
        call: BearerCall,
        target_type: str,
        target_id: str,
        effect: Effect,
    ) -> bytes:
        act = Act(
            actor_type=call.principal.audience,
            actor_id=call.principal.subject_id,
            action="session.end" if target_type == "session" else "session.end_all",
            target_type=target_type,
            target_id=target_id,
            before={"status": "open"} if target_type == "session" else None,
            after=None,
            ip=call.client_ip,
            trace_id=call.trace_id,
            effect_id=call.effect_id,
        )
        return await self._audit.privileged(act, effect)


def _owner(session: Session) -> tuple[str, str]:
    return session.audience, session.subject_id


def _place(session: Session) -> str:
    """Sorts as the list is: newest first."""
    return f"{_LATEST - session.created_at:020d}{session.session_id}"


def _view(session: Session, current: str) -> dict[str, Any]:
    return {
        "session_id": session.session_id,
        "current": session.session_id == current,
        "created_at": format_timestamp(session.created_at),
        "last_used_at": format_timestamp(session.last_used_at),
        "expires_at": format_timestamp(session.expires_at),
        "ip": session.ip,
        "user_agent": session.user_agent,
    }
