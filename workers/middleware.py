"""What happens around every job beside Dramatiq's own middleware: it is measured, and its log lines carry its trace."""

import threading
from typing import Any, Final

import dramatiq
import structlog
from dramatiq.middleware import Middleware

from ops.runtime.clock import Clock, milliseconds
from ops.runtime.metrics import JOB_DURATION, JOB_QUEUE_AGE, JOBS_TOTAL, Metrics
from storage.jobs import JOBS

_TRACE: Final = "trace_id"
_OUTCOMES: Final = ("done", "retried", "failed", "too_old")
Proxy = dramatiq.MessageProxy


class JobMeasures(Middleware):
    """Counts tries by how they ended (`done`, `retried`, `failed`, `too_old`) and observes how long jobs wait and take."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._clock = clock
        self._total = metrics.counter(JOBS_TOTAL)
        self._duration, self._age = metrics.histogram(JOB_DURATION), metrics.histogram(JOB_QUEUE_AGE)
        self._started = threading.local()
        for job in JOBS:
            for outcome in _OUTCOMES:
                self._total.labels(actor=job.name, outcome=outcome)  # a counter that begins at 1 has no increase there

    def before_process_message(self, broker: dramatiq.Broker, message: Proxy) -> None:
        """A try begins."""
        del broker
        self._started.at = self._clock.monotonic()
        if not message.options.get("retries"):
            waited = milliseconds(self._clock.now()) - message.message_timestamp
            self._age.labels(actor=message.actor_name).observe(max(0, waited) / 1000)

    def after_process_message(
        self, broker: dramatiq.Broker, message: Proxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """A try has ended, and whether there is another is decided."""
        del broker, result
        self._duration.labels(actor=message.actor_name).observe(self._clock.monotonic() - self._started.at)
        outcome = "done" if exception is None else "failed" if message.failed else "retried"
        self._total.labels(actor=message.actor_name, outcome=outcome).inc()

    def after_skip_message(self, broker: dramatiq.Broker, message: Proxy) -> None:
        """It came after its time."""
        del broker
        self._total.labels(actor=message.actor_name, outcome="too_old").inc()


class JobTrace(Middleware):
    """Binds the trace of whoever asked for the job (else the job's own id) and the actor to every log line of a try."""

    def before_process_message(self, broker: dramatiq.Broker, message: Proxy) -> None:
        """A try begins; its thread has logged for another job before."""
        del broker
        trace_id = message.options.get(_TRACE) or message.message_id.replace("-", "")
        structlog.contextvars.bind_contextvars(trace_id=trace_id, actor=message.actor_name)

    def after_process_message(
        self, broker: dramatiq.Broker, message: Proxy, *, result: Any = None, exception: BaseException | None = None
    ) -> None:
        """A try has ended."""
        del broker, message, result, exception
        structlog.contextvars.unbind_contextvars(_TRACE, "actor")

    def after_skip_message(self, broker: dramatiq.Broker, message: Proxy) -> None:
        """As above."""
        self.after_process_message(broker, message)
