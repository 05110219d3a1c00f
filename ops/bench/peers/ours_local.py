"""Ours in the latency benchmark: the whole local profile with a feed of its own, half quotes and half trades.

Each record carries the time at which it was appended. Prints one JSON line with the demonstration key once everything
answers. Argument: PORT
"""

import asyncio
import os
import sys
import tempfile
import time
from itertools import cycle

import uvloop

from ops.bench.commanded import due_messages
from ops.bench.market import quote_of, trade_of
from ops.processes.local import LocalFeed, LocalOptions, run_local
from ops.processes.platform import Platform
from ops.processes.up_file import Up
from ops.runtime.settings import Settings
from storage.log.port import Message
from storage.models.market_data import Quote, Trade, encode
from storage.mongo.reference import load_reference
from storage.topics import QUOTES, TRADES

SYMBOLS = 20


def timed_feed() -> LocalFeed:
    """Publishes what it is told to, quotes and trades of `SYMBOLS` symbols in turn."""

    async def publish(platform: Platform) -> None:
        instruments = (await load_reference(platform.store.database)).instruments
        symbols = cycle([instruments[symbol] for symbol in sorted(instruments)[:SYMBOLS]])
        sent = 0
        async for due in due_messages():
            for _ in range(due):
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


async def main(port: int) -> None:
    """Run until killed."""
    settings = Settings(port=port, ops_port=0, connections_per_key=10_000)
    await run_local(settings, LocalOptions(timed_feed()), _say, asyncio.Event())


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        uvloop.run(main(int(sys.argv[1])))
