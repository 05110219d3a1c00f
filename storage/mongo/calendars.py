"""Trading calendars, one document a name."""

from collections.abc import Iterable, Sequence
from typing import Final

from storage.models.calendars import Calendar
from storage.mongo.documents import Database
from storage.mongo.failures import repository
from storage.mongo.nouns import NounSet

COLLECTION: Final = "calendars"


@repository
class Calendars:
    """When venues trade. Change them together with the instruments: `storage.mongo.reference`."""

    def __init__(self, database: Database) -> None:
        self._nouns = NounSet(database[COLLECTION], Calendar, "name")

    async def load(self, calendars: Sequence[Calendar]) -> None:
        """Make the stored set equal to `calendars`."""
        await self.put(calendars)
        await self.keep_only(calendar.name for calendar in calendars)

    async def put(self, calendars: Iterable[Calendar]) -> None:
        """Add or replace by name."""
        await self._nouns.put(calendars)

    async def keep_only(self, names: Iterable[str]) -> None:
        """Remove all others."""
        await self._nouns.keep_only(names)

    async def all(self) -> list[Calendar]:
        """All calendars by name."""
        return await self._nouns.all()
