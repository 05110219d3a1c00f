"""Quantiles of bucketed observations: within the bucket that holds the exact one, and what Prometheus makes of the same."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.figures import LATENCIES, bounds_of
from ops.runtime.metrics import JOB_QUEUE_AGE, ORDER_DECIDING, WEBSOCKET_DELAY
from ops.runtime.quantiles import quantile

BOUNDS = (0.001, 0.01, 0.1, 1.0)
INFINITE = float("inf")


def counted(values: list[float]) -> dict[float, int]:
    found: dict[float, int] = {}
    for value in values:
        bound = next((bound for bound in BOUNDS if value <= bound), INFINITE)
        found[bound] = found.get(bound, 0) + 1
    return found


@pytest.mark.parametrize(
    ("counts", "fraction", "expected"),
    [
        ({}, 0.5, None),
        ({0.01: 10}, 0.5, 0.001 + 0.009 * 0.5),  # the lower bound is that of a bucket that nothing fell into
        ({0.001: 10}, 1.0, 0.001),
        ({0.001: 5, 0.1: 5}, 0.75, 0.01 + 0.09 * 0.5),
        ({INFINITE: 3}, 0.99, 1.0),
        ({0.001: 99, INFINITE: 1}, 0.5, 0.001 * 50 / 99),
    ],
)
def test_by_hand(counts: dict[float, int], fraction: float, expected: float | None) -> None:
    found = quantile(counts, BOUNDS, fraction)
    assert found == expected if expected is None else found == pytest.approx(expected)


@given(st.lists(st.floats(0.00001, 5), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99]))
def test_it_lies_in_the_bucket_of_the_exact_one(values: list[float], fraction: float) -> None:
    found = quantile(counted(values), BOUNDS, fraction)
    exact = sorted(values)[math.ceil(fraction * len(values)) - 1]
    bound = next((bound for bound in BOUNDS if exact <= bound), INFINITE)
    lower = max((one for one in (0.0, *BOUNDS) if one < bound), default=0.0)
    assert found is not None
    assert lower <= found <= min(bound, BOUNDS[-1])


def test_the_bounds_are_those_of_the_histogram_that_the_name_stands_for() -> None:
    assert bounds_of("deciding") == ORDER_DECIDING.buckets
    assert bounds_of("log_to_socket_quotes") == WEBSOCKET_DELAY.buckets
    assert bounds_of("job_queue") == JOB_QUEUE_AGE.buckets
    assert bounds_of("of a newer version") == ()
    assert all(bounds_of(name) == shown.spec.buckets for name, shown in LATENCIES.items())
