"""A tape of trades for the bars benchmark: 20 symbols, an hour of event time, prices that walk; the same at every run."""

from collections.abc import Iterator
from decimal import Decimal
from random import Random

from msgspec.structs import replace

from ops.bench.market import trade_of
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.instruments import Instrument
from storage.models.market_data import Trade
from storage.reference_data.builtin import load_builtin

SYMBOLS = 20
SPAN = 3_600 * NANOSECONDS_PER_SECOND


class _Walk:
    """One symbol's price, which moves by whole ticks."""

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._tick, self._lot = Decimal(instrument.tick_size), Decimal(instrument.lot_size)
        self._ticks = int(Decimal(instrument.reference_price) / self._tick)

    def step(self, random: Random) -> tuple[str, str]:
        """The next price and quantity."""
        self._ticks = max(1, self._ticks + random.randint(-3, 3))
        return format(self._ticks * self._tick, "f"), format(random.randint(1, 500) * self._lot, "f")


def tape(trades: int, end: int) -> Iterator[Trade]:
    """`trades` trades in the order of their event times, the last of which is `end` (ns since the epoch)."""
    random = Random(7)  # noqa: S311  (a market, not a secret)
    instruments = load_builtin().instruments
    walks = [_Walk(instruments[symbol]) for symbol in sorted(instruments)[:SYMBOLS]]
    for number in range(1, trades + 1):
        walk = random.choice(walks)
        price, quantity = walk.step(random)
        ts = end - SPAN + SPAN * number // trades
        yield replace(trade_of(walk.instrument, number, ts), price=price, quantity=quantity)
