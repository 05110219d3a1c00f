"""Quantiles out of the buckets of histograms, as Prometheus' `histogram_quantile` makes them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

Counted = Mapping[float, int]
"""How many were at most each bound and above the next lower one."""
_INFINITE: Final = float("inf")


def quantile(counted: Counted, bounds: Sequence[float], fraction: float) -> float | None:
    """Straight between the bounds of the bucket that holds it; None where nothing was observed, the last bound for what lies
    beyond it. `bounds` are all upper bounds of the histogram: a bucket that nothing fell into may be left out of `counted`.
    """
    total = sum(counted.values())
    if not total:
        return None
    rank, below, lower = fraction * total, 0, 0.0
    for bound in sorted({*bounds, *counted}):
        inside = counted.get(bound, 0)
        if inside and below + inside >= rank:
            if bound == _INFINITE:
                return lower
            return min(bound, lower + (bound - lower) * max(0.0, rank - below) / inside)  # rounding may pass the bound
        below += inside
        lower = bound if bound != _INFINITE else lower
    return lower
