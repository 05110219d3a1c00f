"""Migrations and indexes: run twice, run at once, checked without changing anything."""

import asyncio

import pytest

from ops.runtime.clock import ManualClock
from storage.mongo.documents import Database
from storage.mongo.indexes import INDEXES, IndexSpec
from storage.mongo.migrations import Applied, Migration, check, migrate

CLOCK = ManualClock()


async def _rename(database: Database) -> None:
    await database["things"].update_many({"old": 1}, {"$set": {"old": 2}})


RENAME = Migration("0001-rename", _rename)


async def test_a_new_database_gets_every_index_once(database: Database) -> None:
    problems = await check(database)
    assert len(problems) == sum(map(len, INDEXES.values()))
    assert all("is missing" in str(problem) for problem in problems)
    done = await migrate(database, CLOCK)
    assert {str(applied) for applied in done} == {
        f"index {collection}.{spec.name}" for collection, specs in INDEXES.items() for spec in specs
    }
    assert await check(database) == []
    assert await migrate(database, CLOCK) == []


async def test_a_migration_runs_once_and_is_recorded_with_its_time(database: Database) -> None:
    await database["things"].insert_one({"_id": "a", "old": 1})
    assert [str(problem) for problem in await check(database, [RENAME], {})] == [
        "migration 0001-rename is pending: run `omniaxs db migrate`"
    ]
    assert await migrate(database, CLOCK, [RENAME], {}) == [Applied("migration", "0001-rename")]
    assert await database["migrations"].find_one({}) == {"_id": "0001-rename", "applied_at": CLOCK.now()}
    assert await database["things"].find_one({}) == {"_id": "a", "old": 2}
    assert await migrate(database, CLOCK, [RENAME], {}) == []
    assert await check(database, [RENAME], {}) == []


async def test_migrations_run_in_order_and_stop_at_the_one_that_fails(database: Database) -> None:
    ran = []

    async def note(_: Database) -> None:
        ran.append("first")

    async def fail(_: Database) -> None:
        raise RuntimeError("cannot")

    async def never(_: Database) -> None:
        ran.append("third")

    migrations = [Migration("0001-a", note), Migration("0002-b", fail), Migration("0003-c", never)]
    with pytest.raises(RuntimeError):
        await migrate(database, CLOCK, migrations, {})
    assert ran == ["first"]
    assert [str(problem)[:16] for problem in await check(database, migrations, {})] == [
        "migration 0002-b",
        "migration 0003-c",
    ]


async def test_an_index_that_differs_is_named_and_replaced(database: Database) -> None:
    await database["things"].create_index([("a", 1)], name="of_things")
    wanted = {"things": (IndexSpec("of_things", (("a", 1), ("b", -1)), "a test"),)}
    assert [str(problem) for problem in await check(database, (), wanted)] == [
        "index things.of_things differs from this version's: run `omniaxs db migrate`"
    ]
    assert await migrate(database, CLOCK, (), wanted) == [Applied("index replaced", "things.of_things")]
    assert await check(database, (), wanted) == []


async def test_unique_counts_as_a_difference_and_other_indexes_are_left_alone(database: Database) -> None:
    await database["things"].create_index([("a", 1)], name="of_things")
    await database["things"].create_index([("z", 1)], name="an_operators_own")
    wanted = {"things": (IndexSpec("of_things", (("a", 1),), "a test", unique=True),)}
    assert len(await check(database, (), wanted)) == 1
    await migrate(database, CLOCK, (), wanted)
    assert await check(database, (), wanted) == []
    assert "an_operators_own" in await database["things"].index_information()


async def test_a_database_of_a_newer_version_is_noticed(database: Database) -> None:
    await migrate(database, CLOCK, [RENAME], {})
    assert [str(problem) for problem in await check(database, (), {})] == [
        "migration 0001-rename was applied by another version: this one does not know it"
    ]


async def test_several_processes_may_migrate_at_once(database: Database) -> None:
    await database["things"].insert_one({"_id": "a", "old": 1})
    await database["bars"].create_index([("upto", 1)], name="partition_upto")
    await asyncio.gather(*(migrate(database, CLOCK, [RENAME]) for _ in range(4)))
    assert await check(database, [RENAME]) == []
    assert await database["migrations"].count_documents({}) == 1
