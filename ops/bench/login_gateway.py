"""The login of the gateway alone, over a store with people in it, for the benchmark of its timing."""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.callers import Caller, Principal, SignedRequest
from gateway.http.answers import Answers
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge, Endpoint
from gateway.http.exchange import Exchanges
from gateway.http.idempotency import IdempotencyBook
from gateway.http.limits import Limiter
from gateway.http.page_tokens import PageTokens
from gateway.identity.door.flows import flows_of
from gateway.identity.door.handlers import DoorHandlers
from gateway.identity.parts import IdentityParts
from gateway.identity.people.afterwards import Afterwards
from gateway.identity.people.doors import user_door
from gateway.identity.proofs.codes import Codes
from gateway.identity.sessions.access_tokens import ISSUER, AccessTokens
from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from ops.runtime.metrics import Metrics
from storage.audit.trail import AuditTrail
from storage.identity_events import IdentityEvents
from storage.jobs import open_jobs
from storage.log.memory import MemoryLog
from storage.models.people import Audience, User
from storage.mongo.admins import Admins
from storage.mongo.audit_events import AuditEvents
from storage.mongo.challenges import Challenges
from storage.mongo.connect import Store
from storage.mongo.idempotency import IdempotencyRecords
from storage.mongo.migrations import migrate
from storage.mongo.notices import Notices
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.passwords import Passwords, standard_hasher
from storage.sealing import KeyRing
from storage.signing_keys import SigningKeys
from storage.topics import Topics

KNOWN: Final = "known{}@bench.example"
UNVERIFIED: Final = "unverified{}@bench.example"
_PASSWORD: Final = "the right one of everybody"  # noqa: S105
_SECRET: Final = "bench:a secret of the benchmark alone"  # noqa: S105
_NO_LIMIT: Final = 10**9


class _Unmeasured:
    """Counts nothing."""

    def answered(self, operation: str, code: str, seconds: float) -> None: ...
    def limited(self, limit: str) -> None: ...


class _Nobody:
    """Lets nobody in: logins need no credentials."""

    async def authenticate(self, request: SignedRequest) -> Caller:  # noqa: ARG002  (the protocol's)
        raise HubError("auth.credentials_missing")

    def refusal(self, key_id: str) -> HubError | None:  # noqa: ARG002  (the protocol's)
        return HubError("auth.credentials_missing")


class _NoBearer:
    """As above."""

    async def authenticate(self, token: str, audience: Audience) -> Principal:  # noqa: ARG002  (the protocol's)
        raise HubError("auth.token_invalid")


async def login_endpoint(
    store: Store, clock: Clock, people: int
) -> tuple[Endpoint, str, Callable[[], Awaitable[None]]]:
    """`POST /public/v1/auth/login` with `people` verified and as many unverified users, limits out of reach; their password;
    and what waits for the work that follows answers.
    """
    await migrate(store.database, clock)
    limiter = Limiter(
        clock,
        market_per_minute=1,
        public_per_minute=1,
        auth_per_minute=_NO_LIMIT,
        auth_attempts_per_minute=_NO_LIMIT,
        wrong_passwords=_NO_LIMIT,
    )
    parts = _parts(store, clock, limiter)
    await _register(parts, people, clock.now())
    handlers = DoorHandlers(user_door(parts.users, parts.tenants), flows_of(parts))
    endpoint = _edge(store, clock, limiter, parts).open_write("loginUser", handlers.login)
    return endpoint, _PASSWORD, parts.afterwards.drain


def _edge(store: Store, clock: Clock, limiter: Limiter, parts: IdentityParts) -> Edge:
    records = IdempotencyRecords(store.database)
    return Edge(
        exchanges=Exchanges(clock, parts.identifiers, 0),
        answers=Answers(load_languages(), clock, CrossOrigin(()), transport_is_secure=True),
        authenticator=_Nobody(),
        bearers=_NoBearer(),
        idempotency=IdempotencyBook(records, parts.key_ring, parts.identifiers, clock),
        limiter=limiter,
        measures=_Unmeasured(),
        clock=clock,
    )


def _parts(store: Store, clock: Clock, limiter: Limiter) -> IdentityParts:
    database, identifiers, key_ring = store.database, SystemIdentifiers(), KeyRing.parse(_SECRET)
    jobs, challenges = open_jobs("memory://", Metrics()), Challenges(database)
    return IdentityParts(
        users=Users(database),
        admins=Admins(database),
        tenants=Tenants(database),
        sessions=Sessions(database),
        challenges=challenges,
        notices=Notices(database),
        audit=AuditTrail(AuditEvents(database, key_ring), clock, identifiers),
        jobs=jobs,
        announcer=IdentityEvents(MemoryLog(Topics(), clock), clock),
        access_tokens=AccessTokens(SigningKeys.parse(_SECRET), ISSUER),
        passwords=Passwords(standard_hasher()),
        codes=Codes(challenges, key_ring, jobs, identifiers),
        key_ring=key_ring,
        limits=limiter,
        tokens=PageTokens(_SECRET.encode()),
        afterwards=Afterwards(delay_seconds=0),
        clock=clock,
        identifiers=identifiers,
        admin_registration="closed",
    )


async def _register(parts: IdentityParts, people: int, now: int) -> None:
    password_hash = await parts.passwords.hash(_PASSWORD)
    for number in range(people):
        for email in (KNOWN.format(number), UNVERIFIED.format(number)):
            verified = email == KNOWN.format(number)
            user = User(
                user_id=parts.identifiers.new("usr"),
                tenant_id=parts.identifiers.new("ten"),
                email=email,
                display_name="Somebody",
                company_name="Somewhere",
                country_region="GB",
                status="active" if verified else "pending_verification",
                password_hash=password_hash,
                created_at=now,
            )
            await parts.users.insert(user)
