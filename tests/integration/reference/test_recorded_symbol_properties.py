"""Ticks, lots and multipliers of the built-in instruments against the recorded symbol properties."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from storage.reference_data.builtin import load_builtin

pytestmark = pytest.mark.data

INSTRUMENTS = load_builtin().instruments
RECORDED_AS = {
    "EURUSD.OANDA": ("oanda", "EURUSD", "forex"),
    "GBPUSD.OANDA": ("oanda", "GBPUSD", "forex"),
    "USDJPY.OANDA": ("oanda", "USDJPY", "forex"),
    "USDHKD.OANDA": ("oanda", "USDHKD", "forex"),
    "XAUUSD.OANDA": ("oanda", "XAUUSD", "cfd"),
    "XAGUSD.OANDA": ("oanda", "XAGUSD", "cfd"),
    "XPTUSD.OANDA": ("oanda", "XPTUSD", "cfd"),
    "BTCUSDT.BINANCE": ("binance", "BTCUSDT", "crypto"),
    "ETHUSDT.BINANCE": ("binance", "ETHUSDT", "crypto"),
    "SOLUSDT.BINANCE": ("binance", "SOLUSDT", "crypto"),
    "XRPETH.BINANCE": ("binance", "XRPETH", "crypto"),
    "BTCUSDT-PERP.BINANCE": ("binance", "BTCUSDT", "cryptofuture"),
    "ETHUSDT-PERP.BINANCE": ("binance", "ETHUSDT", "cryptofuture"),
    "BTCUSD-PERP.BINANCE": ("binance", "BTCUSD", "cryptofuture"),
    "ES.CME": ("cme", "ES", "future"),
    "NQ.CME": ("cme", "NQ", "future"),
    "6E.CME": ("cme", "6E", "future"),
    "AAPL.US": ("usa", "[*]", "equity"),
    "SPX.INDEX": ("usa", "[*]", "index"),
    "HSI.INDEX": ("hkfe", "[*]", "index"),
    "N225.INDEX": ("ose", "[*]", "index"),
}


def test_steps_and_multipliers_agree(shared_data: Path) -> None:
    with gzip.open(shared_data / "reference" / "lean_symbol_properties.csv.gz", "rt") as file:
        rows = {(row["market"], row["symbol"], row["type"]): row for row in csv.DictReader(file)}
    for symbol, key in RECORDED_AS.items():
        instrument, row = INSTRUMENTS[symbol], rows[key]
        recorded = [Decimal(row[name]) for name in ("minimum_price_variation", "lot_size", "contract_multiplier")]
        ours = [Decimal(text) for text in (instrument.tick_size, instrument.lot_size, instrument.multiplier)]
        assert ours == recorded, symbol
        assert instrument.currency == row["quote_currency"], symbol
        if key[0] == "binance" and row["minimum_order_size"]:
            assert Decimal(instrument.min_notional) == Decimal(row["minimum_order_size"]), symbol


def test_recorded_prices_fit_the_ticks(shared_data: Path) -> None:
    """A file of each venue: every price is a multiple of the tick (XRPETH was finer in 2019 than it is today)."""
    files = {
        "crypto/binance_spot_btcusdt_20240808.trades.csv.gz": "BTCUSDT.BINANCE",
        "futures/binance_usdm_btcusdt_20240808.trades.csv.gz": "BTCUSDT-PERP.BINANCE",
        "futures/binance_coinm_btcusd_perp_20240808.trades.csv.gz": "BTCUSD-PERP.BINANCE",
    }
    for name, symbol in files.items():
        tick, lot = Decimal(INSTRUMENTS[symbol].tick_size), Decimal(INSTRUMENTS[symbol].lot_size)
        with gzip.open(shared_data / name, "rt") as file:
            for row in csv.DictReader(file):
                assert Decimal(row["price"]) % tick == 0 == Decimal(row["quantity"]) % lot
