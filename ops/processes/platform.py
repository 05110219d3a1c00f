"""What every process opens first: settings, clocks, the log and the store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from ops.runtime.clock import Clock, SystemClock
from ops.runtime.identifiers import Identifiers, SystemIdentifiers
from ops.runtime.metrics import Metrics
from ops.runtime.settings import Settings
from storage.log.connect import open_log
from storage.log.port import Log
from storage.log.topics_admin import check_topics
from storage.mongo.connect import Store, connect
from storage.mongo.log_identities import LogIdentities
from storage.mongo.migrations import check
from storage.sealing import KeyRing
from storage.topics import Topics


def product_version() -> str:
    """The installed version, e.g. `0.1.0`."""
    return version("omniaxs-hub")


@dataclass(frozen=True, slots=True)
class Platform:
    """The parts that all roles share. `log` and `store` are connected."""

    settings: Settings
    clock: Clock
    identifiers: Identifiers
    metrics: Metrics
    topics: Topics
    log: Log
    store: Store
    key_ring: KeyRing


class NotSetUp(Exception):
    """Log or store are not what this version needs; the text names what, a line each, and the command that mends it."""


async def require_set_up(platform: "Platform") -> None:
    """Raises `NotSetUp` when topics or indexes are missing or differ: a process that went on would fail later, or wait."""
    problems = await check_topics(platform.log, platform.topics, LogIdentities(platform.store.database))
    problems += [str(problem) for problem in await check(platform.store.database)]
    if problems:
        raise NotSetUp("\n".join(problems))


@asynccontextmanager
async def opened_platform(settings: Settings) -> AsyncIterator[Platform]:
    """Connect to log and store, and disconnect at the end.

    Raises `LogUnavailable` or `StoreUnavailable`, each one readable line that names the address.
    """
    clock = SystemClock()
    topics = Topics(settings.topic_partitions, settings.topic_retention_ms, settings.topic_prefix)
    store = connect(settings.store_url, settings.store_database)
    try:
        await store.ping()
        await store.start_threads()
        log = open_log(settings.log_url, topics, clock, settings.log_compression)
        await log.start()
        try:
            yield Platform(
                settings=settings,
                clock=clock,
                identifiers=SystemIdentifiers(),
                metrics=Metrics(),
                topics=topics,
                log=log,
                store=store,
                key_ring=KeyRing.parse(settings.key_ring.get_secret_value()),
            )
        finally:
            await log.close()
    finally:
        store.close()
