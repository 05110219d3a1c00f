"""What registration, login and sessions are made of, for whoever builds the gateway."""

from dataclasses import dataclass

from gateway.http.page_tokens import PageTokens
from gateway.identity.people.afterwards import Afterwards
from gateway.identity.people.doors import AdminAdmission
from gateway.identity.ports import (
    Announcer,
    AuditLog,
    ChallengeStore,
    NoticeStore,
    People,
    RateLimits,
    SessionStore,
    TenantStore,
    TokenIssuer,
)
from gateway.identity.proofs.codes import Codes
from ops.runtime.clock import Clock
from ops.runtime.identifiers import Identifiers
from storage.jobs import Jobs
from storage.models.people import Admin, User
from storage.passwords import Passwords
from storage.sealing import KeyRing


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityParts:
    """Repositories are those of storage/mongo. Whoever stops the gateway awaits `afterwards.drain()`, then calls
    `passwords.close()`.
    """

    users: People[User]
    admins: People[Admin]
    tenants: TenantStore
    sessions: SessionStore
    challenges: ChallengeStore
    notices: NoticeStore
    audit: AuditLog
    jobs: Jobs
    announcer: Announcer
    access_tokens: TokenIssuer
    passwords: Passwords
    codes: Codes
    key_ring: KeyRing
    limits: RateLimits
    tokens: PageTokens
    afterwards: Afterwards
    clock: Clock
    identifiers: Identifiers
    admin_registration: AdminAdmission
