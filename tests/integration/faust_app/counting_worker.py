"""A worker as a process of its own: it writes what it made durable to a file, one line a batch.

Arguments: broker, prefix, file, and as JSON `{"slow": seconds a fold, "raise_at": offset or null, "flush": seconds}`.
"""

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence

from ops.runtime.clock import SystemClock
from storage.log.kafka import KafkaLog
from storage.log.port import LogUnavailable, Record
from storage.topics import TRADES, Topics
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker, WorkerFailed

PARTITIONS = {TRADES: 4}


class WritingProcessor:
    """Its effect is a line in a file, written at the flush and not before."""

    name = "counting"
    topic = TRADES

    def __init__(self, path: str, slow: float, raise_at: int | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._slow = slow
        self._raise_at = raise_at
        self._folded: list[str] = []

    async def assign(self, partition: int, committed: int | None) -> None:
        print(f"assigned {partition} {committed}", flush=True)  # noqa: T201

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        await asyncio.sleep(self._slow)
        if self._raise_at is not None and records[-1].offset >= self._raise_at:
            raise ValueError(f"offset {self._raise_at} cannot be folded")
        self._folded.append(f"{partition} {records[0].offset} {records[-1].offset} {len(records)}\n")

    async def flush(self) -> None:
        if self._folded:
            os.write(self._file, "".join(self._folded).encode())
            self._folded.clear()

    async def tick(self, now: int) -> None: ...

    async def revoke(self, partition: int) -> None:
        print(f"revoked {partition}", flush=True)  # noqa: T201
        self._folded = [line for line in self._folded if int(line.split()[0]) != partition]


async def main(broker: str, prefix: str, path: str, options: dict[str, float | None]) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    log = KafkaLog(broker, Topics(PARTITIONS, prefix=prefix))
    await log.start()
    raise_at = options.get("raise_at")
    processor = WritingProcessor(path, options.get("slow") or 0.0, None if raise_at is None else int(raise_at))
    worker = StreamWorker(
        AppOptions("counting", broker, prefix, max_poll_records=200, session_seconds=2.0, heartbeat_seconds=0.5),
        [processor],
        log,
        SystemClock(),
        flush_seconds=options.get("flush") or 0.1,
    )
    try:
        await worker.run(stop)
    finally:
        await log.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        asyncio.run(main(*sys.argv[1:4], json.loads(sys.argv[4])))
    except (WorkerFailed, LogUnavailable) as error:
        sys.exit(f"{type(error).__name__}: {error}")
