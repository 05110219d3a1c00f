"""A gateway with the admin routes alone, in process: the real edge, session cache, repositories and trail over one store."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quart import Quart

from gateway.access.ports import AccessParts
from gateway.admin.parts import AdminParts
from gateway.admin.routes import register_admin
from gateway.callers import Caller, SignedRequest
from gateway.connectors.parts import ConnectorParts
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
from gateway.identity.proofs.codes import Codes
from gateway.identity.sessions.access_tokens import AccessTokens
from ops.processes.alert_parts import alerts_shown
from ops.processes.asking import decisions_of
from ops.processes.connector_parts import availabilities_of, vault_of
from ops.processes.controls import announcer_of
from ops.processes.people_parts import observability_of
from ops.processes.platform import Platform
from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from storage.audit.trail import AuditTrail
from storage.controls.claims import NewestClaims
from storage.controls.halting import Halting
from storage.identity_events import IdentityEvents
from storage.jobs import Job
from storage.log.memory import MemoryLog
from storage.log.port import Log
from storage.models.audit import AuditEvent
from storage.models.people import Admin, AdminRole, Audience, User
from storage.models.sessions import Session
from storage.models.tenants import Tenant
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.accounts import Accounts
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.applications import Applications
from storage.mongo.audit_events import AuditEvents
from storage.mongo.challenges import Challenges
from storage.mongo.command_answers import CommandAnswers
from storage.mongo.connect import Store, connect
from storage.mongo.connectors import Connectors
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.idempotency import IdempotencyRecords
from storage.mongo.notices import Notices
from storage.mongo.orders import Orders
from storage.mongo.ownership import ClaimHistories, Floors
from storage.mongo.provisioning_jobs import ProvisioningJobs
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.reference_data.builtin import load_builtin
from storage.sealing import KeyRing
from storage.signing_keys import SigningKeys
from storage.topics import ORDER_EVENTS, Topics
from tests.integration.trading.documented import violations

ROOT = "/internal/v1/admin"
REFERENCE = load_builtin()
YEAR = 365 * 86_400_000_000_000


@dataclass
class Jobs:
    """Jobs that were asked for."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    async def enqueue(self, job: Job, argument: str) -> None:
        self.asked.append((job.name, argument))


class NoKeys:
    """No API key opens anything here."""

    async def authenticate(self, request: SignedRequest) -> Caller:
        raise AssertionError("an admin route asked for an API key")

    def refusal(self, key_id: str) -> HubError | None:
        return HubError("auth.key_revoked")


class Measures:
    """Nobody looks."""

    def answered(self, operation: str, code: str, seconds: float) -> None: ...
    def limited(self, limit: str) -> None: ...


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


class AdminDesk:
    """The routes over a platform (by default one of its own, in memory), and people who call them."""

    def __init__(
        self,
        platform: Platform | None = None,
        edge: type[Edge] = Edge,
        more: "Callable[[Routes, Edge, AdminDesk], None]" = lambda routes, edge, desk: None,
    ) -> None:
        """`more` adds other routes behind the same `edge`."""
        self._edge, self._more = edge, more
        self.platform = platform or memory_platform()
        self.clock = self.platform.clock
        self.database = self.platform.store.database
        self.jobs = Jobs()
        self.users, self.admins, self.sessions = Users(self.database), Admins(self.database), Sessions(self.database)
        self.tenants, self.keys = Tenants(self.database), ApiKeys(self.database)
        self.events = AuditEvents(self.database, self.platform.key_ring)
        self.decisions = decisions_of(self.platform)
        self.tokens = AccessTokens(SigningKeys({"test": "sixteen characters or more"}), "https://hub.test")
        self.cache = SessionCache(
            self.tokens,
            sessions=self.sessions,
            users=self.users,
            admins=self.admins,
            tenants=self.tenants,
            clock=self.clock,
            metrics=Metrics(),
        )
        self.challenges = Challenges(self.database)
        self.codes = Codes(self.challenges, self.platform.key_ring, self.jobs, SystemIdentifiers())
        self.parts = AdminParts(
            users=self.users,
            admins=self.admins,
            sessions=self.sessions,
            challenges=self.challenges,
            tenants=self.tenants,
            api_keys=self.keys,
            notices=Notices(self.database),
            jobs=self.jobs,
            announcer=IdentityEvents(self.platform.log, self.clock),
            trail=AuditTrail(self.events, self.clock, SystemIdentifiers()),
            audit_events=self.events,
            halting=halting(self.platform),
            decisions=self.decisions,
            answers=CommandAnswers(self.database),
            accounts=Accounts(self.database),
            orders=Orders(self.database),
            observability=observability_of(self.platform),
            alerts=alerts_shown(self.platform, self.jobs),
            reference=lambda: REFERENCE,
            access=AccessParts(
                applications=Applications(self.database),
                bindings=AccessBindings(self.database),
                jobs=ProvisioningJobs(self.database),
                reference=lambda: REFERENCE,
                languages=load_languages(),
            ),
            connectors=ConnectorParts(
                Connectors(self.database), availabilities_of(self.platform), vault_of(self.platform)
            ),
        )
        self.app = self._app()

    def _app(self) -> Quart:
        app = Quart("admin desk", static_folder=None)
        app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False
        ids, cross_origin = SystemIdentifiers(), CrossOrigin(())
        self.edge = self._edge(
            exchanges=Exchanges(self.clock, ids, 0),
            answers=Answers(load_languages(), self.clock, cross_origin, transport_is_secure=False),
            authenticator=NoKeys(),
            bearers=self.cache,
            idempotency=IdempotencyBook(IdempotencyRecords(self.database), self.platform.key_ring, ids, self.clock),
            limiter=Limiter(
                self.clock, market_per_minute=1, public_per_minute=10**9, account_per_minute=1, admin_per_minute=10**9
            ),
            measures=Measures(),
            clock=self.clock,
        )
        register_failures(app, self.edge, cross_origin)
        routes = Routes(app)
        register_admin(routes, self.edge, self.parts, PageTokens(b"page tokens"))
        self._more(routes, self.edge, self)
        app.asgi_app = FixedFirst(app.asgi_app, routes.fixed, self.edge)
        return app

    async def admin(self, role: AdminRole, admin_id: str = "", **changes: Any) -> Admin:
        """An active admin of that role."""
        admin_id = admin_id or f"adm_{role}"
        admin = Admin(
            **{
                "admin_id": admin_id, "role": role, "email": f"{admin_id}@hub.test", "display_name": f"The {admin_id}",
                "status": "active", "password_hash": "secret hash", "created_at": self.clock.now(),
                "verified_at": self.clock.now(), **changes,
            }
        )  # fmt: skip
        await self.admins.insert(admin)
        return admin

    async def user(self, user_id: str = "usr_1", **changes: Any) -> User:
        """An active user of a tenant of the same number."""
        tenant_id = changes.get("tenant_id", user_id.replace("usr", "ten"))
        if not await self.tenants.get_many([tenant_id]):
            await self.tenants.insert(
                Tenant(tenant_id=tenant_id, name="T", account_ids=(f"acc_{tenant_id}",), created_at=1)
            )
        user = User(
            **{
                "user_id": user_id, "tenant_id": tenant_id, "email": f"{user_id}@example.com", "display_name": "Some One",
                "company_name": "Acme", "country_region": "DE", "status": "active", "password_hash": "secret hash",
                "created_at": self.clock.now(), "verified_at": self.clock.now(), **changes,
            }
        )  # fmt: skip
        await self.users.insert(user)
        return user

    async def token(self, audience: Audience, subject_id: str, role: AdminRole | None = None) -> str:
        """An access token of a new session."""
        now = self.clock.now()
        session = Session(
            session_id=SystemIdentifiers().new("ses"), audience=audience, subject_id=subject_id, refresh_hash="h",
            created_at=now, last_used_at=now, expires_at=now + YEAR, ip="::1", user_agent="test",
        )  # fmt: skip
        await self.sessions.insert(session)
        return self.tokens.issue(audience, subject_id, session.session_id, role, now)

    async def log_in(self, role: AdminRole = "super_admin", **changes: Any) -> "Calling":
        """An admin of that role who calls."""
        admin = await self.admin(role, **changes)
        return Calling(self, admin, await self.token("admin", admin.admin_id, role))

    async def open(self, method: str, target: str, headers: Mapping[str, str], body: Any = None) -> Answered:
        """A request as it is; `target` is path and query, below the admin root unless it is a whole one."""
        whole = target if target.startswith("/internal/") else ROOT + target
        path, _, query = whole.partition("?")
        scope = {"raw_path": path.encode(), "query_string": query.encode(), "client": ("203.0.113.9", 1)}
        content = {} if body is None else {"data": json.dumps(body).encode()}
        typed = {} if body is None else {"Content-Type": "application/json"}
        response = await self.app.test_client().open(
            path, method=method, headers={**typed, **headers}, scope_base=scope, **content
        )
        answered = Answered(response.status_code, await response.get_data(), response.headers)
        if answered.status != 501:  # what is not built yet is not documented either
            assert violations(method, path, answered.status, json.loads(answered.body)) == []
        return answered

    async def told(self) -> Sequence[AuditEvent]:
        """The audit trail, oldest first."""
        return list(reversed(await self.events.newest(None, None, 1_000)))


@dataclass
class Calling:
    """An admin with a token."""

    desk: AdminDesk
    admin: Admin
    token: str
    _keys: int = 0

    async def get(self, target: str) -> Answered:
        return await self.desk.open("GET", target, self._headers())

    async def send(self, method: str, target: str, body: Any = None, key: str | None = None) -> Answered:
        """A write, under a key of its own unless one is given ("": none)."""
        self._keys += 1
        key = f"key-{self.admin.admin_id}-{self._keys}" if key is None else key
        return await self.desk.open(method, target, self._headers() | ({"Idempotency-Key": key} if key else {}), body)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "X-PM-ROLE": self.admin.role}


def memory_platform(log: Log | None = None, store: Store | None = None) -> Platform:
    """A platform in memory whose clock stands still."""
    topics = Topics()
    clock = ManualClock(1_723_127_400 * 1_000_000_000)
    return Platform(
        settings=Settings(_env_file=None),
        clock=clock,
        identifiers=SystemIdentifiers(),
        metrics=Metrics(),
        topics=topics,
        log=log or MemoryLog(topics, clock),
        store=store or connect("mongomock://", SystemIdentifiers().new("db")),
        key_ring=KeyRing.parse("test:sixteen characters or more"),
    )


def halting(platform: Platform) -> Halting:
    """The kill switch of this platform."""
    database, partitions = platform.store.database, platform.topics[ORDER_EVENTS].partitions
    histories, floors = ClaimHistories(database, ORDER_EVENTS), Floors(database, ORDER_EVENTS)
    claims = NewestClaims(platform.log, ORDER_EVENTS, partitions, histories, floors)
    return Halting(announcer_of(platform), claims, Heartbeats(database), platform.clock)
