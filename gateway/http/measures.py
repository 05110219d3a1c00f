"""What the gateway counts about its answers, behind a small port so that tests need no registry."""

from typing import Protocol

from ops.runtime.metrics import HTTP_DURATION, HTTP_REQUESTS, RATE_LIMITED, Metrics


class RequestMeasures(Protocol):
    """Told about every answer. `code` is `ok` or a catalogued error code, so labels stay bounded."""

    def answered(self, operation: str, code: str, seconds: float) -> None: ...
    def limited(self, limit: str) -> None: ...


class PrometheusMeasures:
    """Counts into the process's metrics; the labelled children are looked up once."""

    def __init__(self, metrics: Metrics) -> None:
        self._requests = metrics.counter(HTTP_REQUESTS)
        self._durations = metrics.histogram(HTTP_DURATION)
        self._limited = metrics.counter(RATE_LIMITED)
        self._count = {("", ""): self._requests.labels("unrouted", "ok").inc}
        self._observe = {"": self._durations.labels("unrouted").observe}

    def answered(self, operation: str, code: str, seconds: float) -> None:
        """One answer to `operation` after `seconds`."""
        count = self._count.get((operation, code))
        if count is None:
            count = self._count[operation, code] = self._requests.labels(operation, code).inc
        observe = self._observe.get(operation)
        if observe is None:
            observe = self._observe[operation] = self._durations.labels(operation).observe
        count()
        observe(seconds)

    def limited(self, limit: str) -> None:
        """One refusal by `limit`."""
        self._limited.labels(limit).inc()
