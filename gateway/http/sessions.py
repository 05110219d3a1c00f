"""Sessions and people in memory, at most 2 s old: the `BearerAuthenticator` of users and admins.

A request of a known session asks nobody. Every second one query reads all cached sessions again, one their users, one their
admins and one their tenants.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.callers import Claims, Principal
from gateway.http.key_lookups import KeyLookups
from gateway.http.keys import FORGET_SECONDS, REFRESH_SECONDS, TenantSource, UserSource
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.metrics import SESSIONS_DEGRADED, Metrics
from storage.models.people import Admin, Audience, Person, User
from storage.models.sessions import Session
from storage.models.tenants import Tenant
from storage.mongo.failures import StoreUnavailable

_NOBODY: Final = frozenset({""})
"""Asked for where nobody is to be, so that the number of queries does not tell what was found."""
_log = logging.getLogger(__name__)


class TokenReader(Protocol):
    """What checks a token itself (gateway/identity/sessions/access_tokens.py)."""

    def read(self, token: str, audience: Audience, now: int) -> Claims: ...


class SessionSource(Protocol):
    """Where sessions are kept (storage/mongo/sessions.py)."""

    async def get_many(self, session_ids: Iterable[str]) -> dict[str, Session]: ...


class AdminSource(Protocol):
    """Where admins are kept (storage/mongo/admins.py)."""

    async def get_many(self, admin_ids: Iterable[str]) -> dict[str, Admin]: ...


@dataclass(slots=True)
class KnownSession:
    """A session with its person. `used_at` is on the monotonic clock; `read` is the number of the read that it came from."""

    session: Session
    person: Person | None
    tenant: Tenant | None
    used_at: float
    read: int


class SessionCache:
    """Says whose token it is. `run` must be running beside it for what ends to be felt."""

    def __init__(
        self,
        tokens: TokenReader,
        *,
        sessions: SessionSource,
        users: UserSource,
        admins: AdminSource,
        tenants: TenantSource,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._tokens = tokens
        self._sessions, self._users, self._admins, self._tenants = sessions, users, admins, tenants
        self._clock = clock
        self._gauge = metrics.gauge(SESSIONS_DEGRADED)
        self._known: dict[str, KnownSession] = {}
        self._lookups = KeyLookups[KnownSession](self._read)
        self._reads = 0
        self._degraded = False

    @property
    def degraded(self) -> bool:
        """Whether sessions could not be read again at the last try: what is known stays valid meanwhile."""
        return self._degraded

    async def run(self) -> None:
        """Read the cached sessions again every second until cancelled."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await self.refresh()

    async def authenticate(self, token: str, audience: Audience) -> Principal:
        """See `BearerAuthenticator`. A token counts while its session is open, its person active and, of an admin, the role
        that of the token.
        """
        now = self._clock.now()
        claims = self._tokens.read(token, audience, now)
        known = self._known.get(claims.session_id) or await self._lookups.find(claims.session_id)
        if known is None:
            raise HubError("auth.session_ended")
        _refuse(known, claims, now)
        known.used_at = self._clock.monotonic()
        return _principal(known, claims)

    async def refresh(self) -> None:
        """Read every session in memory again; forgets those that nobody used for ten minutes. A store that is away changes
        nothing but `degraded`.
        """
        oldest = self._clock.monotonic() - FORGET_SECONDS
        self._known = {session_id: known for session_id, known in self._known.items() if known.used_at >= oldest}
        wanted = list(self._known)
        if not wanted:
            return
        try:
            found = await self._read(wanted)
        except StoreUnavailable as error:
            self._say(degraded=True, reason=str(error))
            return
        for session_id in wanted:
            if session_id not in found:
                self._known.pop(session_id, None)
        self._say(degraded=False)

    async def _read(self, session_ids: list[str]) -> dict[str, KnownSession]:
        """What a later read has found is never undone by an earlier one that was slow."""
        self._reads += 1
        read = self._reads
        sessions = await self._sessions.get_many(session_ids)
        subjects: dict[Audience, set[str]] = {"user": set(), "admin": set()}
        for session in sessions.values():
            subjects[session.audience].add(session.subject_id)
        users = await self._users.get_many(subjects["user"] or _NOBODY)
        admins = await self._admins.get_many(subjects["admin"] or _NOBODY)
        tenants = await self._tenants.get_many({user.tenant_id for user in users.values()} or _NOBODY)
        for session_id, session in sessions.items():
            people = users if session.audience == "user" else admins
            person: Person | None = people.get(session.subject_id)
            tenant = tenants.get(person.tenant_id) if isinstance(person, User) else None
            before = self._known.get(session_id)
            if before is None or before.read < read:
                used_at = before.used_at if before else self._clock.monotonic()
                self._known[session_id] = KnownSession(session, person, tenant, used_at, read)
        return {session_id: self._known[session_id] for session_id in sessions}

    def _say(self, *, degraded: bool, reason: str = "") -> None:
        if degraded and not self._degraded:
            _log.error("sessions cannot be read again; what is known stays", extra={"reason": reason})
        elif self._degraded and not degraded:
            _log.info("sessions are read again")
        self._degraded = degraded
        self._gauge.set(degraded)


def _refuse(known: KnownSession, claims: Claims, now: int) -> None:
    """The person's state is told before the session's: who was suspended had the sessions ended too."""
    session, person = known.session, known.person
    if (session.audience, session.subject_id) != (claims.audience, claims.subject_id):
        raise HubError("auth.token_invalid")
    if person is not None and person.status in {"suspended", "closed"}:
        raise HubError(f"auth.{person.status}")
    if known.tenant is not None and known.tenant.status != "active":
        raise HubError("auth.tenant_suspended")
    if session.ended_at is not None or session.expires_at <= now:
        raise HubError("auth.session_ended")
    if person is None or person.status != "active" or (isinstance(person, User) and known.tenant is None):
        raise HubError("auth.session_ended")
    if isinstance(person, Admin) and person.role != claims.role:
        raise HubError("auth.session_ended")


def _principal(known: KnownSession, claims: Claims) -> Principal:
    tenant, person = known.tenant, known.person
    return Principal(
        audience=claims.audience,
        subject_id=claims.subject_id,
        session_id=claims.session_id,
        role=claims.role,
        tenant_id=tenant.tenant_id if tenant else None,
        account_ids=tenant.account_ids if tenant else (),
        language=person.preferred_language if person else "en-US",
    )
