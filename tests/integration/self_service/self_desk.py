"""A gateway with the routes of self-service alone, in process: the real edge, session cache, repositories and trail."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from argon2 import PasswordHasher
from quart import Quart

from gateway.callers import BearerAuthenticator, Caller, SignedRequest
from gateway.http.answers import Answers
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.failures import register_failures
from gateway.http.idempotency import IdempotencyBook
from gateway.http.limits import Limiter
from gateway.http.page_tokens import PageTokens
from gateway.http.routes import FixedFirst, Routes
from gateway.http.sessions import SessionCache
from gateway.identity.own.routes import SelfParts, register_self
from gateway.identity.people.letters import Notices
from gateway.identity.proofs.codes import Codes
from gateway.identity.sessions.access_tokens import AccessTokens
from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from ops.runtime.metrics import Metrics
from storage.audit.trail import AuditTrail, Effect
from storage.jobs import Job
from storage.models.audit import Act, AuditEvent
from storage.models.mails import Mail
from storage.models.people import User
from storage.models.sessions import Session
from storage.models.tenants import Tenant
from storage.mongo import notices as notices_in_store
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.audit_events import AuditEvents
from storage.mongo.challenges import Challenges
from storage.mongo.connect import Store
from storage.mongo.documents import Database
from storage.mongo.failures import StoreUnavailable
from storage.mongo.idempotency import IdempotencyRecords
from storage.mongo.invitations import Invitations
from storage.mongo.migrations import migrate
from storage.mongo.outbox import Outbox
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.passwords import Passwords
from storage.sealing import KeyRing
from storage.signing_keys import SigningKeys

KEYS_OF_TESTS = "test:sixteen characters or more"
PASSWORD = "correct horse battery"
START = 1_723_127_400 * 1_000_000_000
DAY = 86_400
PLENTY = 10**9


@dataclass
class Jobs:
    """Jobs that were asked for."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    async def enqueue(self, job: Job, argument: str) -> None:
        self.asked.append((job.name, argument))


@dataclass
class Announcer:
    """What was announced."""

    told: list[tuple[str, str]] = field(default_factory=list)

    async def announce(self, kind: str, identity: str) -> None:
        self.told.append((kind, identity))


class NoApiKeys:
    """No API key opens anything here."""

    async def authenticate(self, request: SignedRequest) -> Caller:
        raise AssertionError("a route of people asked for an API key")

    def refusal(self, key_id: str) -> HubError | None:
        return HubError("auth.key_revoked")


class Measures:
    """Nobody looks."""

    def answered(self, operation: str, code: str, seconds: float) -> None: ...
    def limited(self, limit: str) -> None: ...


class Trail:
    """The audit trail, which may be away: then whatever was done before it is done, and nobody was told."""

    def __init__(self, trail: AuditTrail) -> None:
        self._trail, self.away = trail, False

    async def record(self, act: Act) -> AuditEvent:
        if self.away:
            raise StoreUnavailable("the database does not answer: the test says so")
        return await self._trail.record(act)

    async def privileged(self, act: Act, effect: Effect) -> bytes:
        return await self._trail.privileged(act, effect)


@dataclass
class Answered:
    """One answer."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        assert self.status == 200, self.body
        return json.loads(self.body)["data"]

    @property
    def error(self) -> Any:
        assert self.status >= 400, self.body
        return json.loads(self.body)["error"]

    @property
    def code(self) -> str:
        return "ok" if self.status == 200 else str(self.error["code"])

    @property
    def fields(self) -> dict[str, str]:
        """Why each field was refused."""
        return {problem["name"]: problem["reason"] for problem in self.error["details"]["fields"]}


class SelfDesk:
    """The routes over a store, and people who call them."""

    def __init__(self, store: Store, auth_per_minute: int = PLENTY) -> None:
        self.clock, self.database = ManualClock(START), store.database
        self.key_ring = KeyRing.parse(KEYS_OF_TESTS)
        self.jobs, self.announcer = Jobs(), Announcer()
        self.users, self.tenants, self.sessions = (
            Users(store.database),
            Tenants(store.database),
            Sessions(store.database),
        )
        self.keys, self.challenges = ApiKeys(store.database), Challenges(store.database)
        self.invitations, self.outbox = Invitations(store.database), Outbox(store.database)
        self.events = AuditEvents(store.database, self.key_ring)
        self.ids = SystemIdentifiers()
        self.codes = Codes(self.challenges, self.key_ring, self.jobs, self.ids)
        self.trail = Trail(AuditTrail(self.events, self.clock, self.ids))
        self.passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.tokens = AccessTokens(SigningKeys({"test": "sixteen characters or more"}), "https://hub.test")
        self.limiter = Limiter(
            self.clock, market_per_minute=1, public_per_minute=1, account_per_minute=1, auth_per_minute=auth_per_minute,
            auth_attempts_per_minute=PLENTY, user_per_minute=PLENTY,
        )  # fmt: skip
        self.cache = SessionCache(
            self.tokens, sessions=self.sessions, users=self.users, admins=Admins(store.database), tenants=self.tenants,
            clock=self.clock, metrics=Metrics(),
        )  # fmt: skip
        self.app = self._app()

    def _app(self) -> Quart:
        app = Quart("self desk", static_folder=None)
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        edge = edge_over(self.database, self.clock, self.limiter, self.cache)
        register_failures(app, edge, CrossOrigin(()))
        routes = Routes(app)
        register_self(routes, edge, self.parts(), PageTokens(b"page tokens"))
        app.asgi_app = FixedFirst(app.asgi_app, routes.fixed, edge)
        return app

    def parts(self) -> SelfParts:
        """What the routes are made of."""
        return SelfParts(
            users=self.users,
            tenants=self.tenants,
            sessions=self.sessions,
            challenges=self.challenges,
            invitations=self.invitations,
            api_keys=self.keys,
            codes=self.codes,
            passwords=self.passwords,
            notices=Notices(notices_in_store.Notices(self.database), self.jobs),
            limits=self.limiter,
            audit=self.trail,
            announcer=self.announcer,
            jobs=self.jobs,
            key_ring=self.key_ring,
        )

    async def set_up(self) -> None:
        """Make the indexes."""
        await migrate(self.database, self.clock)

    async def user(self, name: str = "ada", **changes: Any) -> User:
        """An active user who owns a tenant of the same name."""
        tenant_id = changes.get("tenant_id", f"ten_{name}")
        if not await self.tenants.get_many([tenant_id]):
            await self.tenants.insert(
                Tenant(tenant_id=tenant_id, name="T", account_ids=(f"acc_{tenant_id}",), created_at=START)
            )
        user = User(
            **{
                "user_id": f"usr_{name}", "tenant_id": tenant_id, "email": f"{name}@example.com", "display_name": name.title(),
                "company_name": "Analytical Engines", "country_region": "GB", "preferred_language": "ja-JP",
                "status": "active", "password_hash": await self.passwords.hash(PASSWORD), "created_at": START, **changes,
            }
        )  # fmt: skip
        await self.users.insert(user)
        return user

    async def caller(self, name: str = "ada", **changes: Any) -> "Calling":
        """A new user who calls."""
        user = await self.user(name, **changes)
        return await self.logged_in(user)

    async def logged_in(self, user: User) -> "Calling":
        """A user with one more session."""
        now, session_id = self.clock.now(), self.ids.new("ses")
        await self.sessions.insert(
            Session(
                session_id=session_id,
                audience="user",
                subject_id=user.user_id,
                refresh_hash="h",
                created_at=now,
                last_used_at=now,
                expires_at=now + 30 * DAY * 1_000_000_000,
                ip="::1",
                user_agent="test",
            )
        )
        return Calling(self, user, session_id, self.tokens.issue("user", user.user_id, session_id, None, now))

    async def open(
        self, method: str, target: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """A request as it is; `target` is path and query."""
        path, _, query = target.partition("?")
        scope = {"raw_path": path.encode(), "query_string": query.encode(), "client": ("203.0.113.9", 1)}
        content = {} if body is None else {"data": json.dumps(body).encode()}
        typed = {} if body is None else {"Content-Type": "application/json"}
        response = await self.app.test_client().open(
            path, method=method, headers={**typed, **(headers or {})}, scope_base=scope, **content
        )
        return Answered(response.status_code, await response.get_data(), response.headers)

    async def ask(self, path: str, body: Any) -> Answered:
        """A write without credentials."""
        return await self.open("POST", f"/public/v1/auth/{path}", body)

    async def told(self) -> Sequence[AuditEvent]:
        """The audit trail, oldest first."""
        return list(reversed(await self.events.newest(None, None, 1_000)))

    async def newest_mail(self) -> Mail:
        """The mail that was asked for last."""
        mail = await self.outbox.get(self.jobs.asked[-1][1])
        assert mail is not None
        return mail

    def secret_in(self, mail: Mail) -> dict[str, str]:
        """What is sealed in a mail."""
        assert mail.sealed is not None
        return dict(json.loads(self.key_ring.open(mail.sealed, mail.outbox_id.encode())))

    async def all_text(self) -> str:
        """Everything that the store holds."""
        names = await self.database.list_collection_names()
        return "".join([str([document async for document in self.database[name].find({})]) for name in names])


def edge_over(
    database: Database, clock: ManualClock, limiter: Limiter, bearers: BearerAuthenticator, trusted_hops: int = 0
) -> Edge:
    """The real edge."""
    ids = SystemIdentifiers()
    return Edge(
        exchanges=Exchanges(clock, ids, trusted_hops),
        answers=Answers(load_languages(), clock, CrossOrigin(()), transport_is_secure=False),
        authenticator=NoApiKeys(),
        bearers=bearers,
        idempotency=IdempotencyBook(IdempotencyRecords(database), KeyRing.parse(KEYS_OF_TESTS), ids, clock),
        limiter=limiter,
        measures=Measures(),
        clock=clock,
    )


@dataclass
class Calling:
    """A user with a session."""

    desk: SelfDesk
    user: User
    session_id: str
    token: str
    _keys: int = 0

    async def get(self, target: str) -> Answered:
        return await self.desk.open("GET", target, headers=self._headers())

    async def send(self, method: str, target: str, body: Any = None, key: str | None = None) -> Answered:
        """A write, under a key of its own unless one is given ("": none)."""
        self._keys += 1
        key = f"key-{self.session_id}-{self._keys}" if key is None else key
        return await self.desk.open(method, target, body, self._headers() | ({"Idempotency-Key": key} if key else {}))

    async def post(self, target: str, body: Any, key: str | None = None) -> Answered:
        return await self.send("POST", target, body, key)

    async def stored(self) -> User:
        """The user as kept now."""
        user = await self.desk.users.get(self.user.user_id)
        assert user is not None
        return user

    def _headers(self) -> dict[str, str]:
        return {"Accept-Language": "en-US", "Authorization": f"Bearer {self.token}"}
