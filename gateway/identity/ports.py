"""What the flows of identity need of the rest, as small protocols; who implements each is named."""

from collections.abc import Iterable
from typing import Literal, Protocol, TypeVar

from gateway.http.limits import LimitName, Spent
from storage.audit.trail import Effect
from storage.models.audit import Act, AuditEvent
from storage.models.challenges import Challenge, ChallengeKind
from storage.models.mails import Notice
from storage.models.people import Admin, AdminRole, Audience, User
from storage.models.sessions import EndedReason, Session
from storage.models.tenants import Tenant

Someone = TypeVar("Someone", User, Admin)


class People(Protocol[Someone]):
    """The people of one door (storage/mongo/users.py, storage/mongo/admins.py)."""

    async def get(self, identity: str, /) -> Someone | None: ...
    async def by_email(self, email: str, /) -> Someone | None: ...
    async def insert(self, person: Someone, /) -> None: ...
    async def replace(self, person: Someone, /) -> bool: ...


class TenantStore(Protocol):
    """The tenants (storage/mongo/tenants.py)."""

    async def insert(self, tenant: Tenant, /) -> None: ...
    async def get_many(self, tenant_ids: Iterable[str], /) -> dict[str, Tenant]: ...


class SessionStore(Protocol):
    """The sessions (storage/mongo/sessions.py)."""

    async def insert(self, session: Session, /) -> None: ...
    async def get(self, session_id: str, /) -> Session | None: ...
    async def rotate(self, session_id: str, generation: int, new_hash: str, now: int, expires_at: int, /) -> bool: ...
    async def end(self, session_id: str, reason: EndedReason, now: int, /) -> bool: ...
    async def end_all(
        self, subject_id: str, reason: EndedReason, now: int, except_session: str | None = None
    ) -> int: ...
    async def active_of(self, subject_id: str, now: int, /) -> list[Session]: ...


class ChallengeStore(Protocol):
    """The challenges (storage/mongo/challenges.py)."""

    async def insert(self, challenge: Challenge, /) -> None: ...
    async def get(self, challenge_id: str, /) -> Challenge | None: ...
    async def newest(self, kind: ChallengeKind, audience: Audience, subject_id: str, /) -> Challenge | None: ...
    async def newest_of(
        self, kind: ChallengeKind, audience: Audience, subject_id: str, most: int, /
    ) -> list[Challenge]: ...
    async def replace(self, before: Challenge, after: Challenge, /) -> bool: ...
    async def end_all(self, subject_id: str, now: int, /) -> int: ...


class NoticeStore(Protocol):
    """The notices (storage/mongo/notices.py)."""

    async def insert(self, notice: Notice, /) -> bool: ...


class RateLimits(Protocol):
    """Spends named limits (gateway/http/limits.py)."""

    def spend(self, name: LimitName, identity: str, weight: int, /) -> Spent: ...
    def peek(self, name: LimitName, identity: str, /) -> Spent: ...


class AuditLog(Protocol):
    """The audit trail (storage/audit/trail.py)."""

    async def record(self, act: Act) -> AuditEvent: ...
    async def privileged(self, act: Act, effect: Effect) -> bytes: ...


class Announcer(Protocol):
    """Tells other gateways what changed (storage/identity_events.py). Never raises."""

    async def announce(self, kind: Literal["key", "user", "admin", "session", "tenant"], identity: str) -> None: ...


class TokenIssuer(Protocol):
    """Makes access tokens (gateway/identity/sessions/access_tokens.py)."""

    def issue(self, audience: Audience, subject_id: str, session_id: str, role: AdminRole | None, now: int) -> str: ...
