"""Jobs by name: gateway and streams start them here without knowing who does them; workers take them from the same broker.

A job carries an id and nothing else. A job may be lost (the broker is away, or forgets) or come twice: what must be done
stands in the store, where a sweep finds what no job came for, and each job looks there first whether it is still wanted.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, Protocol

import dramatiq
import pika.exceptions
import redis
import structlog
from dramatiq import MessageProxy
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.errors import BrokerError

from ops.runtime.metrics import JOBS_ENQUEUED, Metrics

_log = logging.getLogger(__name__)
ENQUEUE_SECONDS: Final = 2.0
MOST_WAITING: Final = 1_000
MOST_IN_MEMORY: Final = 100_000
_DEAD_KEPT: Final = 100
_REDIS_HEARTBEAT_MS: Final = 5_000
_ALWAYS_MAINTAIN: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """A kind of job: the actor `name` that does it, and its one argument (an id). `max_age_ms` after it was enqueued a job
    is given up; a try that failed is repeated at most `max_retries` times.
    """

    name: str
    queue: str
    argument: str
    max_age_ms: int
    max_retries: int


SEND_MAIL: Final = Job("send_mail", queue="mail", argument="outbox_id", max_age_ms=1_800_000, max_retries=200)
DELIVER_ALERT: Final = Job("deliver_alert", queue="alerts", argument="alert_id", max_age_ms=1_800_000, max_retries=200)
PROVISION: Final = Job("provision", queue="provisioning", argument="job_id", max_age_ms=600_000, max_retries=20)
JOBS: Final = (SEND_MAIL, DELIVER_ALERT, PROVISION)


class Jobs(Protocol):
    """Starts jobs."""

    async def enqueue(self, job: Job, argument: str) -> None:
        """Ask for `job` of `argument`. Returns after at most 2 s and never raises for a broker that is away: that is logged
        and counted, and a sweep finds the work.
        """
        ...


class QueueFull(Exception):
    """The in-memory broker holds as many jobs as it may; this one is dropped, and left to the sweep."""


class _LastDead(list[MessageProxy]):
    """The jobs that failed for good last."""

    def append(self, message: MessageProxy) -> None:
        super().append(message)
        del self[:-_DEAD_KEPT]


class MemoryBroker(StubBroker):
    """Jobs of one process, at most `MOST_IN_MEMORY` of a queue; of those that failed for good the last 100 are kept."""

    def __init__(self) -> None:
        super().__init__(middleware=[])
        self.dead_letters_by_queue = defaultdict(_LastDead)

    def enqueue(self, message: dramatiq.Message[Any], *, delay: int | None = None) -> dramatiq.Message[Any]:
        """Raises `QueueFull`."""
        queue = self.queues.get(message.queue_name)
        if queue is not None and queue.qsize() >= MOST_IN_MEMORY:
            raise QueueFull(f"the queue {message.queue_name!r} holds {MOST_IN_MEMORY} jobs already")
        return super().enqueue(message, delay=delay)


_TROUBLE: Final = (QueueFull, BrokerError, OSError, redis.RedisError, pika.exceptions.AMQPError)


class DramatiqJobs:
    """`Jobs` over a Dramatiq broker. `broker` has no middleware of its own: workers add theirs (workers/app.py)."""

    def __init__(self, broker: dramatiq.Broker, ping: Callable[[], object], metrics: Metrics) -> None:
        self.broker = broker
        self._ping = ping
        self._counter = metrics.counter(JOBS_ENQUEUED)
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="jobs")
        self._waiting = 0
        for job in JOBS:
            broker.declare_queue(job.queue)
            for outcome in ("sent", "lost"):
                self._counter.labels(
                    actor=job.name, outcome=outcome
                )  # a counter that begins at 1 has no increase there

    async def enqueue(self, job: Job, argument: str) -> None:
        """See `Jobs`. At most `MOST_WAITING` wait for a broker that is slow; more are counted as lost at once."""
        if self._waiting >= MOST_WAITING:
            self._lost(job, f"{MOST_WAITING} jobs wait for the broker already")
            return
        self._waiting += 1
        message = _message(job, argument)
        try:
            await self._in_thread(lambda: self.broker.enqueue(message))
        except TimeoutError:
            self._lost(job, f"the broker did not take it within {ENQUEUE_SECONDS:g} s")
        except _TROUBLE as error:
            self._lost(job, type(error).__name__)
        else:
            self._counter.labels(actor=job.name, outcome="sent").inc()
        finally:
            self._waiting -= 1

    async def problem(self) -> str | None:
        """Why the broker cannot be used now, in words; None when it answers."""
        try:
            await self._in_thread(self._ping)
        except TimeoutError:
            return f"the job broker did not answer within {ENQUEUE_SECONDS:g} s"
        except _TROUBLE as error:
            return f"the job broker cannot be used: {type(error).__name__}"
        return None

    def close(self) -> None:
        """Give back connections and threads. What was not sent yet is left to the sweep."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self.broker.close()

    async def _in_thread(self, work: Callable[[], object]) -> None:
        async with asyncio.timeout(ENQUEUE_SECONDS):
            await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _lost(self, job: Job, reason: str) -> None:
        self._counter.labels(actor=job.name, outcome="lost").inc()
        _log.warning("job %s not enqueued, a sweep will find its work: %s", job.name, reason)


def open_jobs(url: str, metrics: Metrics, prefix: str = "") -> DramatiqJobs:
    """The jobs behind `memory://` (of this process and this call alone), `redis://`, `rediss://`, `amqp://` or `amqps://`.

    `prefix` keeps platforms apart that share a Redis (with RabbitMQ the URL's virtual host does). Connects on first use.
    Raises `ValueError` for any other URL.
    """
    scheme = url.partition("://")[0]
    if url == "memory://":
        return DramatiqJobs(MemoryBroker(), lambda: None, metrics)
    if scheme in {"redis", "rediss"}:
        client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)
        broker = RedisBroker(
            client=client,
            middleware=[],
            namespace=f"{prefix}dramatiq",
            heartbeat_timeout=_REDIS_HEARTBEAT_MS,  # a killed worker's jobs run again after this
            maintenance_chance=_ALWAYS_MAINTAIN,
        )
        return DramatiqJobs(broker, client.ping, metrics)
    if scheme in {"amqp", "amqps"}:
        rabbit = RabbitmqBroker(url=url, middleware=[], confirm_delivery=True)
        return DramatiqJobs(rabbit, lambda: rabbit.connection.process_data_events(time_limit=0), metrics)
    raise ValueError("the jobs URL must be memory://, redis://host:port/db or amqp://host:port")


def _message(job: Job, argument: str) -> dramatiq.Message[Any]:
    """The trace of whoever asks goes along, so that the job's log lines carry it too."""
    trace_id = structlog.contextvars.get_contextvars().get("trace_id")
    options = {} if trace_id is None else {"trace_id": trace_id}
    return dramatiq.Message(
        queue_name=job.queue, actor_name=job.name, args=(), kwargs={job.argument: argument}, options=options
    )
