"""Commands over connectors: list, set (up or down), fault."""

from collections.abc import AsyncIterator
from typing import get_args

import msgspec

from ops.processes.commands.port import EXIT_DATA, Arguments, CommandFailed, Event
from ops.processes.controls import announcer_of
from ops.processes.platform import Platform
from ops.runtime.timestamps import format_timestamp
from storage.controls.announce import Announcer
from storage.log.port import AppendUnknown
from storage.models.controls import ConnectorState, ControlDocument, Fault
from storage.models.venues import ConnectorFault
from storage.mongo.controls import ControlDocuments


async def list_connectors(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Every connector: whether it is up, and its fault."""
    del arguments
    documents = ControlDocuments(platform.store.database)
    faults = {
        control.document.connector: control.document.fault
        for control in await documents.of_kind("fault")
        if isinstance(control.document, Fault)
    }
    for control in await documents.of_kind("connector"):
        state = control.document
        if isinstance(state, ConnectorState):
            changed_at = format_timestamp(control.changed_at)
            yield {
                **msgspec.structs.asdict(state),
                "fault": faults.get(state.connector, "none"),
                "changed_at": changed_at,
            }


async def set_state(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Say that a connector is up or down; orders through one that is down are denied."""
    connector, status = str(arguments["connector"]), str(arguments["status"])
    if status not in ("up", "down"):
        raise CommandFailed(f"a connector is up or down, not {status!r}", EXIT_DATA)
    announcer = announcer_of(platform)
    await _require_known(announcer, connector)
    state = ConnectorState(connector, "up" if status == "up" else "down", str(arguments.get("reason") or ""))
    version = await _change(announcer, state)
    yield {**msgspec.structs.asdict(state), "controls_version": version}


async def set_fault(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Let the simulated venue do something wrong for a connector: refuse, timeout, down; or none."""
    connector, wanted = str(arguments["connector"]), str(arguments["fault"])
    faults: tuple[ConnectorFault, ...] = get_args(ConnectorFault)
    fault = next((fault for fault in faults if fault == wanted), None)
    if fault is None:
        raise CommandFailed(f"no such fault: {wanted}; the faults are {', '.join(faults)}", EXIT_DATA)
    announcer = announcer_of(platform)
    await _require_known(announcer, connector)
    version = await _change(announcer, Fault(connector, fault))
    yield {"connector": connector, "fault": fault, "controls_version": version}


async def _require_known(announcer: Announcer, connector: str) -> None:
    states = await announcer.documents.of_kind("connector")
    known = sorted(state.document.connector for state in states if isinstance(state.document, ConnectorState))
    if connector not in known:
        there = f"there are {', '.join(known)}" if known else "there are none: `omniaxs markets load` makes them"
        raise CommandFailed(f"there is no connector {connector!r}; {there}", EXIT_DATA)


async def _change(announcer: Announcer, document: ControlDocument) -> int:
    try:
        return await announcer.change([document])
    except AppendUnknown as error:
        raise CommandFailed(f"stored; it will be announced when the log is there: {error}") from None
