"""Records that no processor can take: collected while folding, counted and appended to `dead-letters` at the flush."""

from ops.runtime.metrics import DEAD_LETTERS_TOTAL, Metrics
from storage.topics import DEAD_LETTERS
from streams.market.ports import DeadLetterOf, LogAppend
from streams.market.refused import Refused


class DeadLetterBox:
    """What one processor has refused since its last flush. It holds no more than a flush may fold."""

    def __init__(self, processor: str, log: LogAppend, dead_letter: DeadLetterOf, metrics: Metrics) -> None:
        self._processor = processor
        self._log = log
        self._dead_letter = dead_letter
        self._counter = metrics.counter(DEAD_LETTERS_TOTAL)
        self._refused: list[Refused] = []

    def add(self, refused: Refused) -> None:
        """Keep a record for the next flush."""
        self._refused.append(refused)

    async def flush(self) -> None:
        """Append what was refused; the same again after a crash, with the same event ids."""
        if not self._refused:
            return
        refused, self._refused = self._refused, []
        letters = [self._dead_letter(item.record, self._processor, f"{item.kind}: {item.reason}") for item in refused]
        await self._log.append_many(DEAD_LETTERS, letters)
        for item in refused:
            self._counter.labels(processor=self._processor, reason=item.kind).inc()
