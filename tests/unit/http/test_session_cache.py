"""The session cache: whose token counts, what is felt within a second, what happens while the store is away."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.http.keys import REFRESH_SECONDS
from gateway.http.sessions import SessionCache
from gateway.identity.sessions.access_tokens import ISSUER, AccessTokens
from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.metrics import SESSIONS_DEGRADED, Metrics
from storage.models.people import Admin, User
from storage.models.sessions import Session
from storage.models.tenants import Tenant
from storage.mongo.failures import StoreUnavailable
from storage.signing_keys import SigningKeys

TOKENS = AccessTokens(SigningKeys.parse("one:a secret of sixteen or more"), ISSUER)
DAY = 86_400 * 1_000_000_000


@dataclass
class Shelf:
    """One collection; counts how often it is asked."""

    kept: dict[str, Any]
    away: bool = False
    asked: list[list[str]] = field(default_factory=list)
    read: asyncio.Event = field(default_factory=asyncio.Event)
    slow: asyncio.Event | None = None

    async def get_many(self, ids: Iterable[str]) -> dict[str, Any]:
        self.asked.append(sorted(ids))
        self.read.set()
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("the store is away")
        found = {one: self.kept[one] for one in self.asked[-1] if one in self.kept}
        if self.slow is not None:
            await self.slow.wait()
        return found

    def change(self, identity: str, **changes: Any) -> None:
        self.kept[identity] = self.kept[identity].model_copy(update=changes)


@dataclass
class House:
    """A user, an admin, their sessions, and the cache over them."""

    clock: ManualClock
    sessions: Shelf
    users: Shelf
    admins: Shelf
    tenants: Shelf
    metrics: Metrics
    cache: SessionCache

    def shelves(self) -> list[Shelf]:
        return [self.sessions, self.users, self.admins, self.tenants]

    def token(self, audience: str = "user", **changes: Any) -> str:
        subject, session, role = ("usr_1", "ses_1", None) if audience == "user" else ("adm_1", "ses_2", "ops_admin")
        return TOKENS.issue(
            audience, changes.get("subject", subject), changes.get("session", session), changes.get("role", role),
            self.clock.now(),
        )  # fmt: skip

    async def refusal(self, token: str, audience: str = "user") -> str:
        with pytest.raises(HubError) as error:
            await self.cache.authenticate(token, audience)
        return error.value.code


@pytest.fixture
def house() -> House:
    clock = ManualClock()
    now = clock.now()
    person = {"email": "a@b.c", "display_name": "A", "password_hash": "x", "created_at": now, "status": "active"}
    user = User(
        user_id="usr_1", tenant_id="ten_1", company_name="C", country_region="JP", preferred_language="ja-JP", **person
    )
    admin = Admin(admin_id="adm_1", role="ops_admin", preferred_language="zh-CN", **person)
    session = {
        "refresh_hash": "x", "created_at": now, "last_used_at": now, "expires_at": now + 30 * DAY, "ip": "", "user_agent": "",
    }  # fmt: skip
    shelves = {
        "sessions": Shelf(
            {
                "ses_1": Session(session_id="ses_1", audience="user", subject_id="usr_1", **session),
                "ses_2": Session(session_id="ses_2", audience="admin", subject_id="adm_1", **session),
            }
        ),
        "users": Shelf({"usr_1": user}),
        "admins": Shelf({"adm_1": admin}),
        "tenants": Shelf({"ten_1": Tenant(tenant_id="ten_1", name="T", account_ids=("acc_1",), created_at=now)}),
    }
    metrics = Metrics()
    return House(clock, metrics=metrics, cache=SessionCache(TOKENS, **shelves, clock=clock, metrics=metrics), **shelves)


async def test_who_it_is(house):
    user = await house.cache.authenticate(house.token(), "user")
    assert (user.audience, user.subject_id, user.session_id, user.role) == ("user", "usr_1", "ses_1", None)
    assert (user.tenant_id, user.account_ids, user.language) == ("ten_1", ("acc_1",), "ja-JP")
    admin = await house.cache.authenticate(house.token("admin"), "admin")
    assert (admin.audience, admin.subject_id, admin.role) == ("admin", "adm_1", "ops_admin")
    assert (admin.tenant_id, admin.account_ids, admin.language) == (None, (), "zh-CN")


async def test_a_known_session_asks_nobody(house):
    for _ in range(3):
        await house.cache.authenticate(house.token(), "user")
    assert [len(shelf.asked) for shelf in house.shelves()] == [1, 1, 1, 1]


async def test_strangers_share_one_query_and_cost_what_others_cost(house):
    tokens = [house.token(session=f"ses_x{number}") for number in range(50)]
    assert set(await asyncio.gather(*(house.refusal(token) for token in tokens))) == {"auth.session_ended"}
    assert all(len(shelf.asked) <= 2 for shelf in house.shelves())
    assert len({len(shelf.asked) for shelf in house.shelves()}) == 1


async def test_a_bad_token_asks_nobody(house):
    assert await house.refusal("x.y.z") == "auth.token_invalid"
    expired = house.token()
    house.clock.advance(900)
    assert await house.refusal(expired) == "auth.token_expired"
    assert [shelf.asked for shelf in house.shelves()] == [[], [], [], []]


@pytest.mark.parametrize(
    ("change", "audience", "code"),
    [
        (("sessions", "ses_1", {"ended_at": 1, "ended_reason": "logout"}), "user", "auth.session_ended"),
        (("users", "usr_1", {"status": "suspended"}), "user", "auth.suspended"),
        (("users", "usr_1", {"status": "closed"}), "user", "auth.closed"),
        (("users", "usr_1", {"status": "pending_verification"}), "user", "auth.session_ended"),
        (("tenants", "ten_1", {"status": "suspended"}), "user", "auth.tenant_suspended"),
        (("sessions", "ses_2", {"ended_at": 1, "ended_reason": "role_changed"}), "admin", "auth.session_ended"),
        (("admins", "adm_1", {"role": "super_admin"}), "admin", "auth.session_ended"),
        (("admins", "adm_1", {"role": "compliance_admin"}), "admin", "auth.session_ended"),
        (("admins", "adm_1", {"status": "suspended"}), "admin", "auth.suspended"),
        (("admins", "adm_1", {"status": "closed"}), "admin", "auth.closed"),
        (("admins", "adm_1", {"status": "pending_approval"}), "admin", "auth.session_ended"),
    ],
)
async def test_what_has_changed_is_felt_from_the_next_refresh_on(house, change, audience, code):
    shelf, identity, changes = change
    token = house.token(audience)
    await house.cache.authenticate(token, audience)
    getattr(house, shelf).change(identity, **changes)
    await house.cache.refresh()
    assert await house.refusal(token, audience) == code
    again = SessionCache(
        TOKENS, sessions=house.sessions, users=house.users, admins=house.admins, tenants=house.tenants,
        clock=house.clock, metrics=Metrics(),
    )  # fmt: skip
    with pytest.raises(HubError) as error:
        await again.authenticate(token, audience)
    assert error.value.code == code


async def test_who_is_suspended_hears_so_though_the_sessions_were_ended_too(house):
    house.users.change("usr_1", status="suspended")
    house.sessions.change("ses_1", ended_at=1, ended_reason="status_changed")
    assert await house.refusal(house.token()) == "auth.suspended"


@pytest.mark.parametrize(("shelf", "identity"), [("sessions", "ses_1"), ("users", "usr_1"), ("tenants", "ten_1")])
async def test_what_is_gone_does_not_count(house, shelf, identity):
    await house.cache.authenticate(house.token(), "user")
    del getattr(house, shelf).kept[identity]
    await house.cache.refresh()
    assert await house.refusal(house.token()) == "auth.session_ended"


async def test_a_session_ends_by_the_clock_alone(house):
    house.sessions.change("ses_1", expires_at=house.clock.now() + 60 * 1_000_000_000)
    token = house.token()
    await house.cache.authenticate(token, "user")
    house.clock.advance(60)
    assert await house.refusal(token) == "auth.session_ended"


async def test_a_token_of_another_person_than_its_session_is_refused(house):
    assert await house.refusal(house.token(subject="usr_2")) == "auth.token_invalid"
    assert await house.refusal(house.token(session="ses_2")) == "auth.token_invalid"


async def test_the_store_away_keeps_what_is_known_and_says_so(house):
    await house.cache.authenticate(house.token(), "user")
    for shelf in house.shelves():
        shelf.away = True
    await house.cache.refresh()
    assert house.cache.degraded
    assert house.metrics.gauge(SESSIONS_DEGRADED)._value.get() == 1
    assert (await house.cache.authenticate(house.token(), "user")).subject_id == "usr_1"
    assert await house.refusal(house.token("admin"), "admin") == "system.unavailable"
    for shelf in house.shelves():
        shelf.away = False
    await house.cache.refresh()
    assert not house.cache.degraded


async def test_sessions_that_nobody_uses_are_forgotten(house):
    await house.cache.authenticate(house.token(), "user")
    house.clock.advance(500)
    await house.cache.authenticate(house.token("admin"), "admin")
    house.clock.advance(101)
    await house.cache.refresh()
    assert house.sessions.asked[-1] == ["ses_2"]


async def test_a_slow_read_does_not_undo_what_a_later_one_has_found(house):
    token = house.token()
    await house.cache.authenticate(token, "user")
    house.users.slow = asyncio.Event()
    slow = asyncio.create_task(house.cache.refresh())
    await asyncio.sleep(0.01)  # it has read what is kept, and its answer is on the way
    answer, house.users.slow = house.users.slow, None
    house.users.change("usr_1", status="suspended")
    await house.cache.refresh()
    answer.set()
    await slow
    assert await house.refusal(token) == "auth.suspended"


async def test_running_refreshes_every_second(house):
    assert REFRESH_SECONDS == 1
    token = house.token()
    await house.cache.authenticate(token, "user")
    running = asyncio.create_task(house.cache.run())
    house.users.change("usr_1", status="suspended")
    house.tenants.read.clear()
    async with asyncio.timeout(2):  # what the specification allows
        await house.tenants.read.wait()
        await asyncio.sleep(0.01)
        assert await house.refusal(token) == "auth.suspended"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
