"""Tenants and API keys over both adapters."""

import pytest

from storage.models.tenants import ApiKey, Tenant
from storage.mongo.api_keys import ApiKeys
from storage.mongo.documents import Database
from storage.mongo.failures import AlreadyStored
from storage.mongo.tenants import Tenants

NOW = 1_700_000_000_123_456_789
TENANT = Tenant(tenant_id="ten_1", name="Acme", account_ids=("acc_1",), created_at=NOW, preferred_language="ja-JP")
KEY = ApiKey(
    key_id="pmk_1",
    tenant_id="ten_1",
    label="demo",
    scopes=("market:read", "stream"),
    sealed_secret="v1.demo.AAAA",
    ip_allowlist=("10.0.0.0/8",),
    created_at=NOW,
    expires_at=NOW + 5,
)


def key(**changes: object) -> ApiKey:
    """The example with changes."""
    return KEY.model_copy(update=changes)


@pytest.fixture
def tenants(database: Database) -> Tenants:
    return Tenants(database)


@pytest.fixture
def keys(database: Database) -> ApiKeys:
    return ApiKeys(database)


async def test_tenants_come_back_in_every_field(tenants: Tenants) -> None:
    other = Tenant(tenant_id="ten_2", name="Acme", created_at=1)
    await tenants.insert(TENANT)
    await tenants.insert(other)
    assert await tenants.get_many(["ten_2", "ten_1", "ten_9"]) == {"ten_1": TENANT, "ten_2": other}
    assert await tenants.get_many([]) == {}


async def test_a_tenant_is_not_overwritten(tenants: Tenants) -> None:
    await tenants.insert(TENANT)
    with pytest.raises(AlreadyStored, match="tenants already holds 'ten_1'"):
        await tenants.insert(TENANT.model_copy(update={"name": "other"}))
    assert await tenants.get_many(["ten_1"]) == {"ten_1": TENANT}


async def test_keys_come_back_in_every_field(keys: ApiKeys) -> None:
    bare = ApiKey(key_id="pmk_2", tenant_id="ten_1", label="", scopes=(), sealed_secret="x", created_at=NOW)
    await keys.insert(KEY)
    await keys.insert(bare)
    assert await keys.get_many(["pmk_1", "pmk_2", "pmk_9"]) == {"pmk_1": KEY, "pmk_2": bare}
    assert await keys.get_many([]) == {}


async def test_a_key_is_not_overwritten(keys: ApiKeys) -> None:
    await keys.insert(KEY)
    with pytest.raises(AlreadyStored, match="api_keys already holds 'pmk_1'"):
        await keys.insert(key(label="other"))
    assert await keys.get_many(["pmk_1"]) == {"pmk_1": KEY}


async def test_a_tenants_keys_are_its_own_oldest_first(keys: ApiKeys) -> None:
    for number, tenant in enumerate(["ten_1", "ten_2", "ten_1", "ten_1"]):
        await keys.insert(key(key_id=f"pmk_{number}", tenant_id=tenant, created_at=NOW - number))
    assert [each.key_id for each in await keys.of_tenant("ten_1")] == ["pmk_3", "pmk_2", "pmk_0"]
    assert await keys.of_tenant("ten_9") == []


async def test_a_key_is_revoked_once_and_keeps_that_time(keys: ApiKeys) -> None:
    await keys.insert(KEY)
    assert await keys.revoke("pmk_1", NOW + 1)
    assert not await keys.revoke("pmk_1", NOW + 2)
    assert not await keys.revoke("pmk_9", NOW + 1)
    assert await keys.get_many(["pmk_1", "pmk_9"]) == {"pmk_1": key(revoked_at=NOW + 1)}


async def test_last_use_only_moves_forward_and_makes_no_key(keys: ApiKeys) -> None:
    await keys.insert(KEY)
    await keys.insert(key(key_id="pmk_2"))
    await keys.touch_last_used({"pmk_1": NOW + 5, "pmk_2": NOW + 6, "pmk_9": NOW})
    await keys.touch_last_used({"pmk_1": NOW + 3})
    await keys.touch_last_used({"pmk_1": NOW + 5, "pmk_2": NOW + 7})
    await keys.touch_last_used({})
    found = {each.key_id: each.last_used_at for each in (await keys.get_many(["pmk_1", "pmk_2", "pmk_9"])).values()}
    assert found == {"pmk_1": NOW + 5, "pmk_2": NOW + 7}
