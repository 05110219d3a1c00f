"""Commands over connectors: list, set (up, down, auto), fault."""

from collections.abc import AsyncIterator
from typing import get_args

from ops.processes.commands.port import EXIT_DATA, Arguments, CommandFailed, Event
from ops.processes.connector_parts import availabilities_of
from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from ops.runtime.timestamps import format_timestamp
from storage.controls.announce import Announcer
from storage.log.port import AppendUnknown
from storage.models.audit import SYSTEM_ACTOR
from storage.models.availability import Availability, availability_of
from storage.models.controls import ConnectorStatus, ControlDocument, Fault
from storage.models.venues import ConnectorFault
from storage.mongo.connectors import Connectors
from storage.mongo.controls import ControlDocuments


async def list_connectors(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Every connector of the catalog: its stage, whether it is up and by whose word, and its fault."""
    del arguments
    documents = ControlDocuments(platform.store.database)
    faults = {
        control.document.connector: control.document.fault
        for control in await documents.of_kind("fault")
        if isinstance(control.document, Fault)
    }
    catalog = await Connectors(platform.store.database).all()
    states = await availabilities_of(platform).of(connector.connector_id for connector in catalog)
    for connector in catalog:
        found = availability_of(connector.connector_id, states.get(connector.connector_id), connector.created_at)
        yield {
            "connector": found.connector,
            "stage": connector.integration_stage,
            **_shown(found),
            "fault": faults.get(found.connector, "none"),
        }


async def set_state(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Say that a connector is up or down, or leave that to its health checks again (`auto`); orders through one that is
    down are denied.
    """
    connector, status = str(arguments["connector"]), str(arguments["status"])
    if status not in ("up", "down", "auto"):
        raise CommandFailed(f"a connector is up or down (or auto), not {status!r}", EXIT_DATA)
    await _require_known(platform, connector)
    words = availabilities_of(platform)
    if status == "auto":
        state = await words.take_back(connector)
    else:
        reason = str(arguments.get("reason") or "")
        said: ConnectorStatus = "up" if status == "up" else "down"
        state = await words.say(connector, said, reason=reason, by=SYSTEM_ACTOR, at=platform.clock.now())
    yield {"connector": connector, **_shown(availability_of(connector, state, platform.clock.now()))}


async def set_fault(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Let the simulated venue do something wrong for a connector: refuse, timeout, down; or none."""
    connector, wanted = str(arguments["connector"]), str(arguments["fault"])
    faults: tuple[ConnectorFault, ...] = get_args(ConnectorFault)
    fault = next((fault for fault in faults if fault == wanted), None)
    if fault is None:
        raise CommandFailed(f"no such fault: {wanted}; the faults are {', '.join(faults)}", EXIT_DATA)
    await _require_known(platform, connector)
    version = await _change(announcer_of(platform), Fault(connector, fault))
    yield {"connector": connector, "fault": fault, "controls_version": version}


async def _require_known(platform: Platform, connector: str) -> None:
    known = [one.connector_id for one in await Connectors(platform.store.database).all()]
    if connector not in known:
        there = f"there are {', '.join(known)}" if known else "there are none: `omniaxs db migrate` makes them"
        raise CommandFailed(f"there is no connector {connector!r}; {there}", EXIT_DATA)


def _shown(found: Availability) -> Event:
    return {
        "status": found.status,
        "source": found.source,
        "reason": found.reason,
        "since": format_timestamp(found.since),
        "updated_by": found.updated_by,
    }


async def _change(announcer: Announcer, document: ControlDocument) -> int:
    try:
        return await announcer.change([document])
    except AppendUnknown as error:
        raise CommandFailed(f"stored; it will be announced when the log is there: {error}") from None
