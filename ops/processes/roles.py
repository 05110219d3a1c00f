"""The roles of `omniaxs streams`: what each consists of, and how it runs in its group.

Only the role that is played is imported: a process that was killed is back the sooner.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from ops.processes.lifetime import Background
from ops.processes.owned_role import OwnedRole
from ops.processes.platform import Platform
from ops.processes.reference_watch import ReferenceWatch
from ops.runtime.health import Check
from storage.models.operations import OwnedPartition, Role, owned_partitions
from streams.app.faust_app import AppOptions
from streams.app.owner_worker import OwnerWorker
from streams.app.worker import StreamWorker
from streams.app.worker_state import WorkerState
from streams.processor import Processor

MARKET_GROUP: Final = "market"
PROJECTION_GROUP: Final = "projection"
_COMMANDS_AT_ONCE: Final = 500
_RESTING: Final = 0.25
"""Of the time between two flushes, before a fetch at low rates: what comes is written by the next flush anyway."""


class Worker(Protocol):
    """`streams.app.worker.StreamWorker` and `streams.app.owner_worker.OwnerWorker`."""

    @property
    def state(self) -> WorkerState: ...

    async def run(self, stop: asyncio.Event) -> None:
        """Work as one member of the group until `stop`. Raises `WorkerFailed`, and `LogUnavailable` at the start."""
        ...


@dataclass(frozen=True, slots=True)
class StreamRole:
    """A role that is ready to run. `owners` are what its owners say of their partitions, for the heartbeat, and `watched`
    is what changes when they do, cheap to ask; `checks` what it knows of its health beside its group.
    """

    worker: Worker
    checks: Mapping[str, Check] = field(default_factory=dict)
    owners: Callable[[], list[OwnedPartition]] = list
    watched: Callable[[], object] | None = None


Opener = Callable[[Platform, Background, ReferenceWatch], StreamRole]


def open_market(platform: Platform, background: Background, reference: ReferenceWatch) -> StreamRole:
    """Latest quotes, staleness, bars."""
    from ops.processes.market_processors import market_processors  # noqa: PLC0415

    del background
    return _processors(platform, MARKET_GROUP, market_processors(platform, reference))


def open_projection(platform: Platform, background: Background, reference: ReferenceWatch) -> StreamRole:
    """The read models of orders, accounts and risk signals."""
    from ops.processes.projection_parts import projection_processors  # noqa: PLC0415

    del background, reference
    return _processors(platform, PROJECTION_GROUP, projection_processors(platform))


def open_orders(platform: Platform, background: Background, reference: ReferenceWatch) -> StreamRole:
    """The order core."""
    from ops.processes.order_parts import open_order_core  # noqa: PLC0415

    return _owner(platform, open_order_core(platform, background, reference, quote_group=MARKET_GROUP))


def open_venues(platform: Platform, background: Background, reference: ReferenceWatch) -> StreamRole:
    """The simulated venue."""
    from ops.processes.venue_parts import open_venue  # noqa: PLC0415

    return _owner(platform, open_venue(platform, background, reference, quote_group=MARKET_GROUP))


ROLES: Final[Mapping[Role, Opener]] = {
    "market": open_market,
    "orders": open_orders,
    "venues": open_venues,
    "projection": open_projection,
}


def _processors(platform: Platform, group: str, processors: Sequence[Processor]) -> StreamRole:
    flush_seconds = platform.settings.market_flush_milliseconds / 1000
    worker = StreamWorker(
        replace(_options(platform, group), rest_seconds=flush_seconds * _RESTING),
        processors,
        platform.log,
        platform.clock,
        flush_seconds=flush_seconds,
    )
    return StreamRole(worker)


def _owner(platform: Platform, role: OwnedRole) -> StreamRole:
    options = replace(_options(platform, role.group), max_poll_records=_COMMANDS_AT_ONCE, rest_seconds=0.0)
    worker = OwnerWorker(options, role.commands, role.owner, platform.log, platform.clock, failure=role.failure)

    def owners() -> list[OwnedPartition]:
        return owned_partitions(role.records, role.reports())

    async def partitions_are_owned() -> str | None:
        state = worker.state
        owned = {report.partition for report in role.reports()}
        missing = sorted({*state.claiming, *(held.partition for held in state.partitions)} - owned)
        return (
            f"not claimed and read up: {', '.join(f'{role.records}-{each}' for each in missing)}" if missing else None
        )

    return StreamRole(worker, {**role.checks, "owners": partitions_are_owned}, owners, role.reports)


def _options(platform: Platform, group: str) -> AppOptions:
    settings = platform.settings
    return AppOptions(group, settings.log_url.removeprefix("kafka://"), settings.topic_prefix)
