"""A feed's publishing, measured: what it does is unchanged."""

from collections.abc import Sequence
from typing import Final

from ops.processes.platform import Platform
from ops.runtime.metrics import FEED_APPEND_DELAY, FEED_DELAY
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, parse_timestamp
from streams.feeds.port import FeedRecord, Publish

OLDEST_SECONDS: Final = 3_600.0
"""A record that is older when it is taken in is a recorded one that keeps its own time: it was not delayed."""


class MeasuredPublish:
    """See `streams.feeds.port.Publish`. Of each batch the first record is timed, which waited longest in it."""

    def __init__(self, publish: Publish, platform: Platform, feed: str) -> None:
        self._publish, self._clock = publish, platform.clock
        self._delay = platform.metrics.histogram(FEED_DELAY).labels(feed=feed).observe
        self._appending = platform.metrics.histogram(FEED_APPEND_DELAY).labels(feed=feed).observe

    async def __call__(self, records: Sequence[FeedRecord]) -> None:
        """Publish, measured."""
        await self._publish(records)
        if not records:
            return
        first = records[0].payload
        taken_in = parse_timestamp(first.ts_in)
        delay = (taken_in - parse_timestamp(first.ts)) / NANOSECONDS_PER_SECOND
        if delay <= OLDEST_SECONDS:
            self._delay(max(0.0, delay))
        self._appending(max(0, self._clock.now() - taken_in) / NANOSECONDS_PER_SECOND)
