"""The catalogue of metrics: Prometheus' names and units, bounded labels, and all that was promised to be measured."""

import re

import pytest

from ops.runtime.metrics import CATALOGUE, Metrics, MetricSpec

BOUNDED = {
    "actor", "code", "command", "connector", "feed", "group", "kind", "level", "limit", "liquidity", "operation", "outcome",
    "partition", "processor", "reason", "role", "scope", "severity", "state", "step", "sweep", "target", "template", "topic",
    "webhook",
}  # fmt: skip
"""What a label may be: values of code or of settings. Never an account, a symbol, a key, an address or an id."""
PROMISED = {
    "request rate by operation and code": ("omniaxs_http_requests_total", {"operation", "code"}),
    "request latency by operation": ("omniaxs_http_request_duration_seconds", {"operation"}),
    "orders by outcome": ("omniaxs_orders_total", {"outcome", "code"}),
    "from request to decision": ("omniaxs_order_decision_delay_seconds", set()),
    "from decision to event": ("omniaxs_order_record_delay_seconds", set()),
    "from venue to event": ("omniaxs_venue_report_delay_seconds", set()),
    "from log to socket": ("omniaxs_log_to_socket_seconds", {"topic"}),
    "WebSocket connections": ("omniaxs_websocket_connections", set()),
    "WebSocket subscriptions": ("omniaxs_websocket_subscriptions", {"topic"}),
    "delivered": ("omniaxs_websocket_delivered_total", {"topic"}),
    "conflated": ("omniaxs_websocket_conflated_total", {"topic"}),
    "dropped": ("omniaxs_websocket_dropped_total", {"topic"}),
    "gaps": ("omniaxs_websocket_gaps_total", {"topic"}),
    "slow closes": ("omniaxs_websocket_closed_total", {"code"}),
    "consumer lag per partition": ("omniaxs_consumer_lag_records", {"group", "topic", "partition"}),
    "consumer progress per partition": ("omniaxs_consumer_position_offset", {"group", "topic", "partition"}),
    "fold latency": ("omniaxs_processor_fold_seconds", {"processor"}),
    "feed staleness": ("omniaxs_symbols_stale", set()),
    "venue calls": ("omniaxs_venue_requests_total", {"connector", "outcome"}),
    "venue errors": ("omniaxs_venue_errors_total", {"connector", "code"}),
    "waits before the venue": ("omniaxs_venue_request_wait_seconds", set()),
    "jobs by actor and outcome": ("omniaxs_jobs_total", {"actor", "outcome"}),
    "queue age": ("omniaxs_job_queue_age_seconds", {"actor"}),
    "OTP mails": ("omniaxs_mails_total", {"template", "outcome"}),
    "risk signals": ("omniaxs_risk_signals_total", {"code", "state"}),
    "read-model delay": ("omniaxs_read_model_delay_seconds", set()),
    "dead letters": ("omniaxs_dead_letters_total", {"processor", "reason"}),
    "loop delay": ("omniaxs_loop_delay_seconds", set()),
}
BY_NAME = {spec.name: spec for spec in CATALOGUE}


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda spec: spec.name)
def test_names_and_units_are_prometheus_own(spec: MetricSpec) -> None:
    assert re.fullmatch(r"omniaxs_[a-z]+(_[a-z]+)*", spec.name)
    assert spec.name.endswith("_total") == (spec.kind == "counter")
    assert (spec.unit == "seconds") == spec.name.endswith("_seconds")
    assert spec.kind != "histogram" or (spec.unit == "seconds" and list(spec.buckets) == sorted(spec.buckets))
    assert spec.help.endswith(".")


def test_each_is_there_once_and_its_labels_are_bounded() -> None:
    assert len(BY_NAME) == len(CATALOGUE)
    assert {label for spec in CATALOGUE for label in spec.labels} <= BOUNDED


@pytest.mark.parametrize("what", PROMISED)
def test_what_was_promised_is_measured(what: str) -> None:
    name, labels = PROMISED[what]
    assert set(BY_NAME[name].labels) == labels


def test_the_process_itself_is_measured() -> None:
    assert b"process_resident_memory_bytes" in Metrics().exposition()
