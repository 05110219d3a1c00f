"""Sockets and tokens feel a revoked key, a suspended user, a changed role: within 2 s by themselves, at once when it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from websockets.exceptions import ConnectionClosed

from gateway.callers import SignedRequest
from gateway.http.keys import KeyCache
from gateway.http.sessions import SessionCache
from gateway.http.signing import signature_of, string_to_sign
from gateway.identity.sessions.access_tokens import ISSUER, AccessTokens
from gateway.identity_watch import IdentityWatch
from ops.runtime.clock import SystemClock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.metrics import Metrics
from storage.identity_events import IdentityEvents
from storage.models.people import Admin, User
from storage.models.sessions import Session
from storage.models.tenants import ALL_SCOPES, ApiKey, Tenant
from storage.mongo.admins import Admins
from storage.mongo.api_keys import ApiKeys
from storage.mongo.connect import Store, connect
from storage.mongo.sessions import Sessions
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.sealing import KeyRing
from storage.signing_keys import SigningKeys

RING = KeyRing.parse("one:a secret of sixteen or more")
SECRET = "shown once"
TOKENS = AccessTokens(SigningKeys.parse("one:a secret of sixteen or more"), ISSUER)
CLOCK = SystemClock()
NOW = CLOCK.now()
PERSON = {"display_name": "A", "password_hash": "x", "created_at": NOW, "status": "active"}
SESSION = {
    "refresh_hash": "x", "created_at": NOW, "last_used_at": NOW, "expires_at": NOW + 10**15, "ip": "", "user_agent": "",
}  # fmt: skip


@dataclass
class House:
    """A tenant's user with a key, an admin, and one gateway's caches over them."""

    store: Store
    keys: KeyCache
    sessions: SessionCache

    async def revoke(self) -> tuple[str, str]:
        assert await ApiKeys(self.store.database).revoke("pmk_1", CLOCK.now())
        return "key", "pmk_1"

    async def suspend(self) -> tuple[str, str]:
        user = await Users(self.store.database).get("usr_1")
        assert await Users(self.store.database).replace(
            user.model_copy(update={"status": "suspended", "version": user.version + 1})
        )
        return "user", "usr_1"

    async def change_role(self) -> tuple[str, str]:
        admin = await Admins(self.store.database).get("adm_1")
        assert await Admins(self.store.database).replace(
            admin.model_copy(update={"role": "super_admin", "version": admin.version + 1})
        )
        return "admin", "adm_1"

    async def end_session(self) -> tuple[str, str]:
        assert await Sessions(self.store.database).end("ses_1", "logout", CLOCK.now())
        return "session", "ses_1"

    async def code_of(self, audience: str) -> str:
        subject = ("usr_1", "ses_1", None) if audience == "user" else ("adm_1", "ses_2", "ops_admin")
        try:
            await self.sessions.authenticate(TOKENS.issue(audience, *subject, CLOCK.now()), audience)
        except HubError as error:
            return error.code
        return "ok"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    store = connect("mongomock://", "house")
    database = store.database
    await Tenants(database).insert(Tenant(tenant_id="ten_1", name="T", created_at=NOW))
    await Users(database).insert(
        User(user_id="usr_1", tenant_id="ten_1", email="u@e.com", company_name="C", country_region="JP", **PERSON)
    )
    await Admins(database).insert(Admin(admin_id="adm_1", role="ops_admin", email="a@e.com", **PERSON))
    await Sessions(database).insert(Session(session_id="ses_1", audience="user", subject_id="usr_1", **SESSION))
    await Sessions(database).insert(Session(session_id="ses_2", audience="admin", subject_id="adm_1", **SESSION))
    for number, user in enumerate(("usr_1", None), start=1):
        key_id = f"pmk_{number}"
        sealed = RING.seal(SECRET.encode(), key_id.encode())
        key = ApiKey(
            key_id=key_id, tenant_id="ten_1", user_id=user, label="l", scopes=ALL_SCOPES, sealed_secret=sealed,
            created_at=NOW,
        )  # fmt: skip
        await ApiKeys(database).insert(key)
    sources = {"users": Users(database), "tenants": Tenants(database)}
    keys = KeyCache(
        ApiKeys(database), sources["tenants"], sources["users"], RING, CLOCK, metrics=Metrics(), explains=False
    )
    sessions = SessionCache(
        TOKENS, sessions=Sessions(database), admins=Admins(database), clock=CLOCK, metrics=Metrics(), **sources
    )
    yield House(store, keys, sessions)
    store.close()


@asynccontextmanager
async def running(*works) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def auth(client, key_id: str) -> None:
    timestamp = str(milliseconds(CLOCK.now()))
    text = string_to_sign(SignedRequest("GET", "/v1/ws", "", "", b"", {}, ""), timestamp)
    answer = await client.ask(
        "auth", {"api_key": key_id, "timestamp": timestamp, "signature": signature_of(SECRET.encode(), text)}
    )
    assert answer["ok"], answer


async def closing_code(client, seconds: float) -> int:
    async with asyncio.timeout(seconds):
        while True:
            try:
                await client.socket.recv()
            except ConnectionClosed as closed:
                return closed.rcvd.code


CHANGES = [("revoke", "user", "ok"), ("suspend", "user", "auth.suspended")]


@pytest.mark.alone
@pytest.mark.parametrize(("change", "audience", "code"), CHANGES)
async def test_sockets_close_within_two_seconds_when_nothing_is_told(world, house, change, audience, code):
    world.keys = house.keys
    async with (
        world.gateway() as gateway,
        running(house.keys.run(), house.sessions.run()),
        gateway.client(None) as client,
        gateway.client(None) as other,
    ):
        await auth(client, "pmk_1")
        await auth(other, "pmk_2")
        assert await house.code_of(audience) == "ok"
        await getattr(house, change)()
        assert await closing_code(client, 2) == 4403
        assert await house.code_of(audience) == code
        assert (await other.ask("ping"))["ok"]


@pytest.mark.parametrize(("change", "audience", "code"), CHANGES)
async def test_sockets_close_at_once_when_it_is_told(world, house, change, audience, code):
    """The caches do not read again by themselves here."""
    world.keys = house.keys
    tell = IdentityEvents(world.log, CLOCK)
    async with world.gateway() as gateway:
        watch = IdentityWatch(world.log, (house.keys, house.sessions), gateway.sockets)
        async with running(watch.run()), gateway.client(None) as client, gateway.client(None) as other:
            await auth(client, "pmk_1")
            await auth(other, "pmk_2")
            assert await house.code_of(audience) == "ok"
            await tell.announce(*await getattr(house, change)())
            assert await closing_code(client, 1) == 4403
            assert await house.code_of(audience) == code
            assert (await other.ask("ping"))["ok"]


@pytest.mark.parametrize(("change", "audience"), [("change_role", "admin"), ("end_session", "user")])
async def test_tokens_end_at_once_when_it_is_told(world, house, change, audience):
    world.keys = house.keys
    refreshed = asyncio.Event()

    class Sockets:
        def drop_invalid(self) -> None:
            refreshed.set()

    watch = IdentityWatch(world.log, (house.keys, house.sessions), Sockets())
    assert await house.code_of(audience) == "ok"
    async with running(watch.run()):
        await asyncio.sleep(0)  # it stands at the end of the log
        await asyncio.sleep(0)
        await IdentityEvents(world.log, CLOCK).announce(*await getattr(house, change)())
        async with asyncio.timeout(1):
            await refreshed.wait()
    assert await house.code_of(audience) == "auth.session_ended"
