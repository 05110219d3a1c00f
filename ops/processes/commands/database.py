"""Commands over the store: migrate, check, rebuild."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

from ops.processes.commands.port import EXIT_TEMPORARY, Arguments, CommandFailed, Event
from ops.processes.connector_parts import begin_connectors
from ops.processes.market_processors import bars_processor
from ops.processes.platform import Platform
from ops.processes.projection_parts import rebuild_of_orders
from storage.models.ownership import BEGINNING, Anchor
from storage.mongo.bars import Bars
from storage.mongo.heartbeats import Heartbeats
from storage.mongo.migrations import check as differences
from storage.mongo.migrations import migrate as bring_up
from storage.mongo.ownership import ClaimHistories, Floors
from storage.mongo.reference import load_reference
from storage.topics import ORDER_EVENTS, TRADES

_LIVING_NS: Final = 5_000_000_000


async def migrate(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Bring collections and indexes to this version, with the default connectors and keys for credentials."""
    for applied in await bring_up(platform.store.database, platform.clock):
        yield {"applied": str(applied)}
    for made in await begin_connectors(platform):
        yield {"applied": made}


async def check(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Each difference from this version; fails when there is one."""
    problems = await differences(platform.store.database)
    for problem in problems:
        yield {"problem": str(problem)}
    if problems:
        raise CommandFailed(f"the store differs from this version in {len(problems)} places")


async def rebuild(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """Fold a read model again from the first retained record. The processors that keep it must be stopped."""
    rebuilding = _REBUILDS.get(arguments["what"])
    if rebuilding is None:
        raise CommandFailed(f"cannot rebuild {arguments['what']!r}: it is {' or '.join(_REBUILDS)}")
    async for event in rebuilding(platform):
        yield event


async def _rebuild_bars(platform: Platform) -> AsyncIterator[Event]:
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


async def _rebuild_orders(platform: Platform) -> AsyncIterator[Event]:
    """Orders, fills, positions, accounts, answers; the signals need no rebuild, as clearing them is final."""
    await _refuse_while_projected(platform)
    rebuild = rebuild_of_orders(platform)
    yield {"removed": await rebuild.clear()}
    for partition, bounds in sorted((await platform.log.bounds(ORDER_EVENTS)).items()):
        begin = await _beginning(platform, partition, bounds.first)
        yield {"partition": partition, "records": await rebuild.partition(partition, begin, bounds.next)}


async def _refuse_while_projected(platform: Platform) -> None:
    living = await Heartbeats(platform.store.database).all(platform.clock.now() - _LIVING_NS)
    hosts = [f"{one.host} ({one.process_id})" for one in living if one.role == "projection"]
    if hosts:
        raise CommandFailed(f"stop the processes of role projection first; alive: {', '.join(hosts)}", EXIT_TEMPORARY)


async def _beginning(platform: Platform, partition: int, first: int) -> Anchor:
    """The anchor before the first retained record."""
    if first == 0:
        return BEGINNING
    database = platform.store.database
    floor = await Floors(database, ORDER_EVENTS).get(partition)
    history = await ClaimHistories(database, ORDER_EVENTS).get(partition)
    anchor = history.anchor_before(first, floor)
    if anchor.upto != first - 1:
        raise CommandFailed(f"{ORDER_EVENTS}-{partition} begins at {first}, and nothing kept tells who owned it there")
    return anchor


_REBUILDS: Final[Mapping[str, Callable[[Platform], AsyncIterator[Event]]]] = {
    "bars": _rebuild_bars,
    "orders": _rebuild_orders,
}
