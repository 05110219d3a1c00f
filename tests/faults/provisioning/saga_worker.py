"""Worker processes that provision, and end themselves by SIGKILL at the n-th moment before or after a write of theirs.

This parent has imported everything; for each line on standard input (JSON: `kill_at` 0 never, else the number of the moment) it
forks a worker and says its process id. The workers are wired like those of `omniaxs workers`, with provisioning alone.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from ops.processes.alert_parts import keeper_of
from ops.processes.asking import decisions_of
from ops.processes.lifetime import Background, run_process
from ops.processes.platform import opened_platform
from ops.processes.provisioning_parts import open_provisioning
from ops.runtime.logs import configure_logs
from ops.runtime.settings import load_settings
from storage.jobs import DELIVER_ALERT, PROVISION, SEND_MAIL, open_jobs
from storage.log.port import Log, Message, Position
from storage.mongo.leases import Leases
from workers.app import JobWorker
from workers.sweeps.sweeping import Sweeping

WATCHED = frozenset(
    {
        "provisioning_jobs", "provisioning_turns", "access_applications", "access_bindings", "tenants", "controls",
        "audit_events",
    }
)  # fmt: skip
WRITES = frozenset({"insert_one", "update_one", "replace_one"})
MOST_TRIES = 2
SWEEP_SECONDS = 1.0


class Fate:
    """Counts moments, and ends the process at its own."""

    def __init__(self, kill_at: int) -> None:
        self._kill_at, self._passed = kill_at, 0

    def moment(self) -> None:
        self._passed += 1
        if self._passed == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class FatedLog:
    """A log whose appends are moments."""

    def __init__(self, log: Log, fate: Fate) -> None:
        self._log, self._fate = log, fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, topic: str, message: Message) -> Position:
        self._fate.moment()
        position = await self._log.append(topic, message)
        self._fate.moment()
        return position

    async def append_many(self, topic: str, messages: Sequence[Message]) -> list[Position]:
        self._fate.moment()
        positions = await self._log.append_many(topic, messages)
        self._fate.moment()
        return positions


class FatedDatabase:
    """A database in which writes of what the saga touches are moments."""

    def __init__(self, database: Any, fate: Fate) -> None:
        self._database, self._fate = database, fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def __getitem__(self, name: str) -> Any:
        return self._watched(name, self._database[name])

    def get_collection(self, name: str, **options: Any) -> Any:
        return self._watched(name, self._database.get_collection(name, **options))

    def _watched(self, name: str, collection: Any) -> Any:
        return FatedCollection(collection, self._fate) if name in WATCHED else collection


class FatedCollection:
    """One of its collections."""

    def __init__(self, collection: Any, fate: Fate) -> None:
        self._collection, self._fate = collection, fate

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._collection, name)
        return partial(self._write, method) if name in WRITES else method

    async def _write(self, method: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        self._fate.moment()
        result = await method(*arguments, **named)
        self._fate.moment()
        return result


async def leave(identity: str) -> None:
    """Mails and alerts are not looked at here."""


async def work(kill_at: int, stop: asyncio.Event) -> None:
    settings = load_settings()
    configure_logs("error", "json", "workers")
    fate = Fate(kill_at)
    async with opened_platform(settings) as opened:
        store = replace(opened.store, database=FatedDatabase(opened.store.database, fate))
        platform = replace(opened, log=FatedLog(opened.log, fate), store=store)
        background = Background(stop)
        jobs = open_jobs(settings.jobs_url, platform.metrics, settings.topic_prefix)
        decisions = decisions_of(platform)
        background.start(decisions.run(), "decisions")
        parts = open_provisioning(
            platform, jobs, decisions, keeper_of(platform, jobs), most_tries=MOST_TRIES, sweep_seconds=SWEEP_SECONDS
        )
        worker = JobWorker(
            jobs.broker,
            {PROVISION: parts.saga.provision, SEND_MAIL: leave, DELIVER_ALERT: leave},
            asyncio.get_running_loop(),
            metrics=platform.metrics,
            clock=platform.clock,
        )
        worker.start()
        leases = Leases(platform.store.database)
        sweeping = Sweeping(
            [parts.sweep], leases, f"worker-{os.getpid()}", clock=platform.clock, metrics=platform.metrics
        )
        background.start(sweeping.run(), "sweeps")
        await stop.wait()
        await worker.stop(2.0)
        await background.end()
        jobs.close()


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        kill_at = int(json.loads(line)["kill_at"])
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            run_process(partial(work, kill_at))
            os._exit(0)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
