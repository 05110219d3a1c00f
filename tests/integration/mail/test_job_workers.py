"""Jobs from `enqueue` to the body on the process's loop, over each broker: done, tried again, given up, finished at a stop."""

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator

import dramatiq
import pytest
import structlog

from ops.runtime.clock import SystemClock
from ops.runtime.metrics import Metrics
from storage.jobs import JOBS, MOST_IN_MEMORY, SEND_MAIL, DramatiqJobs, Job, MemoryBroker, open_jobs
from storage.mongo.failures import StoreUnavailable
from workers.app import JobWorker
from workers.jobs import JobBody, TryAgain

BROKERS = [
    "memory",
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", marks=pytest.mark.rabbitmq),
]
SHORT = Job("short", queue="mail", argument="name", max_age_ms=60_000, max_retries=2)


@pytest.fixture(params=BROKERS)
async def jobs(request: pytest.FixtureRequest) -> AsyncIterator[DramatiqJobs]:
    url = "memory://" if request.param == "memory" else request.getfixturevalue(f"{request.param}_url")
    jobs = open_jobs(url, Metrics(), f"test-{secrets.token_hex(4)}-")
    yield jobs
    jobs.broker.flush_all()
    jobs.close()


class House:
    """A worker of some bodies."""

    def __init__(self, jobs: DramatiqJobs, bodies: dict[Job, JobBody]) -> None:
        self.metrics = Metrics()
        self.worker = JobWorker(
            jobs.broker, bodies, asyncio.get_running_loop(), metrics=self.metrics, clock=SystemClock()
        )
        self.worker.start()

    def ended(self, job: Job, outcome: str) -> float:
        value = self.metrics.registry.get_sample_value("omniaxs_jobs_total", {"actor": job.name, "outcome": outcome})
        return value or 0.0

    async def until(self, job: Job, outcome: str, times: int) -> None:
        async with asyncio.timeout(20):
            while self.ended(job, outcome) < times:  # noqa: ASYNC110  (a counter announces nothing)
                await asyncio.sleep(0.02)


async def test_a_job_runs_on_the_loop_with_its_argument_and_the_trace_of_who_asked(jobs: DramatiqJobs) -> None:
    seen: asyncio.Queue[tuple[str, bool, object]] = asyncio.Queue()

    async def body(outbox_id: str) -> None:
        trace_id = structlog.contextvars.get_contextvars().get("trace_id")
        await seen.put((outbox_id, threading.current_thread() is threading.main_thread(), trace_id))

    house = House(jobs, {SEND_MAIL: body})
    with structlog.contextvars.bound_contextvars(trace_id="ab" * 16):
        await jobs.enqueue(SEND_MAIL, "notices:ntc_1:1")
    assert await asyncio.wait_for(seen.get(), 10) == ("notices:ntc_1:1", True, "ab" * 16)
    await house.until(SEND_MAIL, "done", 1)
    await house.worker.stop(5)


async def test_many_jobs_run_once_each(jobs: DramatiqJobs) -> None:
    done: list[str] = []

    async def body(outbox_id: str) -> None:
        await asyncio.sleep(0.001)
        done.append(outbox_id)

    house = House(jobs, {SEND_MAIL: body})
    names = [f"notices:ntc_{number}:1" for number in range(100)]
    await asyncio.gather(*(jobs.enqueue(SEND_MAIL, name) for name in names))
    await house.until(SEND_MAIL, "done", 100)
    await house.worker.stop(5)
    assert sorted(done) == sorted(names)


async def test_trouble_that_may_pass_leads_to_another_try(jobs: DramatiqJobs) -> None:
    tries: list[float] = []

    async def body(outbox_id: str) -> None:
        tries.append(time.monotonic())
        if len(tries) == 1:
            raise TryAgain("the server is away", 0.5)
        if len(tries) == 2:
            raise StoreUnavailable("the database does not answer")

    house = House(jobs, {SEND_MAIL: body})
    await jobs.enqueue(SEND_MAIL, "notices:ntc_1:1")
    await house.until(SEND_MAIL, "done", 1)
    await house.worker.stop(5)
    assert house.ended(SEND_MAIL, "retried") == 2
    assert tries[1] - tries[0] >= 0.5
    assert tries[2] - tries[1] >= 2


async def test_an_argument_that_names_nothing_is_given_up_at_once(jobs: DramatiqJobs) -> None:
    async def body(outbox_id: str) -> None:
        raise ValueError(outbox_id)

    house = House(jobs, {SEND_MAIL: body})
    await jobs.enqueue(SEND_MAIL, "nothing")
    await house.until(SEND_MAIL, "failed", 1)
    await house.worker.stop(5)
    assert house.ended(SEND_MAIL, "retried") == 0


async def test_a_job_that_fails_is_given_up_after_its_retries(jobs: DramatiqJobs) -> None:
    async def body(name: str) -> None:
        raise TryAgain("never", 0.01)

    house = House(jobs, {SHORT: body})
    await jobs.enqueue(SHORT, "x")
    await house.until(SHORT, "failed", 1)
    await house.worker.stop(5)
    assert house.ended(SHORT, "retried") == 2


async def test_a_job_that_is_too_old_is_not_begun(jobs: DramatiqJobs) -> None:
    async def body(outbox_id: str) -> None:
        raise AssertionError("begun")

    old = dramatiq.Message(
        queue_name=SEND_MAIL.queue,
        actor_name=SEND_MAIL.name,
        args=(),
        kwargs={"outbox_id": "notices:ntc_1:1"},
        options={},
        message_timestamp=int(time.time() * 1000) - SEND_MAIL.max_age_ms,
    )
    house = House(jobs, {SEND_MAIL: body})
    await asyncio.to_thread(jobs.broker.enqueue, old)
    await house.until(SEND_MAIL, "too_old", 1)
    await house.worker.stop(5)


async def test_a_stop_lets_a_running_job_finish(jobs: DramatiqJobs) -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def body(outbox_id: str) -> None:
        begun.set()
        await may_end.wait()
        ended.set()

    house = House(jobs, {SEND_MAIL: body})
    await jobs.enqueue(SEND_MAIL, "notices:ntc_1:1")
    await asyncio.wait_for(begun.wait(), 10)
    stopping = asyncio.create_task(house.worker.stop(20))
    await asyncio.sleep(0)
    may_end.set()
    await stopping
    assert ended.is_set()
    assert house.ended(SEND_MAIL, "done") == 1


async def test_a_stop_gives_back_what_does_not_finish(jobs: DramatiqJobs) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def body(outbox_id: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    house = House(jobs, {SEND_MAIL: body})
    await jobs.enqueue(SEND_MAIL, "notices:ntc_1:1")
    await asyncio.wait_for(begun.wait(), 10)
    await house.worker.stop(0.3)
    await asyncio.wait_for(cancelled.wait(), 5)
    await house.until(SEND_MAIL, "retried", 1)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "amqp://127.0.0.1:1"])
async def test_a_broker_that_is_away_is_counted_and_not_raised(url: str) -> None:
    metrics = Metrics()
    jobs = open_jobs(url, metrics)
    began = time.monotonic()
    await jobs.enqueue(SEND_MAIL, "notices:ntc_1:1")
    assert time.monotonic() - began < 3
    lost = metrics.registry.get_sample_value("omniaxs_jobs_enqueued_total", {"actor": "send_mail", "outcome": "lost"})
    assert lost == 1
    problem = await jobs.problem()
    assert problem is not None
    assert problem.startswith("the job broker cannot be used")
    jobs.close()


async def test_a_broker_that_hangs_is_waited_for_two_seconds() -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    metrics = Metrics()
    jobs = open_jobs(f"redis://127.0.0.1:{port}/0", metrics)
    began = time.monotonic()
    await asyncio.gather(*(jobs.enqueue(SEND_MAIL, f"notices:ntc_{number}:1") for number in range(20)))
    assert time.monotonic() - began < 4
    lost = metrics.registry.get_sample_value("omniaxs_jobs_enqueued_total", {"actor": "send_mail", "outcome": "lost"})
    assert lost == 20
    jobs.close()
    silent.close()


async def test_the_queue_of_one_process_is_bounded() -> None:
    metrics = Metrics()
    jobs = open_jobs("memory://", metrics)
    assert isinstance(jobs.broker, MemoryBroker)
    queue = jobs.broker.queues[SEND_MAIL.queue]
    for _ in range(MOST_IN_MEMORY):
        queue.put(b"")
    await jobs.enqueue(SEND_MAIL, "notices:ntc_1:1")
    assert queue.qsize() == MOST_IN_MEMORY
    lost = metrics.registry.get_sample_value("omniaxs_jobs_enqueued_total", {"actor": "send_mail", "outcome": "lost"})
    assert lost == 1
    jobs.close()


@pytest.mark.parametrize("url", ["", "memory://x", "kafka://a:1", "http://x"])
def test_a_url_that_is_no_broker_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="jobs URL"):
        open_jobs(url, Metrics())


def test_every_job_is_given_up_some_time() -> None:
    assert len({job.name for job in JOBS}) == len(JOBS)
    for job in JOBS:
        assert 0 < job.max_age_ms <= 86_400_000
        assert 0 < job.max_retries < 1_000
