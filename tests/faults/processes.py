"""A market worker as a process of its own, for tests that kill it: trades -> bars over a real Kafka and a real store.

Arguments: broker, prefix, store URL, database, symbols (comma-separated). It says `folded N` after each fold.
"""

import asyncio
import logging
import signal
import sys
from collections.abc import Sequence

from ops.runtime.clock import SystemClock
from ops.runtime.metrics import Metrics
from storage.log.kafka import KafkaLog
from storage.log.port import LogUnavailable, Record
from storage.models.calendars import Calendar
from storage.models.instruments import Instrument
from storage.mongo.bars import Bars
from storage.mongo.connect import connect
from storage.reference import ReferenceData
from storage.topics import BARS, TRADES, Topics
from streams.app.faust_app import AppOptions
from streams.app.worker import StreamWorker, WorkerFailed
from streams.market.bars_processor import BarsProcessor

GROUP = "market"
PARTITIONS = {TRADES: 4, BARS: 4}


class Saying(BarsProcessor):
    """The bars processor, telling how far it is, so that it can be killed at a point."""

    _total = 0

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        await super().fold(partition, records)
        self._total += len(records)
        sys.stdout.write(f"folded {self._total}\n")
        sys.stdout.flush()


def always_open(symbols: Sequence[str]) -> ReferenceData:
    """Instruments of one venue that never closes."""
    instruments = [
        Instrument(
            symbol=symbol,
            venue="TEST",
            asset_class="crypto",
            calendar="ALWAYS",
            currency="USD",
            price_precision=8,
            qty_precision=8,
            tick_size="0.00000001",
            lot_size="0.00000001",
            min_quantity="0.00000001",
            max_quantity="1000000",
            min_notional="0",
            initial_margin_rate="1",
            maintenance_margin_rate="1",
            reference_price="1",
        )
        for symbol in symbols
    ]
    return ReferenceData.of(instruments, [Calendar(name="ALWAYS", timezone="UTC", always_open=True)])


async def main(broker: str, prefix: str, store_url: str, database: str, symbols: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    clock, store = SystemClock(), connect(store_url, database)
    reference = always_open(symbols.split(","))
    log = KafkaLog(broker, Topics(PARTITIONS, prefix=prefix))
    bars = Bars(store.database)
    processor = Saying(bars=bars, log=log, clock=clock, metrics=Metrics(), reference=lambda: reference)
    options = AppOptions(GROUP, broker, prefix, max_poll_records=500, session_seconds=2.0, heartbeat_seconds=0.5)
    try:
        await log.start()
        await StreamWorker(options, [processor], log, clock).run(stop)
    finally:
        await log.close()
        store.close()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    try:
        asyncio.run(main(*sys.argv[1:6]))
    except (WorkerFailed, LogUnavailable) as error:
        sys.exit(f"{type(error).__name__}: {error}")
