"""A worker process for tests that kill it: jobs and sweeps as `omniaxs workers` wires them, on the store, broker and mail
server of its environment, without a log. It says `ready`.
"""

import asyncio
import sys

from ops.processes.job_parts import open_workers
from ops.processes.lifetime import Background, run_process
from ops.processes.platform import opened_platform
from ops.runtime.logs import configure_logs
from ops.runtime.settings import load_settings
from storage.jobs import open_jobs


async def main(stop: asyncio.Event) -> None:
    settings = load_settings()
    configure_logs("warning", "json", "workers")
    async with opened_platform(settings) as platform:
        background = Background(stop)
        jobs = open_jobs(settings.jobs_url, platform.metrics, settings.topic_prefix)
        workers = open_workers(platform, background, jobs)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await stop.wait()
        await workers.stop(settings.drain_seconds)
        await background.end()
        jobs.close()


if __name__ == "__main__":
    run_process(main)
