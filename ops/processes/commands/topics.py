"""Commands over the topics of the log: apply, tail."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict

from ops.processes.commands.port import Arguments, CommandFailed, Event
from ops.processes.platform import Platform
from storage.log.port import Log, Record
from storage.log.topics_admin import TopicsRefused, apply_topics
from storage.mongo.log_identities import LogIdentities


async def apply(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:  # noqa: ARG001  (takes none)
    """Create the missing topics and check the others."""
    try:
        reports = await apply_topics(platform.log, platform.topics, LogIdentities(platform.store.database))
    except TopicsRefused as refusal:
        raise CommandFailed(str(refusal)) from None
    for report in reports:
        yield asdict(report)


async def tail(platform: Platform, arguments: Arguments) -> AsyncIterator[Event]:
    """The last records of a topic and then those that come, until `count` or the reader leaves."""
    topic = str(arguments["topic"])
    if topic not in {spec.name for spec in platform.topics}:
        raise CommandFailed(
            f"no such topic: {topic}; the topics are {', '.join(spec.name for spec in platform.topics)}"
        )
    last = int(arguments.get("last") or 0)
    bounds = await platform.log.bounds(topic)
    start = {partition: max(bound.first, bound.next - last) for partition, bound in bounds.items()}
    left = arguments.get("count")
    async for record in _records(platform.log, topic, start):
        if arguments.get("key") and (record.key or b"").decode() != arguments["key"]:
            continue
        yield _shown(record)
        if left is not None:
            left -= 1
            if left <= 0:
                return


async def _records(log: Log, topic: str, start: dict[int, int]) -> AsyncIterator[Record]:
    async with log.tail(topic, start) as records:
        while True:
            for record in await records.batch():
                yield record
            await asyncio.sleep(0)


def _shown(record: Record) -> Event:
    return {
        "partition": record.partition,
        "offset": record.offset,
        "key": (record.key or b"").decode(errors="replace"),
        "value": (record.value or b"").decode(errors="replace"),
        "headers": {name: value.decode(errors="replace") for name, value in record.headers},
    }
