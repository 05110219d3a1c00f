"""Instruments, one document a symbol."""

from collections.abc import Iterable, Sequence
from typing import Final

from storage.models.instruments import Instrument
from storage.mongo.documents import Database
from storage.mongo.failures import repository
from storage.mongo.nouns import NounSet

COLLECTION: Final = "instruments"


@repository
class Instruments:
    """What can be traded or watched. Change it together with its calendars: `storage.mongo.reference`."""

    def __init__(self, database: Database) -> None:
        self._nouns = NounSet(database[COLLECTION], Instrument, "symbol")

    async def load(self, instruments: Sequence[Instrument]) -> None:
        """Make the stored set equal to `instruments`."""
        await self.put(instruments)
        await self.keep_only(instrument.symbol for instrument in instruments)

    async def put(self, instruments: Iterable[Instrument]) -> None:
        """Add or replace by symbol."""
        await self._nouns.put(instruments)

    async def keep_only(self, symbols: Iterable[str]) -> None:
        """Remove all others."""
        await self._nouns.keep_only(symbols)

    async def all(self) -> list[Instrument]:
        """All instruments by symbol."""
        return await self._nouns.all()
