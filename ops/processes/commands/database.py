"""Commands over the store: migrate, check, rebuild."""

from collections.abc import AsyncIterator

from ops.processes.commands.port import Arguments, CommandFailed, Event
from ops.processes.market_processors import bars_processor
from ops.processes.platform import Platform
from storage.mongo.bars import Bars
from storage.mongo.migrations import check as differences
from storage.mongo.migrations import migrate as bring_up
from storage.mongo.reference import load_reference
from storage.topics import TRADES


async def migrate(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Bring collections and indexes to this version."""
    for applied in await bring_up(platform.store.database, platform.clock):
        yield {"applied": str(applied)}


async def check(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Each difference from this version; fails when there is one."""
    problems = await differences(platform.store.database)
    for problem in problems:
        yield {"problem": str(problem)}
    if problems:
        raise CommandFailed(f"the store differs from this version in {len(problems)} places")


async def rebuild(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Fold the bars again from the first retained trade. The processors of role market must be stopped."""
    if arguments["what"] != "bars":
        raise CommandFailed(f"cannot rebuild {arguments['what']!r}: it is bars")
    removed = await Bars(platform.store.database).delete_all()
    yield {"removed": removed}
    reference = await load_reference(platform.store.database)
    processor = bars_processor(platform, lambda: reference)
    for partition, bounds in sorted((await platform.log.bounds(TRADES)).items()):
        await processor.assign(partition, bounds.first)
        folded = 0
        async for records in platform.log.read(TRADES, partition, bounds.first, bounds.next):
            await processor.fold(partition, records)
            folded += len(records)
            await processor.flush()
        await processor.revoke(partition)
        yield {"partition": partition, "trades": folded}
