"""Composition root of `omniaxs streams --role ...`: one role in a Faust worker, on real Kafka and a real store."""

import asyncio
from collections.abc import Callable

from ops.processes.checks import LAG_BOUND, log_check, standing, store_check
from ops.processes.garbage import look_after_memory
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.lifetime import Background
from ops.processes.ops_server import build_ops_app
from ops.processes.partition_metrics import PartitionMetrics
from ops.processes.platform import Platform, opened_platform, require_set_up
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.roles import ROLES, StreamRole, Worker
from ops.processes.serving import listen, serve_until
from ops.runtime.health import Health
from ops.runtime.settings import Settings
from storage.models.operations import Role
from streams.app.worker import WorkerFailed


async def run_streams(settings: Settings, role: Role, stop: asyncio.Event) -> None:
    """Work as one member of the role's group until `stop`.

    Raises `LogUnavailable`, `StoreUnavailable` or `NotSetUp` at the start, `WorkerFailed` when it cannot go on.
    """
    listener = listen(settings.ops_host, settings.ops_port)
    async with opened_platform(settings) as platform:
        await require_set_up(platform)
        reference = await ReferenceWatch.opened(platform)
        background = Background(stop)
        opened = ROLES[role](platform, background, reference)
        health = _health(platform, opened)
        ops_stop = asyncio.Event()
        ops_app = build_ops_app(health, platform.metrics)
        background.start(serve_until(ops_app, listener, ops_stop, drain_seconds=1), "ops")
        background.start(reference.run(), "reference data")
        heartbeat = HeartbeatTask(platform, role, health, _progress(platform, opened), opened.watched)
        background.start(heartbeat.run(), "heartbeat")
        look_after_memory(background)
        try:
            await opened.worker.run(stop)
        finally:
            health.drain()
            ops_stop.set()
            [ended] = await asyncio.gather(background.end(), return_exceptions=True)
        if isinstance(ended, Exception):
            raise WorkerFailed(f"role {role}: {type(ended).__name__}: {ended}") from ended


def _health(platform: Platform, role: StreamRole) -> Health:
    """Ready: store and log answer, the group is joined, what was assigned is owned, lag is bounded and moves."""
    health = Health()
    health.add("store", store_check(platform))
    health.add("log", log_check(platform))
    _add_worker_checks(health, role.worker)
    for name, check in role.checks.items():
        health.add(name, check)
    return health


def _add_worker_checks(health: Health, worker: Worker) -> None:
    async def has_joined() -> str | None:
        return None if worker.state.joined else f"not yet a member of the group {worker.state.group}"

    async def lag_is_bounded() -> str | None:
        state = worker.state
        if state.unseen:
            return "has not yet seen how far the log reaches"
        return f"{state.lag} records behind" if state.lag > LAG_BOUND else None

    async def partitions_move() -> str | None:
        return standing(worker.state.stalled)

    health.add("group", has_joined)
    health.add("lag", lag_is_bounded)
    health.add("partitions", partitions_move)


def _progress(platform: Platform, role: StreamRole) -> Callable[[], Progress]:
    """What the heartbeat says of the role; how far it is also goes to the metrics."""
    metrics = PartitionMetrics(platform.metrics, platform.topics)

    def progress() -> Progress:
        state = role.worker.state
        metrics.show([state])
        return Progress(reads=state.progress, details={"records": state.records}, owners=role.owners())

    return progress
