"""The reference data that a serving process keeps in memory: instruments and calendars, looked up by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType

from storage.models.calendars import Calendar
from storage.models.instruments import Instrument


@dataclass(frozen=True, slots=True)
class ReferenceData:
    """Instruments by symbol and calendars by name. `calendar_of` is total over the instruments of one load."""

    instruments: MappingProxyType[str, Instrument]
    calendars: MappingProxyType[str, Calendar]

    @classmethod
    def of(cls, instruments: Iterable[Instrument], calendars: Iterable[Calendar]) -> "ReferenceData":
        """Raises `ValueError`, naming both, when an instrument names a calendar that is not there."""
        by_symbol = {instrument.symbol: instrument for instrument in instruments}
        by_name = {calendar.name: calendar for calendar in calendars}
        for instrument in by_symbol.values():
            if instrument.calendar not in by_name:
                raise ValueError(f"instrument {instrument.symbol} names the unknown calendar {instrument.calendar!r}")
        return cls(MappingProxyType(by_symbol), MappingProxyType(by_name))

    def calendar_of(self, symbol: str) -> Calendar:
        """The calendar of a known symbol; `KeyError` for an unknown one."""
        return self.calendars[self.instruments[symbol].calendar]
