"""Everything that the flows of identity need, in memory, on a clock that tests move by hand; and the mails that they cause."""

import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field

from argon2 import PasswordHasher

from gateway.http.limits import Limiter
from gateway.http.page_tokens import PageTokens
from gateway.identity.door.flows import Flows, flows_of
from gateway.identity.door.registration import UserRegistration
from gateway.identity.parts import IdentityParts
from gateway.identity.people.afterwards import Afterwards
from gateway.identity.people.asker import Asker
from gateway.identity.people.doors import AdminAdmission, Door, admin_door, user_door
from gateway.identity.ports import SessionStore
from gateway.identity.proofs.codes import Codes, draw_code
from gateway.identity.sessions.access_tokens import ISSUER, AccessTokens
from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from storage.audit.trail import Effect
from storage.jobs import SEND_MAIL, Job
from storage.models.audit import Act, AuditEvent
from storage.models.mails import Mail
from storage.models.people import Admin, User
from storage.mongo.admins import Admins
from storage.mongo.challenges import Challenges
from storage.mongo.connect import connect
from storage.mongo.documents import Database
from storage.mongo.migrations import migrate
from storage.mongo.notices import Notices
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.passwords import Passwords
from storage.sealing import KeyRing
from storage.signing_keys import SigningKeys

EMAIL = "ada@acme.example"
PASSWORD = "correct horse battery"
SECOND = 1_000_000_000
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
KEY_RING = KeyRing.parse("test:a-secret-of-the-tests-alone")


class NumberedIdentifiers:
    """Ids that count."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}_{next(self._numbers):08d}"

    def event_id(self) -> str:
        return self.new("evt")


@dataclass
class KeptJobs:
    """Keeps what was asked for."""

    mails: list[str] = field(default_factory=list)

    async def enqueue(self, job: Job, argument: str) -> None:
        assert job is SEND_MAIL
        self.mails.append(argument)


@dataclass
class KeptAnnouncements:
    """Keeps what was told."""

    told: list[str] = field(default_factory=list)

    async def announce(self, kind: str, identity: str) -> None:
        self.told.append(f"{kind}:{identity}")


@dataclass
class KeptAudit:
    """Keeps acts."""

    acts: list[Act] = field(default_factory=list)

    async def record(self, act: Act) -> AuditEvent:
        self.acts.append(act)
        return _event(act)

    async def privileged(self, act: Act, effect: Effect) -> bytes:
        self.acts.append(act)
        answer, _after = await effect(_event(act))
        return answer


def _event(act: Act) -> AuditEvent:
    named = {
        name: getattr(act, name) for name in ("actor_type", "actor_id", "action", "target_type", "target_id", "ip")
    }
    return AuditEvent(
        event_id="evt_1", seq=1, ts=0, trace_id=act.trace_id, stage="recorded", prev_hash="", hash="", **named
    )


@dataclass
class Desk:
    """The flows, their parts and doors, and what they left behind."""

    parts: IdentityParts
    flows: Flows
    users: Door[User]
    admins: Door[Admin]
    clock: ManualClock
    jobs: KeptJobs
    told: KeptAnnouncements
    audit: KeptAudit
    database: Database

    def asker(self, ip: str = "198.51.100.7", accept_language: str | None = None) -> Asker:
        """Somebody who asks now."""
        return Asker(self.clock.now(), ip, "curl/8", "0" * 32, accept_language)

    async def mail(self, outbox_id: str | None = None) -> Mail:
        """A mail that was asked for; the newest one."""
        collection, _, rest = (outbox_id or self.jobs.mails[-1]).partition(":")
        identity = rest.rpartition(":")[0]
        document = await self.database[collection].find_one({"_id": identity})
        return Mail.model_validate(document["mail"])

    async def code(self) -> str:
        """The code of the newest mail."""
        mail = await self.mail()
        assert mail.sealed is not None
        code: str = json.loads(KEY_RING.open(mail.sealed, mail.outbox_id.encode()))["code"]
        return code

    async def register(self, email: str = EMAIL, language: str = "en-US") -> User:
        """A user who waits for the code."""
        asked = UserRegistration(email, PASSWORD, "Ada", "Acme", "GB", language)  # type: ignore[arg-type]
        user, _ = await self.flows.registering.register(self.users, asked.person, PASSWORD, self.asker())
        return user

    async def verified(self, email: str = EMAIL) -> User:
        """An active user."""
        await self.register(email)
        return await self.flows.verifying.verify(self.users, email, await self.code(), self.asker())

    async def change(self, person: User, **fields: object) -> User:
        """Store a user with other fields, as others may."""
        stored = await self.parts.users.get(person.user_id)
        assert stored is not None
        after = stored.model_copy(update={**fields, "version": stored.version + 1})
        assert await self.parts.users.replace(after)
        return after


async def desk_of(
    *,
    admin_registration: AdminAdmission = "approval",
    draw: Callable[[], str] = draw_code,
    around: Callable[[SessionStore], SessionStore] = lambda sessions: sessions,
    database: "Database | None" = None,
    hasher: PasswordHasher = CHEAP,
) -> Desk:
    """A new desk over an empty store, in memory where none is given."""
    database = connect("mongomock://", "identity").database if database is None else database
    await migrate(database, ManualClock())
    clock, identifiers = ManualClock(), NumberedIdentifiers()
    jobs, told, audit = KeptJobs(), KeptAnnouncements(), KeptAudit()
    challenges = Challenges(database)
    parts = IdentityParts(
        users=Users(database),
        admins=Admins(database),
        tenants=Tenants(database),
        sessions=around(Sessions(database)),
        challenges=challenges,
        notices=Notices(database),
        audit=audit,
        jobs=jobs,
        announcer=told,
        access_tokens=AccessTokens(SigningKeys.parse("test:signs-for-the-tests-alone"), ISSUER),
        passwords=Passwords(hasher),
        codes=Codes(challenges, KEY_RING, jobs, identifiers, draw),
        key_ring=KEY_RING,
        limits=Limiter(
            clock, market_per_minute=1, public_per_minute=1, auth_per_minute=10**6, auth_attempts_per_minute=10**6
        ),
        tokens=PageTokens(b"tests"),
        afterwards=Afterwards(delay_seconds=0),
        clock=clock,
        identifiers=identifiers,
        admin_registration=admin_registration,
    )
    doors = user_door(parts.users, parts.tenants), admin_door(parts.admins, admin_registration)
    return Desk(parts, flows_of(parts), *doors, clock, jobs, told, audit, database)


def code_of(refusal: BaseException) -> str:
    """The code of a refusal."""
    assert isinstance(refusal, HubError), repr(refusal)
    return refusal.code
