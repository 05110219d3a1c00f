"""Records that a processor cannot take: collected while folding, counted and appended to `dead-letters` at the flush."""

from ops.runtime.clock import Clock
from ops.runtime.metrics import DEAD_LETTERS_TOTAL, Metrics
from ops.runtime.timestamps import format_timestamp
from storage.log.dead_letters import dead_letter_of, message_of
from storage.log.port import Message
from storage.topics import DEAD_LETTERS
from streams.market.ports import LogAppend
from streams.market.refused import Refused


class DeadLetterBox:
    """What one processor of `topic` has refused since its last flush; at most what is folded between two flushes."""

    def __init__(self, processor: str, topic: str, log: LogAppend, clock: Clock, metrics: Metrics) -> None:
        self._processor = processor
        self._topic = topic
        self._log = log
        self._clock = clock
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
        await self._log.append_many(DEAD_LETTERS, [self._message(item) for item in refused])
        for item in refused:
            self._counter.labels(processor=self._processor, reason=item.reason).inc()

    def _message(self, refused: Refused) -> Message:
        letter = dead_letter_of(
            refused.record,
            topic=self._topic,
            processor=self._processor,
            reason=refused.reason,
            text=refused.text,
            ts=format_timestamp(self._clock.now()),
            error=refused.error,
        )
        return message_of(letter)
