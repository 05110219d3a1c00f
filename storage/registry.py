"""The registry of exchanges: venues of the instruments, joined with ISO 10383, calendars and the catalog of connectors.

Names and countries are those of ISO 10383 (as the package `iso10383` carries it); a venue that has no MIC is known by its
exchange code alone. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from iso10383 import MIC, MICEntry

from storage.models.connectors import Connector, connectors_to
from storage.models.instruments import AssetClass, Instrument
from storage.reference import ReferenceData


@dataclass(frozen=True, slots=True)
class Exchange:
    """One venue. `exchange_code` is what instruments call it; `mic`, `country` (ISO 3166-1 alpha-2) where there is one.

    `calendar` is the one of most of its instruments, `timezone` (IANA) that of the calendar; `connectors` are the ids of
    those that a new binding may take.
    """

    exchange_code: str
    mic: str | None
    name: str
    country: str | None
    timezone: str
    calendar: str
    asset_classes: tuple[AssetClass, ...]
    connectors: tuple[str, ...]


def exchanges_of(reference: ReferenceData, catalog: Iterable[Connector]) -> list[Exchange]:
    """Every venue that has an instrument, by exchange code."""
    connectors = list(catalog)
    venues: dict[str, list[Instrument]] = {}
    for instrument in reference.instruments.values():
        venues.setdefault(instrument.venue, []).append(instrument)
    return [_exchange(code, venues[code], reference, connectors) for code in sorted(venues)]


def connectors_of(exchange_code: str, reference: ReferenceData, catalog: Iterable[Connector]) -> list[str]:
    """The connectors that a new binding to a venue may take, by id; none for a venue that is not known."""
    instruments = [found for found in reference.instruments.values() if found.venue == exchange_code]
    return connectors_to({found.asset_class for found in instruments}, catalog) if instruments else []


def _exchange(
    code: str, instruments: Sequence[Instrument], reference: ReferenceData, catalog: Sequence[Connector]
) -> Exchange:
    entry = _mic_entry(code)
    calendar = _calendar_of(instruments)
    asset_classes = tuple(sorted({instrument.asset_class for instrument in instruments}))
    return Exchange(
        exchange_code=code,
        mic=entry.mic if entry else None,
        name=entry.market_name if entry else code,
        country=entry.iso_country_code.name.upper() if entry and entry.iso_country_code else None,
        timezone=reference.calendars[calendar].timezone,
        calendar=calendar,
        asset_classes=asset_classes,
        connectors=tuple(connectors_to(asset_classes, catalog)),
    )


def _mic_entry(code: str) -> MICEntry | None:
    """The entry of a MIC (four letters or digits); None where the standard has none of that name."""
    found = MIC.__members__.get(code.lower())
    return None if found is None else found.value


def _calendar_of(instruments: Sequence[Instrument]) -> str:
    """The calendar of most instruments; of two with equally many the one that comes first by name."""
    counted = Counter(instrument.calendar for instrument in instruments)
    return min(counted, key=lambda name: (-counted[name], name))
