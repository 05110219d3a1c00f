"""What a process tells of its last minute: no more than happened, none of what is older, at most one look a second."""

import pytest

from ops.processes.recent import Recent
from ops.runtime.clock import ManualClock
from ops.runtime.figures import COUNTS, LATENCIES, LEVELS, WINDOW_SECONDS
from ops.runtime.metrics import (
    HTTP_DURATION,
    HTTP_REQUESTS,
    JOBS_TOTAL,
    WEBSOCKET_CONNECTIONS,
    WEBSOCKET_DELAY,
    Metrics,
)
from ops.runtime.readings import buckets_of, numbers_of
from storage.models.recent_figures import RecentFigures, counts_of, latencies_of, levels_of


class Process:
    def __init__(self) -> None:
        self.metrics, self.clock = Metrics(), ManualClock()
        self.metrics.counter(HTTP_REQUESTS).labels("before", "ok").inc(7)
        self.recent = Recent(self.metrics, self.clock)

    def answers(self, code: str, number: int = 1, operation: str = "getQuotes") -> None:
        self.metrics.counter(HTTP_REQUESTS).labels(operation, code).inc(number)

    def after(self, seconds: float) -> RecentFigures:
        self.clock.advance(seconds)
        return self.recent.figures()


@pytest.fixture
def process() -> Process:
    return Process()


def test_what_was_counted_before_the_process_looked_does_not_count(process: Process) -> None:
    process.answers("ok", 3)
    process.answers("ok", 2, operation="placeOrder")
    process.answers("auth.signature_invalid")
    figures = process.after(2)
    assert figures.counts == {"requests": [("auth.signature_invalid", 1), ("ok", 5)]}
    assert (figures.seconds, figures.rates()) == (2.0, {"requests": 3.0})


def test_it_looks_at_most_once_a_second(process: Process) -> None:
    process.answers("ok")
    assert process.after(0.5).counts == {}
    assert process.after(0.5).count("requests") == 1
    process.answers("ok")
    assert process.after(0.9).count("requests") == 1
    assert process.after(0.2).count("requests") == 2


def test_what_is_older_than_the_window_is_forgotten(process: Process) -> None:
    told = []
    for _ in range(200):
        process.answers("ok")
        told.append(process.after(1))
    assert [one.count("requests") for one in told[:10]] == list(range(1, 11))
    settled = told[WINDOW_SECONDS + 6 :]
    assert all(WINDOW_SECONDS <= one.seconds < WINDOW_SECONDS + 6 for one in settled)
    assert all(one.count("requests") == one.seconds for one in settled)
    process.after(WINDOW_SECONDS + 5)
    assert process.after(6).counts == {}


def test_labels_that_do_not_tell_apart_are_added_up_and_others_are_joined(process: Process) -> None:
    for actor, outcome in (("send_mail", "done"), ("send_mail", "failed"), ("provision", "done")):
        process.metrics.counter(JOBS_TOTAL).labels(actor=actor, outcome=outcome).inc()
    for operation, seconds in (("a", 0.004), ("b", 0.004), ("b", 99)):
        process.metrics.histogram(HTTP_DURATION).labels(operation).observe(seconds)
    process.metrics.histogram(WEBSOCKET_DELAY).labels("quotes").observe(0.0004)
    process.metrics.gauge(WEBSOCKET_CONNECTIONS).set(4)
    figures = process.after(1)
    assert dict(figures.counts["jobs"]) == {"send_mail done": 1, "send_mail failed": 1, "provision done": 1}
    assert figures.latencies == {
        "request": [(0.005, 2), (float("inf"), 1)],
        "log_to_socket_quotes": [(0.0005, 1)],
    }
    assert figures.levels == {"websocket_connections": [("", 4.0)]}


def test_it_survives_the_store_as_it_is(process: Process) -> None:
    process.answers("auth.signature_invalid")
    process.metrics.histogram(HTTP_DURATION).labels("a").observe(99)
    figures = process.after(1)
    assert RecentFigures.model_validate(figures.model_dump(mode="json")) == figures


def test_figures_of_several_processes_add_up() -> None:
    one = RecentFigures(
        seconds=10, counts={"requests": [("ok", 3)]}, latencies={"fold": [(0.1, 2)]}, levels={"c": [("", 1)]}
    )
    other = RecentFigures(
        seconds=5,
        counts={"requests": [("ok", 1), ("x.y", 2)]},
        latencies={"fold": [(0.1, 1), (1.0, 4)]},
        levels={"c": [("", 2)]},
    )
    assert counts_of([one, other], "requests") == {"ok": 4, "x.y": 2}
    assert counts_of([one, other], "jobs") == {}
    assert latencies_of([one, other]) == {"fold": {0.1: 3, 1.0: 4}}
    assert levels_of([one, other], "c") == {"": 3}


def test_every_name_stands_for_a_metric_of_the_catalogue_with_the_labels_that_tell_it_apart() -> None:
    metrics = Metrics()
    for shown in COUNTS.values():
        assert set(shown.labels) <= set(shown.spec.labels)
        assert metrics.counter(shown.spec)
    for shown in LATENCIES.values():
        assert set(shown.labels) <= set(shown.spec.labels)
        assert metrics.histogram(shown.spec)
    for shown in LEVELS.values():
        assert set(shown.labels) <= set(shown.spec.labels)
        assert metrics.gauge(shown.spec)


def test_what_is_read_is_what_prometheus_is_told() -> None:
    metrics = Metrics()
    metrics.counter(HTTP_REQUESTS).labels("a", "ok").inc(3)
    histogram = metrics.histogram(HTTP_DURATION)
    for seconds in (0.0001, 0.004, 0.004, 99):
        histogram.labels("a").observe(seconds)
    metrics.counter(HTTP_REQUESTS).labels("b", "ok").inc()
    assert numbers_of(metrics.counter(HTTP_REQUESTS), " ".join) == {"a ok": 3, "b ok": 1}
    assert numbers_of(metrics.counter(HTTP_REQUESTS), lambda labels: labels[1]) == {"ok": 4}
    [family] = histogram.collect()
    told = {float(one.labels["le"]): one.value for one in family.samples if one.name.endswith("_bucket")}
    read, below = {}, 0
    for bound, count in buckets_of(histogram, " ".join)["a"]:
        below += count
        read[bound] = below
    assert read == told
