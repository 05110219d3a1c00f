"""Workers killed by SIGKILL at seeded moments of the saga: every job ends, once in effect, and leaves all or nothing.

12 kills by default, 100 with `FAULTS=all`; `PROVISIONING_SEED` chooses the moments. Each worker dies just before or just after
one of its writes (to the store or the log), whatever job it is at; half-way through the broker forgets everything. The order
core, the venue and the projection run in this process, over the same real log and store.
"""

import asyncio
import json
import os
import random
import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.runtime.settings import Settings
from storage.jobs import PROVISION
from storage.models.provisioning import retried
from storage.topics import DEFAULT_TOPICS, PLATFORM_EVENTS
from tests.faults.report import Round, reported
from tests.integration.provisioning.hall import Hall, opened_hall

pytestmark = [pytest.mark.faults, pytest.mark.kafka, pytest.mark.mongo, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[3]
ALL = os.environ.get("FAULTS") == "all"
KILLS = 100 if ALL else 12
RABBIT_KILLS = 12 if ALL else 3
AT_ONCE = 6
SEED = int(os.environ.get("PROVISIONING_SEED", "6"))
LATEST_MOMENT = 120
"""A job of two exchanges has about 70; a worker has several jobs at once."""
FEED_SECONDS = 0.25


@dataclass
class Crew:
    """The workers, and the jobs that they are given."""

    hall: Hall
    parent: asyncio.subprocess.Process
    chance: random.Random
    found: Round
    workers: list[int] = field(default_factory=list)
    killed: int = 0

    async def start(self, kill_at: int) -> None:
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.write(json.dumps({"kill_at": kill_at}).encode() + b"\n")
        self.workers.append(int(await asyncio.wait_for(self.parent.stdout.readline(), 60)))

    def alive(self) -> list[int]:
        return [worker for worker in self.workers if _is_alive(worker)]

    async def give(self) -> str:
        """A new job; every third cannot be done. Sometimes its message is lost with the gateway."""
        number = len(self.hall.asked)
        exchanges = ("BINANCE", "XNAS") if number % 3 == 2 else ("BINANCE", "OANDA")
        application = await self.hall.approved(f"{number:04d}", exchanges)
        if self.chance.random() < 0.9:
            return await self.hall.asked_for(application)
        assert application.provisioning_job_id is not None
        self.hall.asked.append(application.provisioning_job_id)  # the sweep makes the job
        return application.provisioning_job_id

    async def be_killed(self, kills: int) -> None:
        """Workers that die at their moments, `AT_ONCE` at once, while jobs come in."""
        moments = [self.chance.randint(1, LATEST_MOMENT) for _ in range(kills)]
        while moments or self.workers:
            while moments and len(self.workers) < AT_ONCE:
                await self.start(moments.pop())
            await self.give()
            await asyncio.sleep(FEED_SECONDS)
            alive = self.alive()
            self.killed += len(self.workers) - len(alive)
            for worker in set(self.workers) - set(alive):
                self.found.add("SIGKILL provisioning worker", str(worker))
            self.workers = alive

    async def finish(self, seconds: float) -> None:
        """Two workers that live until every job is over; of the whole series one is held up for longer than its claims."""
        await self.start(0)
        await self.start(0)
        holding = asyncio.create_task(self._hold_up(self.workers[-1])) if ALL else None
        waiting = set(self.hall.asked)
        try:
            async with asyncio.timeout(seconds):
                while waiting:
                    for job_id in list(waiting):
                        job = await self.hall.store.get(job_id)
                        if job is not None and job.is_over:
                            waiting.discard(job_id)
                    await asyncio.sleep(0.1)
        except TimeoutError:
            stuck = [await self.hall.store.get(job_id) for job_id in sorted(waiting)]
            pytest.fail(f"not over after {seconds} s (PROVISIONING_SEED={SEED}): {stuck}")
        if holding is not None:
            await holding
            await asyncio.sleep(2)  # what it still writes comes to nothing

    async def _hold_up(self, worker: int) -> None:
        await asyncio.sleep(1)
        self.found.add("SIGSTOP provisioning worker", str(worker), 9.0)
        os.kill(worker, signal.SIGSTOP)
        await asyncio.sleep(9)
        os.kill(worker, signal.SIGCONT)

    async def end(self) -> None:
        for worker in self.alive():
            os.kill(worker, signal.SIGTERM)
        assert self.parent.stdin is not None
        self.parent.stdin.close()
        await asyncio.wait_for(self.parent.wait(), 10)
        async with asyncio.timeout(15):
            while self.alive():  # noqa: ASYNC110  (a process announces nothing)
                await asyncio.sleep(0.05)


@asynccontextmanager
async def opened_crew(kafka: str, mongo: str, jobs_url: str, found: Round) -> AsyncIterator[Crew]:
    name = secrets.token_hex(4)
    partitions = {spec.name: 2 for spec in DEFAULT_TOPICS if spec.name != PLATFORM_EVENTS and spec.partitions > 1}
    environment = {
        "OMNIAXS_LOG_URL": f"kafka://{kafka}",
        "OMNIAXS_STORE_URL": mongo,
        "OMNIAXS_STORE_DATABASE": f"test_{name}",
        "OMNIAXS_JOBS_URL": jobs_url,
        "OMNIAXS_TOPIC_PREFIX": f"test-{name}-",
        "OMNIAXS_TOPIC_PARTITIONS": json.dumps(partitions),
    }
    settings = Settings(
        _env_file=None, **{key.removeprefix("OMNIAXS_").lower(): value for key, value in environment.items()
                           if key != "OMNIAXS_TOPIC_PARTITIONS"}, topic_partitions=partitions,
    )  # fmt: skip
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OMNIAXS_")}
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).parent / "saga_worker.py"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
    )
    async with opened_hall(settings, with_workers=False) as hall:
        await hall.catalog(sim_a=("crypto", "fx"), sim_b=("crypto", "fx"), sim_x=("equity",))
        await hall.fault("sim-x", "down")
        crew = Crew(hall, parent, random.Random(str(found.seed)), found)  # noqa: S311
        try:
            yield crew
        finally:
            await crew.end()
            hall.jobs.broker.flush_all()
            await hall.platform.store.client.drop_database(settings.store_database)


async def check_all(crew: Crew, seconds: float) -> Counter[str]:
    """Each job has left all or nothing, and nothing is there that no job has left."""
    hall, outcomes = crew.hall, Counter[str]()
    for job_id in hall.asked:
        job = await hall.job(job_id)
        outcomes[job.status] += 1
        await _settled(hall, job_id)
    tenants = {f"ten_{number:04d}" for number in range(len(hall.asked))}
    assert {one.account.tenant_id for one in await hall.accounts.all()} <= tenants
    assert outcomes.keys() <= {"succeeded", "rolled_back"}
    sys.stdout.write(f"{crew.killed} kills, {dict(outcomes)}, over {seconds:.0f} s after the last of them\n")
    return outcomes


async def _settled(hall: Hall, job_id: str) -> None:
    """Reads follow the core a moment later."""
    for attempt in range(150):
        try:
            await hall.check(await hall.job(job_id))
        except AssertionError:
            if attempt == 149:
                sys.stdout.write(f"{await hall.job(job_id)!r} (PROVISIONING_SEED={SEED})\n")
                raise
            await asyncio.sleep(0.1)
        else:
            return


@pytest.mark.redis
async def test_killed_workers_leave_all_or_nothing(kafka_address: str, mongo_url: str, redis_url: str) -> None:
    with reported("provisioning", f"{SEED}/redis") as found:
        await _killed_and_finished(kafka_address, mongo_url, redis_url, found)


async def _killed_and_finished(kafka_address: str, mongo_url: str, redis_url: str, found: Round) -> None:
    async with opened_crew(kafka_address, mongo_url, redis_url, found) as crew:
        await crew.be_killed(KILLS // 2)
        found.add("flush jobs")
        crew.hall.jobs.broker.flush_all()
        await crew.be_killed(KILLS - KILLS // 2)
        assert crew.killed == KILLS
        last = time.monotonic()
        await crew.finish(120)
        outcomes = await check_all(crew, time.monotonic() - last)
        assert outcomes["succeeded"]
        assert outcomes["rolled_back"]
        await retry_what_failed(crew)


async def retry_what_failed(crew: Crew) -> None:
    """The cause mended, every job that was rolled back succeeds."""
    hall = crew.hall
    await hall.fault("sim-x", "none")
    failed = [job for job in [await hall.job(job_id) for job_id in hall.asked] if job.status == "rolled_back"]
    for job in failed:
        assert await hall.store.replace(retried(job, None, "retry", hall.platform.clock.now()))
        await hall.jobs.enqueue(PROVISION, job.job_id)
    for job in failed:
        assert (await hall.over(job.job_id, 60)).status == "succeeded"
        await _settled(hall, job.job_id)


async def test_killed_workers_on_rabbitmq_too(kafka_address: str, mongo_url: str, rabbitmq_url: str) -> None:
    with reported("provisioning", f"{SEED}/rabbitmq") as found:
        async with opened_crew(kafka_address, mongo_url, rabbitmq_url, found) as crew:
            await crew.be_killed(RABBIT_KILLS)
            last = time.monotonic()
            await crew.finish(120)
            await check_all(crew, time.monotonic() - last)


def _is_alive(worker: int) -> bool:
    try:
        os.kill(worker, 0)
    except ProcessLookupError:
        return False
    return True
