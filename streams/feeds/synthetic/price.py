"""A price that moves as prices do: calm and busy spells, a pull towards a slowly wandering anchor. Pure, seeded."""

from dataclasses import dataclass
from math import exp, sqrt
from random import Random
from typing import Final

_CALM, _BUSY = 0.6, 2.2
_CALM_SECONDS, _BUSY_SECONDS = 180.0, 45.0
_PULL_SECONDS: Final = 1_800.0
_ANCHOR_SHARE: Final = 0.5
_HOME_SECONDS: Final = 5 * 86_400.0
_LONGEST_STEP_SECONDS: Final = 60.0


@dataclass(slots=True)
class PriceProcess:
    """The factor on the starting price over time: exp of a mean-reverting walk whose volatility (per square root of a
    second) switches between two regimes. The anchor wanders at half the pace and is drawn home over days, so that a
    feed that runs for weeks stays near where it began.
    """

    random: Random
    volatility: float
    log_price: float = 0.0
    anchor: float = 0.0
    busy: bool = False

    def advance(self, seconds: float, activity: float) -> float:
        """The factor after `seconds` at an `activity` from 0 to 1 (1 is regular trading)."""
        elapsed = min(seconds, _LONGEST_STEP_SECONDS)
        draw = self.random
        if draw.random() < elapsed / (_BUSY_SECONDS if self.busy else _CALM_SECONDS):
            self.busy = not self.busy
        deviation = self.volatility * activity * sqrt(elapsed)
        self.anchor += deviation * _ANCHOR_SHARE * draw.gauss(0, 1) - self.anchor * elapsed / _HOME_SECONDS
        pull = (self.anchor - self.log_price) * min(1.0, elapsed / _PULL_SECONDS)
        self.log_price += pull + deviation * (_BUSY if self.busy else _CALM) * draw.gauss(0, 1)
        return exp(self.log_price)
