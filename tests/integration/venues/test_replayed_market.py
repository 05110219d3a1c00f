"""The recorded Binance quotes as the market of the whole order road: fills to the digit, and what a silence does."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal

import pytest

from ops.processes.lifetime import Background
from ops.processes.market_processors import market_processors
from ops.runtime.timestamps import format_timestamp
from storage.models.market_data import Quote
from storage.reference_data.builtin import load_builtin
from streams.app.memory_runner import MemoryRunner
from streams.feeds.port import FeedRecord
from streams.feeds.publisher import FeedPublisher
from streams.feeds.replay.feed import ReplayFeed
from streams.feeds.replay.formats import FORMATS
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.sources import ReplaySource
from tests.integration.venues.floor import Floor, Trader
from tests.integration.venues.nothing_wrong import nothing_is_wrong
from tests.integration.venues.street import Street

PERPETUAL, SPOT, RATE = "BTCUSDT-PERP.BINANCE", "BTCUSDT.BINANCE", "BRTI.INDEX"
EVERY = 613


class Interrupted:
    """A `Publish` that publishes, and calls `meanwhile` with every so-manieth quote of the perpetual."""

    def __init__(self, publisher: FeedPublisher, meanwhile: Callable[[Quote], Awaitable[None]]) -> None:
        self._publisher, self._meanwhile = publisher, meanwhile
        self._quotes = 0

    async def __call__(self, records: Sequence[FeedRecord]) -> None:
        begin = 0
        for number, record in enumerate(records, start=1):
            self._quotes += record.payload.symbol == PERPETUAL
            if self._quotes == EVERY:
                self._quotes = 0
                await self._publisher(records[begin:number])
                begin = number
                await self._meanwhile(record.payload)
        await self._publisher(records[begin:])


@pytest.mark.data
async def test_market_orders_fill_at_the_then_best_price_and_are_refused_when_the_quotes_stop(shared_data):
    floor = Floor(Street(reference=load_builtin()))
    street = floor.street
    fills: list[tuple[str, str, str]] = []

    async with floor.open():
        stop, background = asyncio.Event(), Background(asyncio.Event())
        processors = market_processors(street.platform, lambda: street.reference)
        background.start(MemoryRunner(street.log, processors, street.clock).run(stop), "market")
        trader = await floor.trader(deposit="1000000000")

        async def trade(quote: Quote) -> None:
            street.clock.advance(0.01)
            await street.quote("61800", "61802", symbol=RATE)
            await floor.fresh()
            fills.append(await _traded(trader, quote, "buy" if len(fills) % 2 else "sell"))

        feed = ReplayFeed(
            [
                _source(shared_data / "futures" / "binance_usdm_btcusdt_20240808.quotes.csv.gz", PERPETUAL),
                _source(shared_data / "crypto" / "binance_spot_btcusdt_20240808.quotes.csv.gz", SPOT),
            ],
            street.reference,
            street.clock,
        )
        publisher = FeedPublisher(street.log, street.platform.identifiers, "run-1")
        await feed.run(Interrupted(publisher, trade))
        assert len(fills) > 100
        assert len({price for _, price, _ in fills}) > 50

        codes: list[str] = []
        while codes[-1:] != ["market.stale_quote"]:
            street.clock.advance(1)
            await street.quote("61800", "61802", symbol=RATE)
            await floor.fresh()
            record = await trader.send(trader.order_of("buy", "0.001", symbol=PERPETUAL))
            codes.append(getattr(record.events[0], "code", "accepted"))
        patience = street.reference.instruments[PERPETUAL].stale_after_seconds
        assert set(codes[:-1]) == {"accepted"}
        assert patience <= len(codes) <= patience + 5
        await floor.every_report_is_decided()
        await background.end()
    await nothing_is_wrong(floor)


def _source(path, symbol: str) -> ReplaySource:
    return ReplaySource(RecordedFile(path, FORMATS["binance-quotes"], None), {"BTCUSDT": symbol})


async def _traded(trader: Trader, quote: Quote, side: str) -> tuple[str, str, str]:
    """A market order for what the best level shows, at most 20 coins."""
    price, size = (quote.ask, quote.ask_size) if side == "buy" else (quote.bid, quote.bid_size)
    quantity = format(min(Decimal(size), Decimal(20)).normalize(), "f")
    order_id = await trader.place(side, quantity, symbol=PERPETUAL)
    order = await trader.until(order_id, "filled")
    assert trader.fills(order_id) == [(price, quantity)], format_timestamp(trader._street.clock.now())
    return order_id, price, order.fees
