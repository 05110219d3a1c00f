"""Composition root of `omniaxs gateway`: REST and WebSocket on real Kafka and a real store."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from ops.processes.garbage import look_after_memory
from ops.processes.gateway_parts import close_gateway, open_gateway
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.lifetime import Background
from ops.processes.ops_server import build_ops_app
from ops.processes.platform import opened_platform, require_set_up
from ops.processes.reference_watch import ReferenceWatch
from ops.processes.serving import listen, listen_publicly, port_of, serve_until
from ops.runtime.settings import Settings
from storage.jobs import open_jobs
from storage.models.fleet import READS
from storage.models.operations import Role

_log = logging.getLogger(__name__)
MARKET_GROUP: Final = "market"
ROLES: Final[Mapping[str, frozenset[Role]]] = {"streams": frozenset(READS), "workers": frozenset({"workers"})}
"""Streams are all roles that read the log as a group: without any of them something stands still."""


async def run_gateway(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until `stop`; then say so to clients, finish requests, close sockets.

    Raises `AddressTaken`, `SettingsError`, `LogUnavailable` or `StoreUnavailable` at the start.
    """
    public = listen_publicly(settings)
    private = listen(settings.ops_host, settings.ops_port)
    async with opened_platform(settings) as platform:
        await require_set_up(platform)
        background = Background(stop)
        reference = await ReferenceWatch.opened(platform)
        if settings.local_jobs:
            _log.warning("OMNIAXS_JOBS_URL is memory://: no worker hears of jobs, mails wait for the next sweep")
        jobs = open_jobs(settings.jobs_url, platform.metrics, settings.topic_prefix)
        gateway = await open_gateway(platform, background, reference, jobs, quote_group=MARKET_GROUP, roles=ROLES)
        serving, ops_serving = asyncio.Event(), asyncio.Event()
        background.start(reference.run(), "reference data")
        background.start(HeartbeatTask(platform, "gateway", gateway.health, Progress).run(), "heartbeat")
        ops_app = build_ops_app(gateway.health, platform.metrics)
        ops_task = background.start(serve_until(ops_app, private, ops_serving, drain_seconds=1), "ops")
        _log.info(
            "gateway listens on %s:%d (REST: %d), ops on %s:%d",
            settings.host,
            port_of(public.all),
            public.rest_port(),
            settings.ops_host,
            port_of(private),
        )
        public_tasks = gateway.start_serving(background, public, settings, serving)
        look_after_memory(background)
        try:
            await stop.wait()
            await gateway.drain(settings.drain_seconds)
            serving.set()
            ops_serving.set()
            await asyncio.wait([*public_tasks, ops_task])
        finally:
            await close_gateway(gateway)
            await background.end()
            jobs.close()
