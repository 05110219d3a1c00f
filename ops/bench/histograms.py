"""Quantiles of a histogram between two readings of a process's metrics, as Prometheus' `histogram_quantile` makes them."""

from collections.abc import Mapping

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

Buckets = Mapping[float, float]
"""How many were at most each upper bound."""


def buckets_of(exposition: str, name: str) -> Buckets:
    """The buckets of a histogram, of all its labels together; empty where there is none of that name."""
    found: dict[float, float] = {}
    for family in text_string_to_metric_families(exposition):
        if family.name == name:
            add_buckets(found, family)
    return found


def add_buckets(found: dict[float, float], family: Metric) -> None:
    """Add those of a histogram of an exposition."""
    for sample in family.samples:
        if sample.name == f"{family.name}_bucket":
            bound = float(sample.labels["le"])
            found[bound] = found.get(bound, 0.0) + sample.value


def quantile(before: Buckets, after: Buckets, fraction: float) -> float | None:
    """Straight between the bounds of the bucket that holds it; None where nothing was observed. Beyond the last bound: it."""
    counts = {bound: count - before.get(bound, 0.0) for bound, count in sorted(after.items())}
    total = max(counts.values(), default=0.0)
    if not total:
        return None
    rank, lower, below = fraction * total, 0.0, 0.0
    for bound, count in counts.items():
        if count >= rank:
            if bound == float("inf"):
                return lower
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower
