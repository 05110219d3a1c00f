"""What venues are asked and answer, as metrics: counted when the answer stands on the log."""

from collections import deque
from collections.abc import Sequence

from ops.runtime.clock import Clock, milliseconds
from ops.runtime.metrics import VENUE_DURATION, VENUE_ERRORS, VENUE_REQUESTS_TOTAL, VENUE_WAIT, Metrics
from storage.log.port import Record
from storage.models.venues import VenueRecord, VenueReport
from storage.topics import VENUE_REQUESTS

_NOBODY = "-"


class VenueCalls:
    """Knows when each request was handed over, at most what an owner holds in memory."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._clock = clock
        self._requests = metrics.counter(VENUE_REQUESTS_TOTAL)
        self._errors = metrics.counter(VENUE_ERRORS)
        self._duration = metrics.histogram(VENUE_DURATION)
        self._waited = metrics.histogram(VENUE_WAIT).observe
        self._began: dict[int, deque[tuple[int, float]]] = {}

    def began(self, partition: int, requests: Sequence[Record]) -> None:
        """These were handed to the owner of the partition."""
        now, present = self._clock.monotonic(), milliseconds(self._clock.now())
        for request in requests:
            self._waited(max(0, present - request.timestamp) / 1000)
        self._began.setdefault(partition, deque()).extend((request.offset, now) for request in requests)

    def acknowledged(self, partition: int, record: VenueRecord) -> None:
        """A record stands. Those that no request has caused are reports that came by themselves or late."""
        if record.cause.topic != VENUE_REQUESTS:
            return
        began = self._taken(partition, record.cause.offset)
        connector, outcome, error = _outcome_of(record)
        self._requests.labels(connector=connector, outcome=outcome).inc()
        if error is not None:
            self._errors.labels(connector=connector, code=error).inc()
        if began is not None:
            self._duration.labels(connector=connector).observe(self._clock.monotonic() - began)

    def _taken(self, partition: int, offset: int) -> float | None:
        """When the request was handed over. Answers come in the order of requests; what has none was read up."""
        waiting = self._began.get(partition)
        while waiting and waiting[0][0] <= offset:
            handed, began = waiting.popleft()
            if handed == offset:
                return began
        return None

    def forget(self, partition: int) -> None:
        """The partition is another's."""
        self._began.pop(partition, None)


def _outcome_of(record: VenueRecord) -> tuple[str, str, str | None]:
    """Connector, outcome and the venue's error code of a request's record. The outcome is the kind of the first report
    that answers it, `repeated`, `unreadable`, `checked`, or `later` where the answer is under way.
    """
    if record.checked is not None:
        return record.checked.connector, "checked", record.checked.upstream_code
    if record.repeated or record.cause.request is None:
        return _NOBODY, "repeated" if record.repeated else "unreadable", None
    seq = record.cause.request.seq
    answer = _answer(record.reports, seq)
    if answer is not None:
        return answer.connector, answer.kind, answer.upstream_code
    held = _answer([withheld.report for withheld in record.withheld], seq)
    connectors = (held.connector if held else None, *(parked.request.connector for parked in record.parked))
    return next((connector for connector in connectors if connector), _NOBODY), "later", None


def _answer(reports: Sequence[VenueReport], seq: int) -> VenueReport | None:
    return next((report for report in reports if report.request_seq == seq), None)
