"""Recorded Binance quotes as the market: market orders fill at the then best price, to the digit."""

import csv
import gzip
from decimal import Decimal

import pytest

from streams.venues.simulated.amounts import text_of

EVERY = 97


@pytest.mark.data
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_market_orders_fill_at_the_best_price_then(shared_data, new_desk, side):
    desk = new_desk()
    price, size = ("ask_price", "ask_size") if side == "buy" else ("bid_price", "bid_size")
    orders = 0
    with gzip.open(shared_data / "futures" / "binance_usdm_btcusdt_20240808.quotes.csv.gz", "rt") as file:
        for number, row in enumerate(csv.DictReader(file)):
            cells = {name: text_of(Decimal(row[name])) for name in ("bid_price", "bid_size", "ask_price", "ask_size")}
            desk.now += 1_000_000
            assert desk.quote(cells["bid_price"], cells["ask_price"], size=cells[size], last=cells["bid_price"]) is None
            if number % EVERY == 0:
                orders += 1
                desk.submit(f"o{number}", side, cells[size])
                assert desk.fills_of(f"o{number}") == [(cells[price], cells[size], "taker")]
                desk.records.clear()
    assert orders > 600
