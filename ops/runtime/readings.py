"""Reads metrics of this process back as numbers.

The client library's `collect` makes an object of every sample: 18 ms for the durations of 80 operations. A process that looks
at itself every second reads the numbers where they stand instead, in 0.4 ms; the pinned version has them there.
"""

from collections.abc import Iterator
from typing import TypeVar, cast

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

Labels = tuple[str, ...]
Metric = TypeVar("Metric", bound=MetricWrapperBase)


def numbers_of(metric: Counter | Gauge) -> dict[Labels, float]:
    """The value for each combination of label values that was ever used."""
    return {labels: child._value.get() for labels, child in _children(metric)}  # noqa: SLF001


def buckets_of(histogram: Histogram) -> dict[Labels, list[tuple[float, int]]]:
    """For each combination of label values how many observations were at most each bound, and above the one before."""
    return {
        labels: [(bound, int(count.get())) for bound, count in zip(child._upper_bounds, child._buckets, strict=True)]  # noqa: SLF001
        for labels, child in _children(histogram)
    }


def _children(metric: Metric) -> Iterator[tuple[Labels, Metric]]:
    if not metric._labelnames:  # noqa: SLF001
        yield (), metric
        return
    for labels, child in list(metric._metrics.items()):  # noqa: SLF001
        yield tuple(labels), cast("Metric", child)
