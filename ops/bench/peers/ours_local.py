"""Ours in the latency benchmark: the whole local profile with a feed of its own, half quotes and half trades.

Each record carries the time at which it was appended. Prints one JSON line with the demonstration key once everything
answers. Arguments: PORT RECORDS_A_TURN MILLISECONDS_BETWEEN_TURNS
"""

import asyncio
import os
import sys
import tempfile
import time
from itertools import cycle

import uvloop

from ops.bench.market import quote_of, trade_of
from ops.bench.pace import turns
from ops.processes.local import LocalFeed, LocalOptions, run_local
from ops.processes.platform import Platform
from ops.processes.up_file import Up
from ops.runtime.settings import Settings
from storage.log.port import Message
from storage.models.market_data import Quote, Trade, encode
from storage.mongo.reference import load_reference
from storage.topics import QUOTES, TRADES

SYMBOLS = 20


def timed_feed(records: int, every: int) -> LocalFeed:
    """Publishes `records` every `every` ms, quotes and trades of `SYMBOLS` symbols in turn."""

    async def publish(platform: Platform) -> None:
        instruments = (await load_reference(platform.store.database)).instruments
        symbols = cycle([instruments[symbol] for symbol in sorted(instruments)[:SYMBOLS]])
        sent = 0
        async for due in turns(every):
            for _ in range(due * records):
                instrument, now = next(symbols), platform.clock.now()
                sent += 1
                # 20 symbols and two topics: each symbol gets a quote in one pass and a trade in the next
                if sent // SYMBOLS % 2:
                    await platform.log.append(QUOTES, _message(quote_of(instrument, now)))
                else:
                    await platform.log.append(TRADES, _message(trade_of(instrument, sent, now)))

    return publish


def _message(record: Quote | Trade) -> Message:
    return Message(record.symbol.encode(), b'{"at":%d,%b' % (time.time_ns(), encode(record)[1:]))


def _say(up: Up) -> None:
    print(up.line(), flush=True)


async def main(port: int, records: int, every: int) -> None:
    """Run until killed."""
    settings = Settings(port=port, ops_port=0, connections_per_key=10_000)
    await run_local(settings, LocalOptions(timed_feed(records, every)), _say, asyncio.Event())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        uvloop.run(main(*(int(text) for text in sys.argv[1:])))
