"""The reference data as a whole: instruments with the calendars they name, and a version that tells of a change."""

from collections.abc import Sequence
from typing import Final

from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.mongo.calendars import Calendars
from storage.mongo.documents import Database
from storage.mongo.failures import store_unavailable
from storage.mongo.instruments import Instruments
from storage.reference import ReferenceData

COLLECTION: Final = "versions"
_REFERENCE: Final = "reference"


@store_unavailable
async def load_reference(database: Database) -> ReferenceData:
    """What is stored; empty before the first `store_reference`. A reader that asks `reference_version` first, and again
    later, misses no change. Raises `ValueError` when an instrument names a calendar that is not stored.
    """
    instruments = await Instruments(database).all()
    return ReferenceData.of(instruments, await Calendars(database).all())


@store_unavailable
async def reference_version(database: Database) -> str | None:
    """The version of the last `store_reference` (one small read); None before the first."""
    document = await database[COLLECTION].find_one({"_id": _REFERENCE})
    return None if document is None else str(document["version"])


@store_unavailable
async def store_reference(
    database: Database, instruments: Sequence[Instrument], calendars: Sequence[Calendar], version: str
) -> None:
    """Make the stored set equal to these. Every state on the way is whole: a calendar comes before and goes after the
    instruments that name it, and the version is written last. Raises `ValueError` for an unknown calendar, storing nothing.
    """
    ReferenceData.of(instruments, calendars)
    await Calendars(database).put(calendars)
    await Instruments(database).load(instruments)
    await Calendars(database).keep_only(calendar.name for calendar in calendars)
    document = {"_id": _REFERENCE, "version": version}
    await database[COLLECTION].replace_one({"_id": _REFERENCE}, document, upsert=True)
