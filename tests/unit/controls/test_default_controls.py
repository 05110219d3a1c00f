"""Default controls of the built-in reference data: venues, ways of every currency to the dollar, connectors, bindings."""

from decimal import Decimal

import pytest

from storage.controls.conversions import LONGEST_CHAIN, conversions_of, unreachable
from storage.controls.defaults import bindings_of, default_controls
from storage.models import valuation
from storage.models.controls import Controls, Conversion
from storage.models.instruments import Instrument
from storage.models.order_records import UsedQuote
from storage.models.valuation import Converter
from storage.reference_data.builtin import load_builtin
from streams.risk.permissions import connector_for

REFERENCE = load_builtin()
INSTRUMENTS = REFERENCE.instruments
CONTROLS = Controls().changed(1, [*default_controls(REFERENCE), *bindings_of("ten_1", REFERENCE)])


def a_pair(code: str, currency: str, **changes: object) -> Instrument:
    """An instrument of foreign exchange."""
    fields = INSTRUMENTS["EURUSD.OANDA"].model_dump()
    return Instrument.model_validate({**fields, "symbol": f"{code}.OANDA", "currency": currency, **changes})


def live_quote(symbol: str) -> UsedQuote | None:
    """A quote at the reference price."""
    price = INSTRUMENTS[symbol].reference_price
    return UsedQuote(symbol, price, price, price, "live", "open", 0)


def test_every_currency_of_the_built_in_instruments_reaches_the_dollar() -> None:
    assert unreachable(INSTRUMENTS.values()) == []
    converter = Converter("USD", CONTROLS.conversions, live_quote)
    for currency in sorted({instrument.currency for instrument in INSTRUMENTS.values()}):
        rate = converter.rate(currency)
        assert rate is not None, currency
        assert rate.live
    yen, pound, tether = (converter.rate(currency) for currency in ("JPY", "GBP", "USDT"))
    assert yen is not None
    assert round(yen.value, 8) == round(1 / Decimal("147.25"), 8)
    assert pound is not None
    assert pound.value == Decimal("1.2745")
    assert tether is not None
    assert round(tether.value, 10) == 1  # 1 / 61800 bitcoin, at 61800


def test_the_ways_are_the_shortest_and_the_first_by_symbol() -> None:
    ways = {step.currency: step for step in conversions_of(INSTRUMENTS.values())}
    assert ways["USDT"] == Conversion("USDT", "BTC", "BTCUSDT.BINANCE", inverse=True)
    assert ways["BTC"] == Conversion("BTC", "USD", "BRTI.INDEX")
    assert ways["ETH"] == Conversion("ETH", "USDT", "ETHUSDT.BINANCE")
    assert ways["HKD"] == Conversion("HKD", "USD", "USDHKD.OANDA", inverse=True)
    assert "USD" not in ways
    two = [a_pair("USDCHF", "CHF"), a_pair("CHFUSD", "USD")]
    assert [step.symbol for step in conversions_of(two)] == ["CHFUSD.OANDA"]
    assert conversions_of(reversed(two)) == conversions_of(two)


def test_a_currency_that_no_pair_leads_from_is_named() -> None:
    alone = a_pair("NOKSEK", "SEK")
    assert unreachable([*INSTRUMENTS.values(), alone]) == ["SEK"]
    assert unreachable([*INSTRUMENTS.values(), alone, a_pair("SEKUSD", "USD")]) == []
    assert unreachable([alone.model_copy(update={"tradable": False})]) == []


def test_a_chain_is_no_longer_than_a_valuation_follows() -> None:
    assert LONGEST_CHAIN == valuation._LONGEST_CHAIN
    chain = [a_pair(f"{base}{currency}", currency) for base, currency in zip("ABCDE", ["USD", *"ABCD"], strict=True)]
    assert [step.currency for step in conversions_of(chain)] == list("ABCD")
    assert unreachable([*chain, a_pair("ZE", "E")]) == ["E"]


@pytest.mark.parametrize(
    ("venue", "sessions"),
    [("XNAS", True), ("OANDA", True), ("XCME", True), ("XTKS", True), ("BINANCE", False), ("BETFAIR", False)],
)
def test_a_venue_that_closes_has_sessions_and_orders_wait_for_its_open(venue: str, *, sessions: bool) -> None:
    rules = CONTROLS.venues[venue]
    assert (rules.has_sessions, rules.holds_orders) == (sessions, sessions)


def test_a_bound_tenant_has_a_working_connector_for_every_venue() -> None:
    venues = {instrument.venue for instrument in INSTRUMENTS.values()}
    assert set(CONTROLS.venues) == venues
    assert {connector_for("ten_1", venue, CONTROLS) for venue in venues} == {"sim-a"}
    assert {state.status for state in CONTROLS.connectors.values()} == {"up"}
    assert set(CONTROLS.connectors) == {"sim-a", "sim-b"}
    assert set(CONTROLS.instruments) == set(INSTRUMENTS)
