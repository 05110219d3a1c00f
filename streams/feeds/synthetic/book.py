"""One side of a synthetic order book, best level first: sparse, persistent, never crossed by its own making. Pure, seeded."""

from math import exp
from random import Random
from typing import NamedTuple

from storage.models.market_data import Level
from streams.feeds.synthetic.steps import Steps

_SPREAD_OF_SIZES = 0.9


class BookLevel(NamedTuple):
    """A level as counted, as the wire has it, and as JSON."""

    ticks: int
    lots: int
    level: Level
    json: bytes


class Sizes:
    """Draws sizes in lots: log-normal about a median, never below the least that may be traded."""

    def __init__(self, random: Random, median: float, least: int) -> None:
        self._random, self._median, self._least = random, median, least

    def draw(self) -> int:
        """A size."""
        return max(self._least, round(self._median * exp(_SPREAD_OF_SIZES * self._random.gauss(0, 1))))


class BookSide:
    """Levels going away from the spread: `direction` is 1 for asks, -1 for bids; none below `floor` ticks."""

    def __init__(
        self,
        random: Random,
        prices: Steps,
        quantities: Steps,
        sizes: Sizes,
        *,
        direction: int,
        levels: int,
        gap: int,
        floor: int,
    ) -> None:
        self._random, self._prices, self._quantities, self._sizes = random, prices, quantities, sizes
        self._direction, self._wanted, self._gap, self._floor = direction, levels, gap, floor
        self.levels: list[BookLevel] = []

    @property
    def best(self) -> BookLevel:
        """The best level; there is always one."""
        return self.levels[0]

    def quote_at(self, ticks: int) -> None:
        """Move the best price to `ticks`: levels that stand better are taken away, the rest stays."""
        levels = self.levels
        better = 0
        while better < len(levels) and (levels[better].ticks - ticks) * self._direction < 0:
            better += 1
        del levels[:better]
        if not levels or levels[0].ticks != ticks:
            levels.insert(0, self._level(ticks, self._sizes.draw()))
        self._fill()

    def change_sizes(self, count: int) -> None:
        """Draw the sizes of `count` levels anew."""
        for _ in range(count):
            index = self._random.randrange(len(self.levels))
            self.levels[index] = self._level(self.levels[index].ticks, self._sizes.draw())

    def take(self, lots: int) -> None:
        """Trade `lots` (at most its size) against the best level."""
        best = self.best
        if lots < best.lots:
            self.levels[0] = self._level(best.ticks, best.lots - lots)
            return
        del self.levels[0]
        if self.levels:
            self._fill()
        else:
            self.quote_at(best.ticks)

    def _fill(self) -> None:
        while len(self.levels) < self._wanted:
            ticks = self.levels[-1].ticks + self._direction * self._random.randint(1, 2 * self._gap - 1)
            if ticks < self._floor:
                break
            self.levels.append(self._level(ticks, self._sizes.draw()))
        del self.levels[self._wanted :]

    def _level(self, ticks: int, lots: int) -> BookLevel:
        level = self._prices.text(ticks), self._quantities.text(lots)
        return BookLevel(ticks, lots, level, b'["%b","%b"]' % (level[0].encode(), level[1].encode()))


def depth_json(bids: BookSide, asks: BookSide) -> bytes:
    """All levels, for the header `depth`."""
    return b'{"bids":[%b],"asks":[%b]}' % (
        b",".join([level.json for level in bids.levels]),
        b",".join([level.json for level in asks.levels]),
    )
