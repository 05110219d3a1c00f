"""The key cache: who is let in, what is felt within a second, what happens while the store is away."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec
import pytest

from gateway.callers import SignedRequest
from gateway.http.keys import KeyCache
from gateway.http.signing import signature_of, string_to_sign
from ops.runtime.clock import ManualClock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.metrics import KEYS_DEGRADED, Metrics
from storage.models.people import User
from storage.models.tenants import ApiKey, Tenant
from storage.mongo.failures import StoreUnavailable
from storage.sealing import KeyRing

RING = KeyRing.parse("one:a secret of sixteen or more")
SECRET = "shown once"


@dataclass
class Store:
    """Keys and tenants that can go away, and count how often they are asked."""

    keys: dict[str, ApiKey]
    tenants: dict[str, Tenant]
    away: bool = False
    asked: list[list[str]] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    read: asyncio.Event = field(default_factory=asyncio.Event)

    async def get_many(self, key_ids: Iterable[str]) -> dict[str, ApiKey]:
        self.asked.append(sorted(key_ids))
        self.read.set()
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable("the store is away")
        return {key_id: self.keys[key_id] for key_id in self.asked[-1] if key_id in self.keys}

    async def touch_last_used(self, used: Mapping[str, int]) -> None:
        if self.away:
            raise StoreUnavailable("the store is away")
        self.used.update(used)


class TenantView:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked = 0

    async def get_many(self, tenant_ids: Iterable[str]) -> dict[str, Tenant]:
        self.asked += 1
        return {one: self._store.tenants[one] for one in tenant_ids if one in self._store.tenants}


class UserView:
    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked = 0
        self.slow: asyncio.Event | None = None

    async def get_many(self, user_ids: Iterable[str]) -> dict[str, User]:
        self.asked += 1
        found = {one: self._store.users[one] for one in user_ids if one in self._store.users}
        if self.slow is not None:
            await self.slow.wait()
        return found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> Store:
    key = ApiKey(
        key_id="pmk_1", tenant_id="ten_1", label="l", scopes=("market:read",), created_at=clock.now(),
        sealed_secret=RING.seal(SECRET.encode(), b"pmk_1"),
    )  # fmt: skip
    tenant = Tenant(tenant_id="ten_1", name="T", account_ids=("acc_1",), preferred_language="ja-JP", created_at=0)
    return Store({"pmk_1": key}, {"ten_1": tenant})


@pytest.fixture
def tenants(store: Store) -> TenantView:
    return TenantView(store)


@pytest.fixture
def users(store: Store) -> UserView:
    return UserView(store)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def cache(store: Store, tenants: TenantView, users: UserView, clock: ManualClock, metrics: Metrics) -> KeyCache:
    return KeyCache(store, tenants, users, RING, clock, metrics=metrics, explains=True)


@pytest.fixture
def cache_of(cache: KeyCache, store: Store) -> tuple[KeyCache, Store]:
    return cache, store


def signed(clock: ManualClock, key: str = "pmk_1", secret: str = SECRET, client_ip: str = "192.0.2.1") -> SignedRequest:
    timestamp = str(milliseconds(clock.now()))
    headers = {"x-pm-api-key": key, "x-pm-timestamp": timestamp, "x-pm-signature": ""}
    request = SignedRequest("GET", "/v1/quotes", "symbols=A", "", b"", headers, client_ip)
    headers["x-pm-signature"] = signature_of(secret.encode(), string_to_sign(request, timestamp))
    return request


async def refusal(cache: KeyCache, request: SignedRequest) -> HubError:
    with pytest.raises(HubError) as raised:
        await cache.authenticate(request)
    return raised.value


async def test_a_known_key_is_the_caller_and_asks_nobody_again(cache, store, clock):
    for _ in range(5):
        caller = await cache.authenticate(signed(clock))
    assert (caller.key_id, caller.tenant_id, caller.account_id) == ("pmk_1", "ten_1", "acc_1")
    assert caller.scopes == {"market:read"}
    assert caller.language == "ja-JP"
    assert store.asked == [["pmk_1"]]


async def test_unknown_key_and_wrong_signature_cost_the_same(cache, store, tenants, clock):
    await cache.authenticate(signed(clock))
    store.asked.clear()
    tenants.asked = 0
    wrong = await refusal(cache, signed(clock, secret="another"))
    after_wrong = (len(store.asked), tenants.asked)
    unknown = await refusal(cache, signed(clock, key="pmk_2"))
    assert wrong.code == unknown.code == "auth.signature_invalid"
    assert after_wrong == (1, 1)
    assert (len(store.asked), tenants.asked) == (2, 2)
    assert wrong.details.keys() == unknown.details.keys()


async def test_strangers_share_one_query(cache, store, clock):
    await asyncio.gather(*(refusal(cache, signed(clock, key=f"pmk_x{n}")) for n in range(50)))
    assert len(store.asked) <= 2
    assert sorted({key for keys in store.asked for key in keys}) == sorted(f"pmk_x{n}" for n in range(50))


async def test_a_wrong_signature_is_explained_only_outside_production(store, tenants, users, clock, cache):
    explained = await refusal(cache, signed(clock, secret="another"))
    assert explained.details["signed"]["path"] == "/v1/quotes"
    assert explained.details["clock_skew_ms"] == 0
    assert len(explained.details["string_to_sign_sha256"]) == 64
    silent = KeyCache(store, tenants, users, RING, clock, metrics=Metrics(), explains=False)
    assert (await refusal(silent, signed(clock, secret="another"))).details is None


async def test_revoked_key_is_refused_from_the_next_refresh_on(cache, store, clock):
    await cache.authenticate(signed(clock))
    assert cache.refusal("pmk_1") is None
    store.keys["pmk_1"] = store.keys["pmk_1"].model_copy(update={"revoked_at": clock.now()})
    await cache.refresh()
    assert (await refusal(cache, signed(clock))).code == "auth.key_revoked"
    assert (await refusal(cache, signed(clock, secret="another"))).code == "auth.signature_invalid"
    assert cache.refusal("pmk_1").code == "auth.key_revoked"


async def test_a_key_that_a_faster_clock_has_revoked_is_refused_too(cache, store, clock):
    await cache.authenticate(signed(clock))
    store.keys["pmk_1"] = store.keys["pmk_1"].model_copy(update={"revoked_at": clock.now() + 40 * 10**9})
    await cache.refresh()
    assert (await refusal(cache, signed(clock))).code == "auth.key_revoked"


async def test_key_expires_by_the_clock_alone(cache, store, clock):
    store.keys["pmk_1"] = store.keys["pmk_1"].model_copy(update={"expires_at": clock.now() + 10**9})
    await cache.authenticate(signed(clock))
    clock.advance(1)
    assert (await refusal(cache, signed(clock))).code == "auth.key_expired"
    assert cache.refusal("pmk_1").code == "auth.key_expired"


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_suspended_tenant(cache, store, clock, status):
    await cache.authenticate(signed(clock))
    store.tenants["ten_1"] = store.tenants["ten_1"].model_copy(update={"status": status})
    await cache.refresh()
    assert (await refusal(cache, signed(clock))).code == "auth.tenant_suspended"
    assert cache.refusal("pmk_1").code == "auth.tenant_suspended"


async def test_deleted_key_is_unknown(cache, store, clock):
    await cache.authenticate(signed(clock))
    store.keys.clear()
    await cache.refresh()
    assert (await refusal(cache, signed(clock))).code == "auth.signature_invalid"
    assert cache.refusal("pmk_1").code == "auth.key_revoked"


@pytest.mark.parametrize(
    ("allowlist", "address", "allowed"),
    [
        (("192.0.2.1",), "192.0.2.1", True),
        (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::9", True),
        (("192.0.2.0/24",), "198.51.100.1", False),
        (("192.0.2.0/24",), "", False),
        ((), "", True),
    ],
)
async def test_ip_allowlist(cache_of, clock, allowlist, address, allowed):
    cache, store = cache_of
    store.keys["pmk_1"] = store.keys["pmk_1"].model_copy(update={"ip_allowlist": allowlist})
    if allowed:
        await cache.authenticate(signed(clock, client_ip=address))
    else:
        assert (await refusal(cache, signed(clock, client_ip=address))).code == "auth.ip_not_allowed"


async def test_store_away_keeps_what_is_known_and_says_so(cache, store, clock, metrics):
    await cache.authenticate(signed(clock))
    store.away = True
    await cache.refresh()
    assert cache.degraded
    assert metrics.gauge(KEYS_DEGRADED)._value.get() == 1
    assert (await cache.authenticate(signed(clock))).key_id == "pmk_1"
    assert cache.refusal("pmk_1") is None
    assert (await refusal(cache, signed(clock, key="pmk_2"))).code == "system.unavailable"
    store.away = False
    await cache.refresh()
    assert not cache.degraded


async def test_keys_that_nobody_uses_are_forgotten_but_not_connected_ones(cache, store, clock):
    store.keys["pmk_2"] = store.keys["pmk_1"].model_copy(
        update={"key_id": "pmk_2", "sealed_secret": RING.seal(SECRET.encode(), b"pmk_2")}
    )
    await cache.authenticate(signed(clock))
    await cache.authenticate(signed(clock, key="pmk_2"))
    clock.advance(599)
    assert cache.refusal("pmk_2") is None
    clock.advance(2)
    await cache.refresh()
    assert store.asked[-1] == ["pmk_2"]


async def test_last_uses_are_written_in_one_go_and_kept_while_the_store_is_away(cache, store, clock):
    await cache.authenticate(signed(clock))
    first = clock.now()
    store.away = True
    await cache.touch()
    store.away = False
    clock.advance(1)
    await cache.touch()
    assert store.used == {"pmk_1": first}


async def test_a_key_that_cannot_be_opened_is_as_good_as_unknown(cache, store, clock):
    moved = RING.seal(SECRET.encode(), b"pmk_other")
    store.keys["pmk_1"] = store.keys["pmk_1"].model_copy(update={"sealed_secret": moved})
    assert (await refusal(cache, signed(clock))).code == "auth.signature_invalid"


async def test_stale_timestamp_comes_before_any_look_up(cache, store, clock):
    late = signed(clock)
    clock.advance(5.001)
    assert (await refusal(cache, late)).code == "auth.timestamp_outside_window"
    assert store.asked == []


async def test_running_refreshes_and_notes_uses_at_the_end(cache, store, clock):
    await cache.authenticate(signed(clock))
    running = asyncio.create_task(cache.run())
    store.read.clear()
    async with asyncio.timeout(5):
        await store.read.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert store.used == {"pmk_1": clock.now()}


def user_of(store: Store, **changes: object) -> None:
    """The key was made by a user; `changes` are to the user."""
    store.keys["pmk_1"] = store.keys["pmk_1"].model_copy(update={"user_id": "usr_1"})
    fields = {
        "user_id": "usr_1", "tenant_id": "ten_1", "email": "a@b.c", "display_name": "A", "company_name": "C",
        "country_region": "JP", "status": "active", "password_hash": "x", "created_at": 0, "preferred_language": "zh-CN",
    }  # fmt: skip
    store.users["usr_1"] = User(**{**fields, **changes})


async def test_a_key_speaks_the_language_of_who_made_it(cache, store, clock):
    user_of(store)
    assert (await cache.authenticate(signed(clock))).language == "zh-CN"


@pytest.mark.parametrize(
    ("status", "code"),
    [("suspended", "auth.suspended"), ("closed", "auth.closed"), ("pending_verification", "auth.key_revoked")],
)
async def test_a_key_counts_while_its_user_does(cache, store, clock, status, code):
    user_of(store)
    await cache.authenticate(signed(clock))
    user_of(store, status=status)
    await cache.refresh()
    assert (await refusal(cache, signed(clock))).code == code
    assert (await refusal(cache, signed(clock, secret="another"))).code == "auth.signature_invalid"
    assert cache.refusal("pmk_1").code == code
    user_of(store)
    await cache.refresh()
    assert cache.refusal("pmk_1") is None


async def test_a_key_of_a_user_who_is_gone_is_revoked(cache, store, clock):
    user_of(store)
    store.users.clear()
    assert (await refusal(cache, signed(clock))).code == "auth.key_revoked"


async def test_a_look_up_costs_the_same_queries_whatever_is_found(cache, store, tenants, users, clock):
    user_of(store)
    await cache.authenticate(signed(clock))
    await refusal(cache, signed(clock, key="pmk_unknown"))
    assert len(store.asked) == tenants.asked == users.asked == 2


@pytest.mark.parametrize(
    ("behind", "code"),
    [
        (5_000, None),
        (5_001, "auth.timestamp_outside_window"),
        (-1_000, None),
        (-1_001, "auth.timestamp_outside_window"),
    ],
)
@pytest.mark.parametrize("within", [0, 1, 999_999])
async def test_the_window_is_right_to_the_millisecond(cache, clock, behind, code, within):
    """`within` is where in the present millisecond the request arrives (ns): it makes no difference."""
    clock.advance((within - clock.now() % 1_000_000) % 1_000_000 / 1e9)
    assert clock.now() % 1_000_000 == within
    request = signed(clock)
    now = milliseconds(clock.now())
    headers = dict(request.headers)
    headers["x-pm-timestamp"] = str(now - behind)
    headers["x-pm-signature"] = signature_of(SECRET.encode(), string_to_sign(request, headers["x-pm-timestamp"]))
    sent = msgspec.structs.replace(request, headers=headers)
    if code is None:
        assert (await cache.authenticate(sent)).key_id == "pmk_1"
    else:
        refused = await refusal(cache, sent)
        assert (refused.code, refused.details["clock_skew_ms"]) == (code, behind)


async def test_a_slow_read_does_not_undo_what_a_later_one_has_found(cache, store, users, clock):
    user_of(store)
    await cache.authenticate(signed(clock))
    users.slow = asyncio.Event()
    slow = asyncio.create_task(cache.refresh())
    await asyncio.sleep(0.01)  # it has read what is kept, and its answer is on the way
    answer, users.slow = users.slow, None
    user_of(store, status="suspended")
    await cache.refresh()
    answer.set()
    await slow
    assert (await refusal(cache, signed(clock))).code == "auth.suspended"
