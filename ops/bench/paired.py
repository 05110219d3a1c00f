"""The ratio of two contenders that took turns. Pure."""

from collections.abc import Sequence
from statistics import median


def ratio(these: Sequence[float], those: Sequence[float]) -> float:
    """The median over the rounds of what the one came to by what the other came to in the same round: what else the machine
    did for a while fell on both, and a median of each alone would keep it. Raises `ValueError` for other numbers of rounds.
    """
    return median(this / that for this, that in zip(these, those, strict=True))
