"""`omniaxs keys reseal` and `omniaxs keys rings` over a store: a rotation from its first step to the dropped key."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ops.processes.commands.port import EXIT_DATA, CommandFailed
from ops.processes.commands.registry import COMMANDS
from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings
from storage.audit.trail import AuditTrail
from storage.models.audit import Act
from storage.models.tenants import ApiKey
from storage.mongo.api_keys import ApiKeys
from storage.mongo.audit_events import AuditEvents

OLD, NEW = "old:sixteen characters or more", "new:another sixteen characters"
LOGIN = Act("user", "usr_1", "user.login", "user", "usr_1", None, None, "203.0.113.7", "trace")


@pytest.fixture(params=["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)])
async def with_ring(request) -> AsyncIterator[Any]:
    """Opens a platform with a key ring, over a store that all of a test share, empty at first."""
    url = "mongomock://" if request.param == "mongomock" else request.getfixturevalue("mongo_url")
    base = Settings(_env_file=None, log_url="memory://", store_url=url, store_database=f"test_{secrets.token_hex(6)}")
    async with opened_platform(base) as first:
        yield lambda ring: _over(first, base.model_copy(update={"key_ring": _secret(ring)}))
        await first.store.client.drop_database(first.store.database.name)


def _secret(ring: str) -> Any:
    return Settings(_env_file=None, key_ring=ring).key_ring


@asynccontextmanager
async def _over(first: Platform, settings: Settings) -> AsyncIterator[Platform]:
    """A platform of its own settings over the store of `first`: an in-process store dies with whoever opened it."""
    async with opened_platform(settings) as platform:
        fields = {name: getattr(platform, name) for name in Platform.__dataclass_fields__}
        yield Platform(**{**fields, "store": first.store})


async def run(platform: Platform, name: str) -> dict[str, dict[str, Any]]:
    """The events of a command by what they are about."""
    events = [event async for event in COMMANDS[name](platform, {})]
    return {event.get("field") or f"{event['ring']} {event['key_id']}": event for event in events}


async def fill(platform: Platform) -> None:
    """An API key and a link of the audit trail, by the first key of the ring."""
    ring = platform.key_ring
    key_id = platform.identifiers.new("pmk")
    key = ApiKey(
        key_id=key_id, tenant_id="ten_1", label="x", scopes=(), created_at=1,
        sealed_secret=ring.seal(b"a secret", key_id.encode()),
    )  # fmt: skip
    await ApiKeys(platform.store.database).insert(key)
    await AuditTrail(AuditEvents(platform.store.database, ring), platform.clock, platform.identifiers).record(LOGIN)


async def test_a_rotation_ends_with_a_key_that_only_the_audit_trail_needs(with_ring):
    async with with_ring(OLD) as platform:
        await fill(platform)
    async with with_ring(f"{NEW},{OLD}") as platform:
        await fill(platform)
        told = await run(platform, "keys.rings")
        assert told["encryption new"]["role"] == "seals"
        assert told["encryption old"]["in_use"] == {"api_keys.sealed_secret": 1, "audit_events.hash": 1}
        assert not told["encryption old"]["may_be_dropped"]
        assert told["signing demo"]["role"] == "signs"
        done = await run(platform, "keys.reseal")
        assert (done["api_keys.sealed_secret"]["resealed"], done["api_keys.sealed_secret"]["current"]) == (1, 1)
        told = await run(platform, "keys.rings")
        assert told["encryption old"]["in_use"] == {"audit_events.hash": 1}
        assert told["encryption old"]["without"] == ["the audit trail can no longer be verified"]


async def test_a_key_that_made_nothing_may_be_dropped_and_the_first_may_not(with_ring):
    async with with_ring(f"{OLD},{NEW}") as platform:
        await fill(platform)
        told = await run(platform, "keys.rings")
        assert told["encryption new"]["may_be_dropped"] is True
        assert told["encryption old"]["may_be_dropped"] is False


async def test_a_key_that_is_missing_is_named_and_nothing_is_lost(with_ring):
    async with with_ring(OLD) as platform:
        await fill(platform)
    async with with_ring(NEW) as platform:
        with pytest.raises(CommandFailed, match="lacks keys that are in use: old") as refused:
            await run(platform, "keys.rings")
        assert refused.value.exit_code == EXIT_DATA
        with pytest.raises(CommandFailed, match="1 sealed texts could not be opened") as refused:
            await run(platform, "keys.reseal")
        assert refused.value.exit_code == EXIT_DATA
    async with with_ring(f"{NEW},{OLD}") as platform:
        done = await run(platform, "keys.reseal")
        assert done["api_keys.sealed_secret"]["resealed"] == 1
