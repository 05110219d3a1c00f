"""The registry of exchanges, and which connectors lead where."""

import pytest
from iso10383 import MIC

from storage.models.connectors import Connector, connectors_to, default_catalog, is_checked
from storage.reference_data.builtin import load_builtin
from storage.registry import connectors_of, exchanges_of

REFERENCE = load_builtin()
CATALOG = default_catalog(1)


def connector(connector_id: str = "sim-c", **changes: object) -> Connector:
    """A simulated connector that is ready."""
    fields = {
        "provider": "Venue",
        "provider_type": "simulated",
        "integration_stage": "ready",
        "created_at": 1,
        "updated_at": 1,
    }
    return Connector.model_validate({"connector_id": connector_id, **fields, **changes})


def test_every_venue_of_an_instrument_is_there_once():
    exchanges = exchanges_of(REFERENCE, CATALOG)
    codes = [exchange.exchange_code for exchange in exchanges]
    assert codes == sorted({instrument.venue for instrument in REFERENCE.instruments.values()})
    for exchange in exchanges:
        traded = [found for found in REFERENCE.instruments.values() if found.venue == exchange.exchange_code]
        assert set(exchange.asset_classes) == {found.asset_class for found in traded}
        assert exchange.calendar in {found.calendar for found in traded}
        assert exchange.timezone == REFERENCE.calendars[exchange.calendar].timezone
        assert exchange.connectors == ("sim-a", "sim-b")


def test_names_and_countries_are_those_of_the_standard():
    exchanges = {exchange.exchange_code: exchange for exchange in exchanges_of(REFERENCE, CATALOG)}
    tokyo, binance = exchanges["XTKS"], exchanges["BINANCE"]
    assert (tokyo.mic, tokyo.name, tokyo.country, tokyo.timezone) == (
        "XTKS",
        "TOKYO STOCK EXCHANGE",
        "JP",
        "Asia/Tokyo",
    )
    assert (binance.mic, binance.name, binance.country, binance.calendar) == (None, "BINANCE", None, "24/7")
    for exchange in exchanges.values():
        assert (exchange.mic is not None) == (exchange.exchange_code.lower() in MIC.__members__)


@pytest.mark.parametrize(
    ("changes", "leads"),
    [
        ({}, True),
        ({"asset_classes": ("equity", "fx")}, True),
        ({"asset_classes": ("crypto",)}, False),
        ({"integration_stage": "planned"}, False),
        ({"integration_stage": "deprecated"}, False),
        ({"provider_type": "broker"}, False),
    ],
)
def test_a_connector_leads_to_a_venue_when_it_is_ready_and_takes_what_is_traded_there(changes, leads):
    assert connectors_to(["equity"], [connector(**changes)]) == (["sim-c"] if leads else [])


def test_what_is_checked_is_what_is_connected():
    assert is_checked(connector())
    assert is_checked(connector(integration_stage="deprecated"))
    assert not is_checked(connector(integration_stage="planned"))
    assert not is_checked(connector(provider_type="broker"))


def test_connectors_of_an_exchange():
    catalog = [*CATALOG, connector(asset_classes=("crypto",)), connector("a-first")]
    assert connectors_of("BINANCE", REFERENCE, catalog) == ["a-first", "sim-a", "sim-b", "sim-c"]
    assert connectors_of("XNAS", REFERENCE, catalog) == ["a-first", "sim-a", "sim-b"]
    assert connectors_of("NOWHERE", REFERENCE, catalog) == []
