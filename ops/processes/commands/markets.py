"""Command over the reference data: load."""

from collections.abc import AsyncIterator

from ops.processes.commands.port import Arguments, CommandFailed, Event
from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from storage.controls.conversions import unreachable
from storage.controls.defaults import announce_defaults
from storage.log.port import AppendUnknown
from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.mongo.reference import store_reference
from storage.reference import ReferenceData


async def load(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Make the stored instruments and calendars equal to the given ones; serving processes see them within seconds, and
    orders are decided by them at once.
    """
    instruments = [Instrument.model_validate(fields) for fields in arguments["instruments"]]
    calendars = [Calendar.model_validate(fields) for fields in arguments["calendars"]]
    await store_reference(platform.store.database, instruments, calendars, platform.identifiers.event_id())
    try:
        version = await announce_defaults(announcer_of(platform), ReferenceData.of(instruments, calendars))
    except AppendUnknown as error:
        raise CommandFailed(f"stored; orders will be decided by them once they are announced: {error}") from None
    yield {
        "instruments": len(instruments),
        "calendars": len(calendars),
        "controls_version": version,
        "without_conversion": unreachable(instruments),
    }
