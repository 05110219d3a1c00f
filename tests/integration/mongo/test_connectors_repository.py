"""The catalog of connectors, and the control that says whether each is up, over both adapters."""

import asyncio

import pytest

from ops.runtime.clock import ManualClock
from storage.controls.announce import Announcer
from storage.controls.availability import Availabilities
from storage.log.memory import MemoryLog
from storage.models.connectors import Connector, default_catalog
from storage.models.control_records import decode_announcement
from storage.models.controls import ConnectorState
from storage.models.venues import ConnectorCheck
from storage.mongo.connect import Store
from storage.mongo.connector_checks import ConnectorChecks
from storage.mongo.connectors import Connectors
from storage.mongo.controls import ControlDocuments
from storage.mongo.documents import Database
from storage.mongo.failures import AlreadyStored
from storage.topics import PLATFORM_EVENTS, Topics

NOW = 1_700_000_000_000_000_000


def connector(**changes: object) -> Connector:
    """A connector with every field set."""
    fields = {
        "connector_id": "sim-c", "provider": "Venue C", "provider_type": "simulated", "asset_classes": ("fx", "equity"),
        "regions": ("eu",), "connectivity": ("FIX", "REST"), "integration_stage": "ready", "created_at": NOW,
        "updated_at": NOW + 1, "made_by": "effect",
    }  # fmt: skip
    return Connector.model_validate({**fields, **changes})


async def test_a_connector_comes_back_in_every_field_and_is_there_once(database: Database) -> None:
    catalog = Connectors(database)
    await catalog.insert(connector())
    assert await catalog.get("sim-c") == connector()
    with pytest.raises(AlreadyStored):
        await catalog.insert(connector(provider="Another"))
    assert await catalog.get("sim-d") is None


async def test_the_default_catalog_is_made_once_and_stays_as_somebody_has_set_it(database: Database) -> None:
    catalog = Connectors(database)
    assert await catalog.insert_missing(default_catalog(NOW)) == ["sim-a", "sim-b"]
    [sim_a, sim_b] = await catalog.all()
    changed = sim_a.model_copy(update={"integration_stage": "deprecated", "version": 2})
    assert await catalog.replace(changed)
    assert not await catalog.replace(changed)
    assert await catalog.insert_missing(default_catalog(NOW + 5)) == []
    assert await catalog.all() == [changed, sim_b]


@pytest.mark.mongo
async def test_of_simultaneous_changes_one_counts(real_store: Store) -> None:
    catalog = Connectors(real_store.database)
    await catalog.insert(connector())
    changes = [connector(provider=f"By {number}", version=2) for number in range(10)]
    replaced = await asyncio.gather(*(catalog.replace(change) for change in changes))
    assert replaced.count(True) == 1
    assert await catalog.get("sim-c") == changes[replaced.index(True)]


class Told:
    """Availabilities over a log in memory."""

    def __init__(self, database: Database) -> None:
        self.clock, self.log = ManualClock(NOW), MemoryLog(Topics())
        self.documents = ControlDocuments(database)
        self.words = Availabilities(Announcer(self.log, self.documents, self.clock), self.clock)

    async def announced(self) -> list[ConnectorState]:
        """What was announced, in order."""
        end = (await self.log.bounds(PLATFORM_EVENTS))[0].next
        records = [one async for batch in self.log.read(PLATFORM_EVENTS, 0, 0, end) for one in batch]
        found = [decode_announcement(record.value or b"").document for record in records]
        return [document for document in found if isinstance(document, ConnectorState)]


async def test_what_is_said_is_stored_and_announced_once(database: Database) -> None:
    told = Told(database)
    await told.words.find("sim-a", "up")
    await told.words.say("sim-a", "down", reason="maintenance", by="adm_1", at=NOW)
    await told.words.find("sim-a", "up")
    await told.words.find("sim-a", "down", "venue.timeout")
    state = await told.words.take_back("sim-a")
    assert (state.status, state.reason) == ("down", "venue.timeout")
    assert [(one.status, one.reason) for one in await told.announced()] == [
        ("up", ""), ("down", "maintenance"), ("down", "maintenance"), ("down", "venue.timeout"),
    ]  # fmt: skip
    assert await told.words.all() == await told.words.of(["sim-a", "sim-z"]) == {"sim-a": state}
    assert await told.documents.unannounced(NOW + 10**9) == []


@pytest.mark.mongo
async def test_words_that_come_together_are_all_kept(real_store: Store) -> None:
    """Admins and health checks write one document: none of them may write another's word away."""
    told = Told(real_store.database)
    await asyncio.gather(
        *(
            told.words.say("sim-a", "down", reason=f"{number}", by=f"adm_{number}", at=NOW + number)
            for number in range(8)
        ),
        *(told.words.find("sim-a", "up") for _ in range(8)),
    )
    state = (await told.words.all())["sim-a"]
    assert (state.status, state.admin and state.admin.by, state.health and state.health.status) == (
        "down",
        "adm_7",
        "up",
    )
    assert (await told.announced())[-1].admin is not None


async def test_answers_of_checks_are_read_together(database: Database) -> None:
    checks = ConnectorChecks(database)
    made = [ConnectorCheck(f"health-{name}", name, "up", "2024-01-01T00:00:00Z") for name in ("sim-a", "sim-b")]
    for check in made:
        await checks.put(check)
    found = await checks.get_many(["health-sim-a", "health-sim-b", "health-sim-c"])
    assert found == {check.job_id: check for check in made}
