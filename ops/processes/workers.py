"""Composition root of `omniaxs workers`: jobs off a real broker, on a real store, and the sweeps."""

import asyncio
import logging

from ops.processes.checks import log_check, store_check
from ops.processes.garbage import look_after_memory
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.inbox_page import add_inbox
from ops.processes.job_parts import Workers, open_workers
from ops.processes.lifetime import Background
from ops.processes.ops_server import build_ops_app
from ops.processes.platform import Platform, opened_platform, require_set_up
from ops.processes.serving import listen, port_of, serve_until
from ops.runtime.health import Health
from ops.runtime.settings import Settings
from storage.jobs import open_jobs

_log = logging.getLogger(__name__)


async def run_workers(settings: Settings, stop: asyncio.Event) -> None:
    """Work until `stop`; then finish what runs, and give the rest back to the broker.

    Raises `AddressTaken`, `LogUnavailable`, `StoreUnavailable` or `NotSetUp` at the start, and `ValueError` for a mail or
    jobs URL that cannot be. A broker or a mail server that is away is waited for.
    """
    listener = listen(settings.ops_host, settings.ops_port)
    async with opened_platform(settings) as platform:
        await require_set_up(platform)
        background = Background(stop)
        jobs = open_jobs(settings.jobs_url, platform.metrics, settings.topic_prefix)
        try:
            workers = open_workers(platform, background, jobs)
            health = _health(platform, workers)
            ops_stop = asyncio.Event()
            ops_app = build_ops_app(health, platform.metrics)
            if workers.inbox is not None:
                add_inbox(ops_app, workers.inbox)
            ops_task = background.start(serve_until(ops_app, listener, ops_stop, drain_seconds=1), "ops")
            heartbeat = HeartbeatTask(platform, "workers", health, lambda: Progress(details=workers.details()))
            background.start(heartbeat.run(), "heartbeat")
            _log.info("workers take jobs, ops on %s:%d", settings.ops_host, port_of(listener))
            look_after_memory(background)
            await stop.wait()
            health.drain()
            await workers.stop(settings.drain_seconds)
            ops_stop.set()
            await asyncio.wait([ops_task])
        finally:
            await background.end()
            jobs.close()


def _health(platform: Platform, workers: Workers) -> Health:
    """Ready: store, log and broker answer, and decisions would be seen. A mail server that is away delays mails; it does not make the process useless."""
    health = Health()
    health.add("store", store_check(platform))
    health.add("log", log_check(platform))
    for name, check in workers.checks.items():
        health.add(name, check)
    return health
