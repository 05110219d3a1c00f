"""How money of one currency becomes US dollars: along the pairs that can be watched, by the fewest steps. Pure.

A pair is an instrument of foreign exchange, metals or spot crypto whose code is its base followed by its currency
(EURUSD, XRPETH); some indexes price one unit of something too. Each currency takes its next step towards the dollar
only, so that all chains together are a tree.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from storage.models.controls import Conversion
from storage.models.instruments import Instrument

TARGET: Final = "USD"
LONGEST_CHAIN: Final = 4
"""Steps that a valuation follows at most (`storage.models.valuation`)."""
_PAIRS: Final = frozenset({"fx", "metals", "crypto"})
_PRICED_BY_INDEX: Final[Mapping[str, str]] = MappingProxyType({"BRTI.INDEX": "BTC"})


def conversions_of(instruments: Iterable[Instrument]) -> list[Conversion]:
    """The next step of every currency that reaches the dollar, by currency; of equally short ways the first by symbol."""
    steps = sorted((step for instrument in instruments for step in _steps(instrument)), key=lambda step: step.symbol)
    chosen: dict[str, Conversion] = {}
    reached = {TARGET}
    for _ in range(LONGEST_CHAIN):
        found: dict[str, Conversion] = {}
        for step in steps:
            if step.into in reached and step.currency not in reached:
                found.setdefault(step.currency, step)
        chosen |= found
        reached |= found.keys()
    return sorted(chosen.values(), key=lambda step: step.currency)


def unreachable(instruments: Iterable[Instrument]) -> list[str]:
    """The currencies of tradable instruments that no chain leads to the dollar: new risk in them will be refused."""
    instruments = list(instruments)
    reached = {TARGET, *(step.currency for step in conversions_of(instruments))}
    return sorted({instrument.currency for instrument in instruments if instrument.tradable} - reached)


def _steps(instrument: Instrument) -> list[Conversion]:
    base, currency, symbol = _base_of(instrument), instrument.currency, instrument.symbol
    if base is None:
        return []
    return [Conversion(base, currency, symbol), Conversion(currency, base, symbol, inverse=True)]


def _base_of(instrument: Instrument) -> str | None:
    """What one unit of a pair is; None for what is no pair."""
    if instrument.symbol in _PRICED_BY_INDEX:
        return _PRICED_BY_INDEX[instrument.symbol]
    code = instrument.symbol.partition(".")[0]
    if instrument.asset_class not in _PAIRS or not code.endswith(instrument.currency):
        return None
    return code.removesuffix(instrument.currency) or None
