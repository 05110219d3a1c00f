"""Reads metrics of this process back as numbers.

The client library's `collect` makes an object of every sample: 18 ms for the durations of 80 operations. A process that looks
at itself every second reads the numbers where they stand instead, in half a millisecond; the pinned version has them there.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

Labels = tuple[str, ...]
LabelOf = Callable[[Labels], str]
Metric = TypeVar("Metric", bound=MetricWrapperBase)


def numbers_of(metric: Counter | Gauge, label_of: LabelOf) -> dict[str, float]:
    """The values of a metric, those added up of which `label_of` makes the same of their label values."""
    found: dict[str, float] = {}
    for labels, child in _children(metric):
        label = label_of(labels)
        found[label] = found.get(label, 0.0) + child._value._value  # noqa: SLF001
    return found


def buckets_of(histogram: Histogram, label_of: LabelOf) -> dict[str, list[tuple[float, int]]]:
    """How many observations were at most each bound and above the one before, added up likewise."""
    told_apart: dict[str, list[Histogram]] = {}
    for labels, child in _children(histogram):
        told_apart.setdefault(label_of(labels), []).append(child)
    return {label: _summed(children) for label, children in told_apart.items()}


def _summed(children: list[Histogram]) -> list[tuple[float, int]]:
    bounds = children[0]._upper_bounds  # noqa: SLF001
    columns = zip(*(child._buckets for child in children), strict=True)  # noqa: SLF001
    counts = [int(sum([bucket._value for bucket in column])) for column in columns]  # noqa: SLF001
    return list(zip(bounds, counts, strict=True))


def _children(metric: Metric) -> Iterator[tuple[Labels, Metric]]:
    if not metric._labelnames:  # noqa: SLF001
        yield (), metric
        return
    for labels, child in list(metric._metrics.items()):  # noqa: SLF001
        yield tuple(labels), cast("Metric", child)
