"""Reads what was appended to a topic since the last turn, and reports it. Run as a sweep, so in one process at a time.

Where reading goes on is written after the alerts. What is read again after a crash is counted in the alerts already, as each knows
the last offset that it has counted: nothing is missed and nothing counts twice, also when two processes read at once.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ops.runtime.clock import Clock
from ops.runtime.metrics import ALERT_RECORDS_MISSED, Metrics
from storage.alerting import AlertKeeper
from storage.log.port import Bounds, Log, LogUnavailable, PositionLost, Record
from storage.models.alerts import Place, Raised, Report
from storage.mongo.alert_sources import AlertSources
from workers.alerting.missed import report_of_missed

_log = logging.getLogger(__name__)
MOST_AT_ONCE: Final = 1_000
"""Of a partition in a turn; the rest is read at the next one."""
Reading = Callable[[Record, Place], Report | None]


class TopicReports:
    """The reports of one topic, as `reading` finds them in its records."""

    def __init__(
        self,
        log: Log,
        topic: str,
        reading: Reading,
        sources: AlertSources,
        keeper: AlertKeeper,
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._log, self._topic, self._reading = log, topic, reading
        self._sources, self._keeper, self._clock = sources, keeper, clock
        self._missed = metrics.counter(ALERT_RECORDS_MISSED).labels(topic=topic)

    async def work(self) -> int:
        """Report what is new; how many records that were. What of the log is away is asked again at the next turn.

        Raises `StoreUnavailable`.
        """
        try:
            bounds = await self._log.bounds(self._topic)
        except LogUnavailable as error:
            _log.warning("alerts of %s wait for the log: %s", self._topic, error)
            return 0
        following = await self._sources.all()
        return sum(
            [await self._partition(f"{self._topic}-{number}", number, bounds[number], following) for number in bounds]
        )

    async def _partition(self, source: str, number: int, held: Bounds, following: Mapping[str, int]) -> int:
        """How many records of it were reported. One that cannot be read holds up no other."""
        start = following.get(source, held.first)
        if start < held.first:
            await self._pass_over(source, start, held.first)
            start = held.first
        stop = min(held.next, start + MOST_AT_ONCE)
        try:
            return await self._read(source, number, start, stop) if start < stop else 0
        except (LogUnavailable, PositionLost) as error:
            _log.warning("alerts of %s wait for the log: %s", source, error)
            return 0

    async def _pass_over(self, source: str, start: int, first: int) -> None:
        """Tell of the records before `first` that nobody can read any more, then go on behind them."""
        _log.warning("%d records of %s were removed before they were read for alerts", first - start, source)
        await self._keeper.report(report_of_missed(source, start, first, self._clock.now()))
        self._missed.inc(first - start)
        await self._sources.reached(source, first)

    async def _read(self, source: str, number: int, start: int, stop: int) -> int:
        async for records in self._log.read(self._topic, number, start, stop):
            await self._report(source, records)
            await self._sources.reached(source, records[-1].offset + 1)
        return stop - start

    async def _report(self, source: str, records: Sequence[Record]) -> None:
        found: dict[tuple[str, str], list[Report]] = {}
        for record in records:
            report = self._reading(record, Place(source, record.offset))
            if report is not None:
                found.setdefault((report.code, report.subject), []).append(report)
        for reports in found.values():
            for one in _together(reports):
                await self._keeper.report(one[0], *(more for more in one[1:] if isinstance(more, Raised)))


def _together(reports: Sequence[Report]) -> list[list[Report]]:
    """In their order: what is raised one after the other is reported at once, each clearing by itself."""
    together: list[list[Report]] = []
    for report in reports:
        if together and isinstance(report, Raised) and isinstance(together[-1][-1], Raised):
            together[-1].append(report)
        else:
            together.append([report])
    return together
