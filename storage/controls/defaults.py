"""The controls that come out of reference data and the default catalog of connectors, and a tenant's bindings."""

from collections.abc import Iterable
from typing import Final

from storage.controls.announce import Announcer
from storage.controls.conversions import conversions_of
from storage.models.calendars import Calendar
from storage.models.controls import (
    Binding,
    ConnectorState,
    ControlDocument,
    InstrumentControl,
    VenueRules,
    identity_of,
)
from storage.models.instruments import Instrument
from storage.mongo.controls import StoredControl
from storage.reference import ReferenceData

DEFAULT_CONNECTORS: Final = ("sim-a", "sim-b")
"""Both lead to every venue, over one matching engine."""
DEFAULT_CONNECTOR: Final = DEFAULT_CONNECTORS[0]


def default_controls(reference: ReferenceData) -> list[ControlDocument]:
    """Every instrument, its venue's rules, the conversions, and the default connectors, which are up."""
    connectors = [ConnectorState(connector, "up") for connector in DEFAULT_CONNECTORS]
    return [*reference_controls(reference), *connectors]


def reference_controls(reference: ReferenceData) -> list[ControlDocument]:
    """What follows from reference data alone."""
    instruments = reference.instruments.values()
    venues = {instrument.venue for instrument in instruments}
    return [
        *(InstrumentControl(instrument) for instrument in instruments),
        *(_rules_of(venue, reference) for venue in sorted(venues)),
        *conversions_of(instruments),
    ]


async def announce_defaults(announcer: Announcer, reference: ReferenceData) -> int:
    """Make the stored controls follow `reference`, and return the version that has it all.

    Instruments that are no longer there are withdrawn; connectors that are known already stay as somebody has set them;
    what has not changed is not announced. Raises as `Announcer.change` does; then it may be called again.
    """
    stored = await announcer.documents.all()
    known = {identity_of(control.document) for control in stored}
    connectors = [ConnectorState(connector, "up") for connector in DEFAULT_CONNECTORS]
    documents = [
        *reference_controls(reference),
        *(connector for connector in connectors if identity_of(connector) not in known),
        *_withdrawn(stored, reference),
    ]
    return await announcer.change(documents)


async def bind_tenant(
    announcer: Announcer, tenant_id: str, reference: ReferenceData, connector: str = DEFAULT_CONNECTOR
) -> int:
    """Bind a tenant to `connector` for every venue that has an instrument, actively, and return the version that has it.

    Raises as `Announcer.change` does.
    """
    return await announcer.change(bindings_of(tenant_id, reference, connector))


def bindings_of(tenant_id: str, reference: ReferenceData, connector: str = DEFAULT_CONNECTOR) -> list[ControlDocument]:
    """The active bindings of a tenant to all venues through one connector."""
    venues = sorted({instrument.venue for instrument in reference.instruments.values()})
    return [Binding(tenant_id, venue, connector, "active") for venue in venues]


def _withdrawn(stored: Iterable[StoredControl], reference: ReferenceData) -> list[ControlDocument]:
    instruments = [control.document for control in stored if isinstance(control.document, InstrumentControl)]
    return [
        InstrumentControl(control.instrument, withdrawn=True)
        for control in instruments
        if control.instrument.symbol not in reference.instruments
    ]


def _rules_of(venue: str, reference: ReferenceData) -> VenueRules:
    """A venue one of whose calendars is not always open has sessions, and orders may wait for their open."""
    has_sessions = any(not calendar.always_open for calendar in _calendars_of(venue, reference))
    return VenueRules(venue, has_sessions=has_sessions, holds_orders=has_sessions)


def _calendars_of(venue: str, reference: ReferenceData) -> list[Calendar]:
    instruments: list[Instrument] = [found for found in reference.instruments.values() if found.venue == venue]
    return [reference.calendar_of(instrument.symbol) for instrument in instruments]
