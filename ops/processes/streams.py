"""Composition root of `omniaxs streams --role market`: processors in a Faust worker, on real Kafka and a real store."""

import asyncio
from collections.abc import Callable

from ops.processes.checks import log_check, store_check
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.lifetime import Background, settle_memory
from ops.processes.market_processors import market_processors
from ops.processes.ops_server import build_ops_app
from ops.processes.platform import Platform, opened_platform, require_set_up
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.serving import listen, serve_until
from ops.runtime.health import Health
from ops.runtime.metrics import CONSUMER_LAG
from ops.runtime.settings import Settings
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker

LAG_BOUND = 50_000
"""Records behind from which on a worker does not count as ready."""


async def run_streams(settings: Settings, role: str, stop: asyncio.Event) -> None:
    """Work as one member of the role's group until `stop`.

    Raises `LogUnavailable`, `StoreUnavailable` or `NotSetUp` at the start, `WorkerFailed` when it cannot go on.
    """
    listener = listen(settings.ops_host, settings.ops_port)
    async with opened_platform(settings) as platform:
        await require_set_up(platform)
        reference = await ReferenceWatch.opened(platform)
        worker = _worker(platform, role, reference)
        health = _health(platform, worker)
        background = Background(stop)
        ops_stop = asyncio.Event()
        ops_app = build_ops_app(health, platform.metrics)
        background.start(serve_until(ops_app, listener, ops_stop, drain_seconds=1), "ops")
        background.start(reference.run(), "reference data")
        heartbeat = HeartbeatTask(platform, "market", health, _progress(platform, worker))
        background.start(heartbeat.run(), "heartbeat")
        settle_memory()
        try:
            await worker.run(stop)
        finally:
            health.drain()
            ops_stop.set()
            await background.end()


def _worker(platform: Platform, role: str, reference: ReferenceWatch) -> StreamWorker:
    settings = platform.settings
    broker = settings.log_url.removeprefix("kafka://")
    return StreamWorker(
        AppOptions(group=role, broker=broker, prefix=settings.topic_prefix),
        market_processors(platform, reference),
        platform.log,
        platform.clock,
        flush_seconds=settings.market_flush_milliseconds / 1000,
    )


def _health(platform: Platform, worker: StreamWorker) -> Health:
    """Ready: store and log answer, the group is joined, lag is bounded, and every partition that has lag moves."""

    async def has_joined() -> str | None:
        return None if worker.state.joined else f"not yet a member of the group {worker.state.group}"

    async def lag_is_bounded() -> str | None:
        lag = worker.state.lag
        return f"{lag} records behind" if lag > LAG_BOUND else None

    async def partitions_move() -> str | None:
        stalled = [f"{held.topic}-{held.partition}" for held in worker.state.stalled]
        return f"partitions that do not move while their log grows: {', '.join(stalled)}" if stalled else None

    health = Health()
    health.add("store", store_check(platform))
    health.add("log", log_check(platform))
    health.add("group", has_joined)
    health.add("lag", lag_is_bounded)
    health.add("partitions", partitions_move)
    return health


def _progress(platform: Platform, worker: StreamWorker) -> Callable[[], Progress]:
    """What the heartbeat says of the worker; the lag also goes to the metrics."""
    gauge = platform.metrics.gauge(CONSUMER_LAG)

    def progress() -> Progress:
        state = worker.state
        partitions: dict[str, list[int]] = {}
        lag: dict[str, int] = {}
        gauge.clear()
        for held in state.partitions:
            behind = held.lag or 0
            partitions.setdefault(held.topic, []).append(held.partition)
            lag[f"{held.topic}-{held.partition}"] = behind
            gauge.labels(group=state.group, topic=held.topic, partition=held.partition).set(behind)
        return Progress(partitions=partitions, lag=lag, details={"records": state.records})

    return progress
