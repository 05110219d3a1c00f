"""Bringing a database to this version: data migrations in order, each recorded, then indexes. Run by `omniaxs db migrate`.

No lock: each migration must be right when it runs twice, and twice at the same time (rewrite documents only by guarded
updates). So a process may be killed anywhere in between, and the next one finishes the work.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pymongo.errors import OperationFailure

from ops.runtime.clock import Clock
from storage.mongo.documents import Collection, Database
from storage.mongo.failures import store_unavailable
from storage.mongo.indexes import INDEXES, IndexSpec

COLLECTION: Final = "migrations"
_INDEX_NOT_FOUND: Final = 27
_NAMESPACE_NOT_FOUND: Final = 26
Indexes = Mapping[str, Sequence[IndexSpec]]


@dataclass(frozen=True, slots=True)
class Migration:
    """One change of stored documents. `name` begins with its number and never changes once released."""

    name: str
    run: Callable[[Database], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Applied:
    """Something that `migrate` did: `what` is `migration`, `index` (created) or `index replaced`."""

    what: str
    name: str

    def __str__(self) -> str:
        return f"{self.what} {self.name}"


@dataclass(frozen=True, slots=True)
class Problem:
    """How the database differs from what this version needs; the text says what and what to do."""

    text: str

    def __str__(self) -> str:
        return self.text


MIGRATIONS: Final[tuple[Migration, ...]] = ()
"""In the order in which they run. None yet: the first released documents are the ones of this version."""


@store_unavailable
async def migrate(
    database: Database, clock: Clock, migrations: Sequence[Migration] = MIGRATIONS, indexes: Indexes = INDEXES
) -> list[Applied]:
    """Run what was not run yet and make the indexes equal to `indexes` (others are left alone); returns what was done.

    A second call does nothing. An exception of a migration ends the call; what ran before it stays recorded.
    """
    done = []
    recorded = await _recorded(database)
    for migration in migrations:
        if migration.name not in recorded:
            await migration.run(database)
            record = {"$setOnInsert": {"applied_at": clock.now()}}
            await database[COLLECTION].update_one({"_id": migration.name}, record, upsert=True)
            done.append(Applied("migration", migration.name))
    for collection, specs in indexes.items():
        done += await _make_indexes(database[collection], specs)
    return done


@store_unavailable
async def check(
    database: Database, migrations: Sequence[Migration] = MIGRATIONS, indexes: Indexes = INDEXES
) -> list[Problem]:
    """What `migrate` would do, and migrations recorded by a newer version; empty when all is well. Changes nothing."""
    recorded = await _recorded(database)
    names = [migration.name for migration in migrations]
    problems = [
        Problem(f"migration {name} is pending: run `omniaxs db migrate`") for name in names if name not in recorded
    ]
    problems += [
        Problem(f"migration {name} was applied by another version: this one does not know it")
        for name in sorted(recorded - set(names))
    ]
    for collection, specs in indexes.items():
        existing = await _existing(database[collection])
        problems += [problem for spec in specs if (problem := _difference(collection, spec, existing.get(spec.name)))]
    return problems


async def _recorded(database: Database) -> set[str]:
    return {document["_id"] async for document in database[COLLECTION].find({})}


async def _make_indexes(collection: Collection, specs: Sequence[IndexSpec]) -> list[Applied]:
    existing = await _existing(collection)
    done = []
    for spec in specs:
        found = existing.get(spec.name)
        if found is not None and _same(spec, found):
            continue
        if found is not None:
            await _drop(collection, spec.name)
        await collection.create_index(list(spec.keys), name=spec.name, unique=spec.unique)
        what = "index" if found is None else "index replaced"
        done.append(Applied(what, f"{collection.name}.{spec.name}"))
    return done


async def _drop(collection: Collection, name: str) -> None:
    """Drop an index that another process may be dropping too."""
    try:
        await collection.drop_index(name)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND:
            raise


async def _existing(collection: Collection) -> dict[str, dict[str, Any]]:
    """The indexes by name; none for a collection that is not there yet."""
    try:
        return dict(await collection.index_information())
    except OperationFailure as error:
        if error.code != _NAMESPACE_NOT_FOUND:
            raise
        return {}


def _same(spec: IndexSpec, found: Mapping[str, Any]) -> bool:
    keys = tuple((field, int(direction)) for field, direction in found["key"])
    return keys == spec.keys and bool(found.get("unique")) == spec.unique


def _difference(collection: str, spec: IndexSpec, found: Mapping[str, Any] | None) -> Problem | None:
    if found is None:
        return Problem(f"index {collection}.{spec.name} is missing ({spec.serves} needs it): run `omniaxs db migrate`")
    if not _same(spec, found):
        return Problem(f"index {collection}.{spec.name} differs from this version's: run `omniaxs db migrate`")
    return None
