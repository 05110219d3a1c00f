"""A processor with its folds and flushes measured; what it does is unchanged."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from ops.runtime.clock import Clock, milliseconds
from ops.runtime.metrics import FLUSH_DURATION, FOLD_DURATION, FOLDED, PROCESSOR_DELAY, Metrics
from storage.log.port import Record
from streams.processor import Processor


class MeasuredProcessor:
    """See `streams.processor.Processor`. Counts records and observes seconds under the processor's name."""

    def __init__(self, processor: Processor, metrics: Metrics, clock: Clock) -> None:
        self._processor, self._clock = processor, clock
        self.name, self.topic = processor.name, processor.topic
        self.assign, self.tick, self.revoke = processor.assign, processor.tick, processor.revoke
        self._folded = metrics.counter(FOLDED).labels(processor=self.name)
        self._delay = metrics.histogram(PROCESSOR_DELAY).labels(processor=self.name).observe
        self._folding: Callable[[], AbstractContextManager[object]] = (
            metrics.histogram(FOLD_DURATION).labels(processor=self.name).time
        )
        self._flushing: Callable[[], AbstractContextManager[object]] = (
            metrics.histogram(FLUSH_DURATION).labels(processor=self.name).time
        )

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        """Fold, measured."""
        with self._folding():
            await self._processor.fold(partition, records)
        self._folded.inc(len(records))
        self._delay(max(0, milliseconds(self._clock.now()) - records[0].timestamp) / 1000)

    async def flush(self) -> None:
        """Flush, measured."""
        with self._flushing():
            await self._processor.flush()
