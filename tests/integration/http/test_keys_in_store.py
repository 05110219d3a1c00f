"""The key cache over the real repositories, in memory and on a real server."""

import uuid
from collections.abc import AsyncIterator

import pytest

from gateway.callers import SignedRequest
from gateway.http.keys import KeyCache
from gateway.http.signing import signature_of, string_to_sign
from ops.runtime.clock import SystemClock, milliseconds
from ops.runtime.errors import HubError
from ops.runtime.metrics import Metrics
from storage.models.tenants import DEFAULT_SCOPES, ApiKey, Tenant
from storage.mongo.api_keys import ApiKeys
from storage.mongo.connect import Store, connect
from storage.mongo.tenants import Tenants
from storage.mongo.users import Users
from storage.sealing import KeyRing

RING = KeyRing.parse("one:a secret of sixteen or more")


@pytest.fixture(params=["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)])
async def store(request) -> AsyncIterator[Store]:
    url = "mongomock://" if request.param == "mongomock" else request.getfixturevalue("mongo_url")
    opened = connect(url, f"test_{uuid.uuid4().hex}")
    yield opened
    await opened.client.drop_database(opened.database.name)
    opened.close()


async def test_let_in_then_revoked(store):
    clock = SystemClock()
    keys, tenants = ApiKeys(store.database), Tenants(store.database)
    await tenants.insert(Tenant(tenant_id="ten_1", name="T", created_at=clock.now()))
    sealed = RING.seal(b"secret", b"pmk_1")
    await keys.insert(
        ApiKey(key_id="pmk_1", tenant_id="ten_1", label="l", scopes=DEFAULT_SCOPES, sealed_secret=sealed, created_at=1)
    )
    cache = KeyCache(keys, tenants, Users(store.database), RING, clock, metrics=Metrics(), explains=False)
    caller = await cache.authenticate(signed(clock))
    assert caller.scopes == frozenset(DEFAULT_SCOPES)
    await cache.touch()
    assert (await keys.get_many(["pmk_1"]))["pmk_1"].last_used_at is not None
    await keys.revoke("pmk_1", clock.now())
    await cache.refresh()
    with pytest.raises(HubError) as refusal:
        await cache.authenticate(signed(clock))
    assert refusal.value.code == "auth.key_revoked"


def signed(clock: SystemClock) -> SignedRequest:
    timestamp = str(milliseconds(clock.now()))
    headers = {"x-pm-api-key": "pmk_1", "x-pm-timestamp": timestamp, "x-pm-signature": ""}
    request = SignedRequest("GET", "/v1/status", "", "", b"", headers, "192.0.2.1")
    headers["x-pm-signature"] = signature_of(b"secret", string_to_sign(request, timestamp))
    return request
