"""Every stream role in one loop: what a dozen `omniaxs streams` are to the cluster."""

import asyncio
from collections.abc import Sequence

from ops.processes.heartbeat import Progress
from ops.processes.lifetime import Background
from ops.processes.local_lag import LocalLag, Positions, Reader
from ops.processes.market_processors import market_processors
from ops.processes.order_parts import open_order_core
from ops.processes.owned_role import OwnedRole
from ops.processes.platform import Platform
from ops.processes.projection_parts import projection_processors
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.venue_parts import open_venue
from ops.runtime.health import Health
from storage.models.operations import OwnedPartition, owned_partitions
from streams.app.memory_owner_runner import MemoryOwnerRunner
from streams.app.memory_runner import MemoryRunner
from streams.market.latest_quotes_processor import LatestQuotesProcessor
from streams.processor import Processor


class LocalStreams:
    """The processors and the owners, running in the background. Made by `started`."""

    def __init__(
        self,
        platform: Platform,
        processors: Sequence[Processor],
        roles: Sequence[OwnedRole],
        background: Background,
    ) -> None:
        self._roles, self._background = roles, background
        flush_seconds = platform.settings.market_flush_milliseconds / 1000
        self._processors = MemoryRunner(platform.log, processors, platform.clock, flush_seconds=flush_seconds)
        self._stop = asyncio.Event()
        self._owners = [MemoryOwnerRunner(platform.log, role.commands, role.owner, role.group) for role in roles]
        self._tasks: list[asyncio.Task[None]] = []
        self._lag = LocalLag(platform, self._readers(processors))

    @classmethod
    async def started(cls, platform: Platform, background: Background, reference: ReferenceWatch) -> "LocalStreams":
        """Return when every processor reads, and every partition is claimed and read up."""
        processors = [*market_processors(platform, reference), *projection_processors(platform)]
        group = LatestQuotesProcessor.name
        roles = [
            open_venue(platform, background, reference, quote_group=group),
            open_order_core(platform, background, reference, quote_group=group),
        ]
        streams = cls(platform, processors, roles, background)
        await streams._start()
        return streams

    def owners(self) -> list[OwnedPartition]:
        """What the owners say of their partitions."""
        return [owned for role in self._roles for owned in owned_partitions(role.records, role.reports())]

    def progress(self) -> Progress:
        """For the heartbeat."""
        return Progress(reads=self._lag.reads, owners=self.owners())

    def add_checks(self, health: Health) -> None:
        """What the roles know of their health; that no reader is far behind, and every one moves."""
        health.add("lag", self._lag.is_bounded)
        health.add("partitions", self._lag.moves)
        for role in self._roles:
            for name, check in role.checks.items():
                health.add(name, check)

    async def stop(self) -> None:
        """Finish what was taken, then end."""
        self._stop.set()
        await asyncio.wait(self._tasks)

    def _readers(self, processors: Sequence[Processor]) -> list[Reader]:
        def of_processor(name: str) -> Positions:
            return lambda: self._processors.positions()[name]

        owners = zip(self._roles, self._owners, strict=True)
        return [
            *(Reader(one.name, one.topic, of_processor(one.name)) for one in processors),
            *(Reader(role.group, role.commands, runner.positions) for role, runner in owners),
        ]

    async def _start(self) -> None:
        start = self._background.start
        self._tasks = [start(self._processors.run(self._stop), "processors")]
        await self._processors.ready()
        for role, runner in zip(self._roles, self._owners, strict=True):
            start(_until_failure(role), f"{role.group} failure")
            self._tasks.append(start(runner.run(self._stop), role.group))
            await runner.ready()
        start(self._lag.run(), "lag")


async def _until_failure(role: OwnedRole) -> None:
    await asyncio.shield(role.failure)
