"""docs/trading.md tells the conversions and fees that there are."""

import re
from decimal import Decimal
from pathlib import Path

from storage.controls.conversions import conversions_of
from storage.reference_data.builtin import load_builtin
from streams.venues.simulated.rules import FEES

MONEY = (
    (Path(__file__).resolve().parents[3] / "docs" / "trading.md").read_text(encoding="utf-8").split("\n## Money\n")[1]
)
MONEY = MONEY.split("\n## ")[0]


def test_every_conversion_is_told() -> None:
    rows = {}
    for currencies, into, at in re.findall(r"^\| ([A-Z, ]+) \| (\w+)[^|]* \| (.+) \|$", MONEY, re.MULTILINE):
        for currency, symbol in zip(currencies.split(", "), re.findall(r"`([^`]+)`", at), strict=False):
            inverted = "inverted" in at.split(", then")[0]
            rows[currency] = (into, symbol, inverted)
    chosen = conversions_of(load_builtin().instruments.values())
    assert rows == {step.currency: (step.into, step.symbol, step.inverse) for step in chosen}


def test_every_fee_is_told() -> None:
    told = {}
    for kind, maker, taker in re.findall(
        r"^\| ([a-z]+) \| ([\d.]+)(?: %)? \| ([\d.]+)(?: %)? \|$", MONEY, re.MULTILINE
    ):
        told[kind] = (Decimal(maker) / 100, Decimal(taker) / 100)
    traded = {instrument.asset_class for instrument in load_builtin().instruments.values() if instrument.tradable}
    assert told == {kind: (FEES[kind].maker, FEES[kind].taker) for kind in traded}
