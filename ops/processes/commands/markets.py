"""Command over the reference data: load."""

from collections.abc import AsyncIterator

from ops.processes.commands.port import Arguments, Event
from ops.processes.platform import Platform
from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.mongo.reference import store_reference


async def load(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Make the stored instruments and calendars equal to the given ones; serving processes see them within seconds."""
    instruments = [Instrument.model_validate(fields) for fields in arguments["instruments"]]
    calendars = [Calendar.model_validate(fields) for fields in arguments["calendars"]]
    await store_reference(platform.store.database, instruments, calendars, platform.identifiers.event_id())
    yield {"instruments": len(instruments), "calendars": len(calendars)}
