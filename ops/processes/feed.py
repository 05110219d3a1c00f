"""Composition root of `omniaxs feed` on real services: one feed, with health, metrics and a heartbeat of its own."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ops.processes.checks import log_check, store_check
from ops.processes.commands.port import Event
from ops.processes.commands.registry import COMMANDS
from ops.processes.heartbeat import HeartbeatTask, Progress
from ops.processes.lifetime import Background
from ops.processes.ops_server import build_ops_app
from ops.processes.platform import opened_platform, require_set_up
from ops.processes.serving import listen, serve_until
from ops.runtime.health import Health
from ops.runtime.settings import Settings


async def run_feed(
    settings: Settings, name: str, arguments: Mapping[str, Any], show: Callable[[Event], None], stop: asyncio.Event
) -> None:
    """Publish until the source ends or `stop`; `show` gets the progress.

    Raises `CommandFailed` for what is wrong with the source, `AddressTaken`, `LogUnavailable`, `StoreUnavailable`, `NotSetUp`.
    """
    listener = listen(settings.ops_host, settings.ops_port)
    async with opened_platform(settings) as platform:
        await require_set_up(platform)
        published: dict[str, float] = {}

        async def publish() -> None:
            async for event in COMMANDS[name](platform, arguments):
                published.update(quotes=event["quotes"], trades=event["trades"])
                show(event)
            stop.set()

        health = Health()
        health.add("store", store_check(platform))
        health.add("log", log_check(platform))

        async def has_begun() -> str | None:
            return None if published else f"the feed {name} has not begun to publish"

        health.add("feed", has_begun)
        background = Background(stop)
        ops_stop = asyncio.Event()
        ops_app = build_ops_app(health, platform.metrics)
        background.start(serve_until(ops_app, listener, ops_stop, drain_seconds=1), "ops")
        heartbeat = HeartbeatTask(platform, "feed", health, lambda: Progress(details={"feed": name, **published}))
        background.start(heartbeat.run(), "heartbeat")
        background.start(publish(), "feed")
        try:
            await stop.wait()
        finally:
            health.drain()
            ops_stop.set()
            await background.end()
