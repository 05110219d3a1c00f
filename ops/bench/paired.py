"""The ratio of two contenders that took turns. Pure."""

from collections.abc import Sequence
from statistics import fmean
from typing import Final

_OUTER: Final = 4
"""One in so many is left out at either end."""


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """The mean, without the lowest and the highest quarter (of six rounds: one each), of what the one came to by what the
    other came to in the same round: what else the machine did for a while fell on both, and a round that it hit unevenly is at
    an end. Two runs of it are closer than two of the median, which goes by one round alone. Raises `ValueError` for other
    numbers of rounds.
    """
    ratios = sorted(this / that for this, that in zip(these, those, strict=True))
    outer = len(ratios) // _OUTER
    return fmean(ratios[outer : len(ratios) - outer])
