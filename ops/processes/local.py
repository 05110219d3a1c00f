"""Composition root of `omniaxs up`: everything in one process and one loop, over the adapters that the settings name.

With the default settings that is the memory log and mongomock; the same processors, gateway and feed as in the cluster.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

from ops.processes.commands.feed import synthetic
from ops.processes.commands.registry import COMMANDS
from ops.processes.connector_parts import begin_connectors
from ops.processes.controls import announcer_of
from ops.processes.demo import create_demo
from ops.processes.garbage import look_after_memory
from ops.processes.gateway_parts import Gateway, close_gateway, open_gateway
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.inbox_page import add_inbox
from ops.processes.job_parts import Workers, open_workers
from ops.processes.lifetime import Background
from ops.processes.local_streams import LocalStreams
from ops.processes.ops_server import add_commands, build_ops_app
from ops.processes.platform import Platform, opened_platform
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.serving import PublicSockets, listen, listen_publicly, port_of, serve_until, tls_files
from ops.processes.up_file import Demo, Up, remove_up_file, write_up_file
from ops.runtime.settings import Settings
from storage.controls.defaults import announce_defaults
from storage.jobs import open_jobs
from storage.log.topics_admin import apply_topics
from storage.models.operations import Role
from storage.mongo.log_identities import LogIdentities
from storage.mongo.migrations import migrate
from storage.mongo.reference import load_reference, reference_version, store_reference
from storage.reference_data.builtin import load_builtin
from streams.market.latest_quotes_processor import LatestQuotesProcessor

ROLES: Final[Mapping[str, frozenset[Role]]] = {"streams": frozenset({"local"}), "workers": frozenset({"local"})}
LocalFeed = Callable[[Platform], Coroutine[Any, Any, None]]
"""Publishes until cancelled."""


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """`feed` None: nothing publishes until `omniaxs feed ...` does."""

    feed: LocalFeed | None = None


async def run_local(
    settings: Settings, options: LocalOptions, ready: Callable[[Up], None], stop: asyncio.Event
) -> None:
    """Run until `stop`; `ready` is called once everything answers.

    Raises `AddressTaken`, `SettingsError`, `LogUnavailable` or `StoreUnavailable` at the start, and what made a part end later.
    """
    settings = settings.model_copy(update={"admin_registration": settings.admin_registration or "open"})
    public = listen_publicly(settings)
    private = listen(settings.ops_host, settings.ops_port)
    async with opened_platform(settings) as platform, AsyncExitStack() as ending:
        await set_up(platform)
        background = Background(stop)
        ending.push_async_callback(background.end)
        reference = await ReferenceWatch.opened(platform)
        background.start(reference.run(), "reference data")
        streams = await LocalStreams.started(platform, background, reference)
        jobs = open_jobs(settings.jobs_url, platform.metrics, settings.topic_prefix)
        ending.callback(jobs.close)
        gateway = await open_gateway(
            platform, background, reference, jobs, quote_group=LatestQuotesProcessor.name, roles=ROLES
        )
        ending.push_async_callback(close_gateway, gateway)
        workers = open_workers(platform, background, jobs, gateway.people.administration.decisions)
        ending.push_async_callback(workers.stop, 1.0)
        await gateway.hub.caught_up()
        streams.add_checks(gateway.health)
        for name, check in workers.checks.items():
            gateway.health.add(name, check)
        heartbeat = HeartbeatTask(
            platform, "local", gateway.health, lambda: _progress(streams, workers), streams.owners
        )
        background.start(heartbeat.run(), "heartbeat")
        feed_task = background.start(options.feed(platform), "feed") if options.feed else None

        demo = await create_demo(platform, reference(), gateway.people.identity.passwords)
        up = _up(settings, public, port_of(private), demo, has_inbox=workers.inbox is not None)
        serving, ops_serving = asyncio.Event(), asyncio.Event()
        public_tasks = gateway.start_serving(background, public, settings, serving)
        ops_app = build_ops_app(gateway.health, platform.metrics)
        if workers.inbox is not None:
            add_inbox(ops_app, workers.inbox)
        add_commands(ops_app, platform, COMMANDS, up.ops_token)
        ops_task = background.start(serve_until(ops_app, private, ops_serving, drain_seconds=1), "ops")
        write_up_file(up)
        try:
            look_after_memory(background)
            ready(up)
            await stop.wait()
            if feed_task is not None:
                feed_task.cancel()
            await _drain(gateway, settings, serving, ops_serving, [*public_tasks, ops_task])
            await streams.stop()
        finally:
            remove_up_file(up)


async def _drain(
    gateway: Gateway,
    settings: Settings,
    serving: asyncio.Event,
    ops_serving: asyncio.Event,
    tasks: list[asyncio.Task[None]],
) -> None:
    await gateway.drain(settings.drain_seconds)
    serving.set()
    ops_serving.set()
    await asyncio.wait(tasks)


async def set_up(platform: Platform) -> None:
    """Indexes, topics and reference data, as an operator makes them in the cluster with three commands."""
    database = platform.store.database
    await migrate(database, platform.clock)
    await begin_connectors(platform)
    await apply_topics(platform.log, platform.topics, LogIdentities(database))
    if await reference_version(database) is None:
        builtin = load_builtin()
        await store_reference(
            database,
            list(builtin.instruments.values()),
            list(builtin.calendars.values()),
            platform.identifiers.event_id(),
        )
    await announce_defaults(announcer_of(platform), await load_reference(database))


def synthetic_market(seed: int) -> LocalFeed:
    """The synthetic market of `seed`: the same seed makes the same stream."""

    async def publish(platform: Platform) -> None:
        async for _ in synthetic(platform, {"seed": seed}):
            pass

    return publish


def _progress(streams: LocalStreams, workers: Workers) -> Progress:
    said = streams.progress()
    return replace(said, details={**said.details, **workers.details()})


def _up(settings: Settings, public: PublicSockets, ops_port: int, demo: Demo, *, has_inbox: bool) -> Up:
    ops = f"http://{settings.ops_host}:{ops_port}"
    scheme = "s" if tls_files(settings) else ""
    return Up(
        http=f"http{scheme}://{settings.host}:{public.rest_port()}",
        ws=f"ws{scheme}://{settings.host}:{port_of(public.all)}/v1/ws",
        ops=ops,
        inbox=f"{ops}/inbox" if has_inbox else None,
        demo=demo,
        ops_token=secrets.token_urlsafe(32),
    )
