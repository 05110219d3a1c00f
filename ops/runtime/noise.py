"""A logging filter against the flood that the Kafka clients write while a broker is down (hundreds of lines a second)."""

import logging
from typing import Final

from ops.runtime.clock import Clock

INTERVAL_SECONDS: Final = 30.0
CLIENTS: Final = frozenset({"aiokafka", "faust", "mode"})


class KafkaNoiseFilter(logging.Filter):
    """Lets each of the clients' messages through once in `interval_seconds` and says then how many it held back.

    Add it to handlers (a logger's filter does not see its children's records). Messages are told apart by the line
    that writes them, so what it remembers is bounded; records of other loggers, and errors with a traceback, pass.
    """

    def __init__(self, clock: Clock, interval_seconds: float = INTERVAL_SECONDS) -> None:
        super().__init__()
        self._clock, self._interval = clock, interval_seconds
        self._passed_at: dict[tuple[str, int], float] = {}
        self._held_back: dict[tuple[str, int], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether `record` is written."""
        if record.name.partition(".")[0] not in CLIENTS or record.exc_info:
            return True
        source, now = (record.name, record.lineno), self._clock.monotonic()
        last = self._passed_at.get(source)
        if last is not None and now - last < self._interval:
            self._held_back[source] = self._held_back.get(source, 0) + 1
            return False
        self._passed_at[source] = now
        if held_back := self._held_back.pop(source, 0):
            record.msg = f"{record.getMessage()} (and {held_back} more like it since)"
            record.args = None
        return True
