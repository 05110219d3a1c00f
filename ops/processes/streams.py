"""Composition root of `omniaxs streams --role market`: processors in a Faust worker, on real Kafka and a real store."""

import asyncio

from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.lifetime import Background, settle_memory
from ops.processes.market_processors import market_processors
from ops.processes.ops_server import build_ops_app
from ops.processes.platform import opened_platform, require_set_up
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.serving import listen, serve_until
from ops.runtime.health import Health
from ops.runtime.metrics import CONSUMER_LAG
from ops.runtime.settings import Settings
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker

ROLES = ("market",)
LAG_BOUND = 50_000


async def run_streams(settings: Settings, role: str, stop: asyncio.Event) -> None:
    """Work as one member of the role's group until `stop`.

    Raises `LogUnavailable` or `StoreUnavailable` at the start, `WorkerFailed` when it cannot go on.
    """
    listener = listen(settings.ops_host, settings.ops_port)
    async with opened_platform(settings) as platform:
        await require_set_up(platform)
        options = AppOptions(group=role, broker=settings.log_url.removeprefix("kafka://"), prefix=settings.topic_prefix)
        reference = await ReferenceWatch.opened(platform)
        worker = StreamWorker(
            options,
            market_processors(platform, reference),
            platform.log,
            platform.clock,
            flush_seconds=settings.market_flush_milliseconds / 1000,
        )
        health = Health()

        async def store_answers() -> str | None:
            await platform.store.ping()
            return None

        async def has_joined() -> str | None:
            return None if worker.state.joined else f"not yet a member of the group {role}"

        async def lag_is_bounded() -> str | None:
            lag = worker.state.lag
            return f"{lag} records behind" if lag > LAG_BOUND else None

        async def partitions_move() -> str | None:
            stalled = [f"{held.topic}-{held.partition}" for held in worker.state.stalled]
            return f"partitions that do not move while their log grows: {', '.join(stalled)}" if stalled else None

        health.add("store", store_answers)
        health.add("group", has_joined)
        health.add("lag", lag_is_bounded)
        health.add("partitions", partitions_move)

        def progress() -> Progress:
            state = worker.state
            partitions: dict[str, list[int]] = {}
            for held in state.partitions:
                partitions.setdefault(held.topic, []).append(held.partition)
                gauge = platform.metrics.gauge(CONSUMER_LAG)
                gauge.labels(group=role, topic=held.topic, partition=held.partition).set(held.lag or 0)
            lag = {f"{held.topic}-{held.partition}": held.lag or 0 for held in state.partitions}
            return Progress(partitions=partitions, lag=lag, details={"records": state.records})

        background = Background(stop)
        ops_stop = asyncio.Event()
        background.start(
            serve_until(build_ops_app(health, platform.metrics), listener, ops_stop, drain_seconds=1), "ops"
        )
        background.start(reference.run(), "reference data")
        background.start(HeartbeatTask(platform, "market", health, progress).run(), "heartbeat")
        settle_memory()
        try:
            await worker.run(stop)
        finally:
            health.drain()
            ops_stop.set()
            await background.end()
