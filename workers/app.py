"""The Dramatiq application: the middleware of every job, and actors whose bodies are coroutines on the process's own loop."""

import asyncio
from collections.abc import Mapping
from typing import Final

import dramatiq
from dramatiq.middleware import AgeLimit, Middleware, Retries, ShutdownNotifications, TimeLimit

from ops.runtime.clock import Clock
from ops.runtime.metrics import Metrics
from storage.jobs import Job
from workers.bridge import LoopBridge
from workers.jobs import JobBody
from workers.middleware import JobMeasures, JobTrace

THREADS: Final = 8
"""Jobs at once in one process: each holds a thread that waits for its coroutine."""
TIMEOUT_MS: Final = 100
"""How often an idle thread looks around; a stop takes about as long."""
LONGEST_JOB_MS: Final = 400_000
_FIRST_PAUSE_MS: Final = 1_000
_LONGEST_PAUSE_MS: Final = 15_000


def job_middleware(metrics: Metrics, clock: Clock) -> list[Middleware]:
    """In the order in which each sees a job begin; the first sees its end last, when the others have judged it."""
    return [
        JobMeasures(metrics, clock),
        JobTrace(),
        AgeLimit(),
        TimeLimit(time_limit=LONGEST_JOB_MS),
        ShutdownNotifications(),
        Retries(min_backoff=_FIRST_PAUSE_MS, max_backoff=_LONGEST_PAUSE_MS),
    ]


class JobWorker:
    """Takes jobs from a broker, `THREADS` at a time, and runs their bodies on `loop`.

    A broker has one worker in a process, once: its middleware stays on it.
    """

    def __init__(
        self,
        broker: dramatiq.Broker,
        bodies: Mapping[Job, JobBody],
        loop: asyncio.AbstractEventLoop,
        *,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._bridge = LoopBridge(loop)
        for middleware in job_middleware(metrics, clock):
            broker.add_middleware(middleware)
        for job, body in bodies.items():
            self._declare(job, body)
        self._worker = dramatiq.Worker(broker, worker_timeout=TIMEOUT_MS, worker_threads=THREADS)

    def start(self) -> None:
        """Begin to take jobs; returns at once, also while the broker is away."""
        self._broker.emit_after("process_boot")
        self._worker.start()

    async def stop(self, seconds: float) -> None:
        """Take no more jobs, finish those that run for at most `seconds`, interrupt the rest and give them back."""
        stopping = asyncio.create_task(asyncio.to_thread(self._worker.stop, timeout=round((seconds + 2) * 1000)))
        await asyncio.wait([stopping], timeout=seconds)
        self._bridge.interrupt()
        await stopping

    def _declare(self, job: Job, body: JobBody) -> None:
        declare = dramatiq.actor(
            actor_name=job.name,
            queue_name=job.queue,
            broker=self._broker,
            max_age=job.max_age_ms,
            max_retries=job.max_retries,
            throws=(ValueError,),
        )
        declare(self._bridge.actor_of(body, job.argument))
