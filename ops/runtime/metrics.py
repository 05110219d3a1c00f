"""Every metric of the product, once: name, kind, unit, labels and help. Dashboards and rules are tested against it.

Names and units follow Prometheus' conventions (base units, `_total` for counters). No label takes unbounded values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

_LATENCY: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_MICROSECONDS: Final = (0.00001, 0.00002, 0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25)


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric. `buckets` are a histogram's upper bounds in its unit."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: Sequence[float] = field(default=_LATENCY)


HTTP_REQUESTS = MetricSpec("omniaxs_http_requests_total", "counter", "requests", "Requests answered.", ("operation", "code"))  # fmt: skip
HTTP_DURATION = MetricSpec("omniaxs_http_request_duration_seconds", "histogram", "seconds", "From request to answer.", ("operation",))  # fmt: skip
RATE_LIMITED = MetricSpec("omniaxs_rate_limited_total", "counter", "requests", "Requests refused by a limit.", ("limit",))  # fmt: skip
LIMITS_DEGRADED = MetricSpec("omniaxs_limits_degraded", "gauge", "flag", "1 while limits are counted in this process alone.")  # fmt: skip
KEYS_DEGRADED = MetricSpec("omniaxs_key_cache_degraded", "gauge", "flag", "1 while API keys cannot be read again from the store.")  # fmt: skip
SESSIONS_DEGRADED = MetricSpec("omniaxs_session_cache_degraded", "gauge", "flag", "1 while sessions and people cannot be read again from the store.")  # fmt: skip

WEBSOCKET_CONNECTIONS = MetricSpec("omniaxs_websocket_connections", "gauge", "connections", "Open WebSocket connections.")  # fmt: skip
WEBSOCKET_SUBSCRIPTIONS = MetricSpec("omniaxs_websocket_subscriptions", "gauge", "subscriptions", "Live subscriptions.", ("topic",))  # fmt: skip
WEBSOCKET_DELIVERED = MetricSpec("omniaxs_websocket_delivered_total", "counter", "messages", "Messages handed to sockets.", ("topic",))  # fmt: skip
WEBSOCKET_CONFLATED = MetricSpec("omniaxs_websocket_conflated_total", "counter", "messages", "Older values replaced by newer ones for slow clients.", ("topic",))  # fmt: skip
WEBSOCKET_DROPPED = MetricSpec("omniaxs_websocket_dropped_total", "counter", "messages", "Messages dropped for slow clients and announced by a gap.", ("topic",))  # fmt: skip
WEBSOCKET_GAPS = MetricSpec("omniaxs_websocket_gaps_total", "counter", "gaps", "Gap messages sent.", ("topic",))
WEBSOCKET_CLOSED = MetricSpec("omniaxs_websocket_closed_total", "counter", "connections", "Connections closed by us.", ("code",))  # fmt: skip
WEBSOCKET_DELAY = MetricSpec("omniaxs_log_to_socket_seconds", "histogram", "seconds", "From append to the log until written to sockets.", ("topic",))  # fmt: skip

FEED_PUBLISHED = MetricSpec("omniaxs_feed_published_total", "counter", "records", "Records that feeds published.", ("feed", "kind"))  # fmt: skip
FEED_DROPPED = MetricSpec("omniaxs_feed_repeats_dropped_total", "counter", "records", "Repeated prints that feeds dropped.", ("feed",))  # fmt: skip
FEED_DELAY = MetricSpec("omniaxs_feed_delay_seconds", "histogram", "seconds", "From a venue's time of a quote or trade until a feed has it (one of each batch; of replays with old times none).", ("feed",))  # fmt: skip
FEED_APPEND_DELAY = MetricSpec("omniaxs_feed_append_delay_seconds", "histogram", "seconds", "From the time that a feed has a quote or trade until it stands on the log (the first of each batch).", ("feed",))  # fmt: skip
SYMBOLS_STALE = MetricSpec("omniaxs_symbols_stale", "gauge", "symbols", "Symbols whose quotes are stale while their venue is open.")  # fmt: skip

CONSUMER_LAG = MetricSpec("omniaxs_consumer_lag_records", "gauge", "records", "Records between the end of a partition and what is folded.", ("group", "topic", "partition"))  # fmt: skip
CONSUMER_POSITION = MetricSpec("omniaxs_consumer_position_offset", "gauge", "offset", "Offset before which everything of a partition is folded and durable.", ("group", "topic", "partition"))  # fmt: skip
PARTITIONS_HELD = MetricSpec("omniaxs_partitions_held", "gauge", "partitions", "Partitions of a topic that this member of a group works on.", ("group", "topic"))  # fmt: skip
PARTITIONS_STALLED = MetricSpec("omniaxs_partitions_stalled", "gauge", "partitions", "Partitions that do not move while their log grows.", ("group", "topic"))  # fmt: skip
TOPIC_PARTITIONS = MetricSpec("omniaxs_topic_partitions", "gauge", "partitions", "Partitions that a topic has, by the settings.", ("topic",))  # fmt: skip
FOLDED = MetricSpec("omniaxs_processor_records_total", "counter", "records", "Records folded.", ("processor",))
PROCESSOR_DELAY = MetricSpec("omniaxs_processor_delay_seconds", "histogram", "seconds", "From append to the log until folded (the first of each batch).", ("processor",))  # fmt: skip
FOLD_DURATION = MetricSpec("omniaxs_processor_fold_seconds", "histogram", "seconds", "One batch through the fold.", ("processor",))  # fmt: skip
FLUSH_DURATION = MetricSpec("omniaxs_processor_flush_seconds", "histogram", "seconds", "One flush to store and log.", ("processor",))  # fmt: skip
DEAD_LETTERS_TOTAL = MetricSpec("omniaxs_dead_letters_total", "counter", "records", "Records that no processor could take.", ("processor", "reason"))  # fmt: skip
READ_MODEL_DELAY = MetricSpec("omniaxs_read_model_delay_seconds", "histogram", "seconds", "From the decision of a record until reads show it.")  # fmt: skip

ORDER_COMMANDS_TOTAL = MetricSpec("omniaxs_order_commands_total", "counter", "commands", "Commands of accounts decided.", ("command",))  # fmt: skip
ORDERS_TOTAL = MetricSpec("omniaxs_orders_total", "counter", "orders", "What orders came to, and by which code where they were refused.", ("outcome", "code"))  # fmt: skip
FILLS_TOTAL = MetricSpec("omniaxs_fills_total", "counter", "fills", "Fills counted.", ("liquidity",))
ORDER_DECIDING = MetricSpec("omniaxs_order_deciding_seconds", "histogram", "seconds", "Deciding one command.", buckets=_MICROSECONDS)  # fmt: skip
ORDER_DECISION_DELAY = MetricSpec("omniaxs_order_decision_delay_seconds", "histogram", "seconds", "From the request that a client made until its decision.")  # fmt: skip
ORDER_RECORD_DELAY = MetricSpec("omniaxs_order_record_delay_seconds", "histogram", "seconds", "From a decision until its record stands on the log.")  # fmt: skip
VENUE_REPORT_DELAY = MetricSpec("omniaxs_venue_report_delay_seconds", "histogram", "seconds", "From a venue's report until it is decided.")  # fmt: skip
UNMATCHED_REPORTS = MetricSpec("omniaxs_unmatched_reports_total", "counter", "reports", "Reports of venues that fit nothing.", ("reason",))  # fmt: skip
UNREADABLE_QUOTES = MetricSpec("omniaxs_order_quotes_unreadable_total", "counter", "quotes", "Quotes that a decision needed and could not read.")  # fmt: skip

RISK_SIGNALS_TOTAL = MetricSpec("omniaxs_risk_signals_total", "counter", "signals", "Risk signals that were raised and cleared.", ("code", "state"))  # fmt: skip
HALTS_IN_FORCE = MetricSpec("omniaxs_halts_in_force", "gauge", "halts", "Halts under which this process decides.", ("scope", "level"))  # fmt: skip
CONNECTOR_UP = MetricSpec("omniaxs_connector_up", "gauge", "flag", "1 while orders may go through the connector.", ("connector",))  # fmt: skip

VENUE_REQUESTS_TOTAL = MetricSpec("omniaxs_venue_requests_total", "counter", "requests", "Requests that venues have answered.", ("connector", "outcome"))  # fmt: skip
VENUE_ERRORS = MetricSpec("omniaxs_venue_errors_total", "counter", "errors", "Error codes of venues in answers to requests.", ("connector", "code"))  # fmt: skip
RELAY_DELAY = MetricSpec("omniaxs_relay_delay_seconds", "histogram", "seconds", "From a decided record until what follows from it stands on another topic.", ("target",))  # fmt: skip
VENUE_WAIT = MetricSpec("omniaxs_venue_request_wait_seconds", "histogram", "seconds", "From a request on the log until it is handed to its venue.")  # fmt: skip
VENUE_DURATION = MetricSpec("omniaxs_venue_request_seconds", "histogram", "seconds", "From a request at its venue until its answer stands on the log.", ("connector",))  # fmt: skip

CONNECTOR_CHECKS = MetricSpec("omniaxs_connector_checks_total", "counter", "checks", "Health checks of connectors by what they answered: up, down, or nothing in time (silent).", ("connector", "outcome"))  # fmt: skip

JOBS_ENQUEUED = MetricSpec("omniaxs_jobs_enqueued_total", "counter", "jobs", "Jobs asked for: sent to the broker, or lost and left to a sweep.", ("actor", "outcome"))  # fmt: skip
JOBS_TOTAL = MetricSpec("omniaxs_jobs_total", "counter", "jobs", "Tries of jobs by how they ended.", ("actor", "outcome"))  # fmt: skip
JOB_DURATION = MetricSpec("omniaxs_job_duration_seconds", "histogram", "seconds", "One try of a job.", ("actor",))
JOB_QUEUE_AGE = MetricSpec("omniaxs_job_queue_age_seconds", "histogram", "seconds", "From the time a job was asked for until its first try.", ("actor",))  # fmt: skip
MAILS_TOTAL = MetricSpec("omniaxs_mails_total", "counter", "mails", "Tries to send mails by how they ended.", ("template", "outcome"))  # fmt: skip
MAIL_DURATION = MetricSpec("omniaxs_mail_seconds", "histogram", "seconds", "From the cause of a mail until the server has taken it.", ("template",), (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1800.0))  # fmt: skip
ALERT_TELLINGS = MetricSpec("omniaxs_alert_tellings_total", "counter", "rounds", "Rounds of telling people and webhooks of an alert.", ("kind", "severity"))  # fmt: skip
ALERT_HOOKS_TOTAL = MetricSpec("omniaxs_alert_webhooks_total", "counter", "tries", "Tries to tell webhooks of alerts by how they ended.", ("webhook", "outcome"))  # fmt: skip
ALERT_RECORDS_MISSED = MetricSpec("omniaxs_alert_records_missed_total", "counter", "records", "Records that the log removed before they were read for alerts.", ("topic",))  # fmt: skip
PROVISIONING_STEPS = MetricSpec("omniaxs_provisioning_steps_total", "counter", "steps", "Tries of provisioning steps by how they ended.", ("step", "outcome"))  # fmt: skip
PROVISIONING_JOBS = MetricSpec("omniaxs_provisioning_jobs_total", "counter", "jobs", "Provisioning jobs that are over, by how they ended.", ("outcome",))  # fmt: skip
PROVISIONING_DURATION = MetricSpec("omniaxs_provisioning_seconds", "histogram", "seconds", "From the approval of an application until its job was over.", (), (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 1800.0))  # fmt: skip
SWEPT = MetricSpec("omniaxs_swept_total", "counter", "items", "What sweeps found and dealt with.", ("sweep",))
AUDIT_HEAD_TIMESTAMP = MetricSpec("omniaxs_audit_head_timestamp_seconds", "gauge", "seconds", "When this process last put the head of the audit trail on the log; 0: never.")  # fmt: skip

PROCESS_READY = MetricSpec("omniaxs_process_ready", "gauge", "flag", "1 when this process is ready.", ("role",))
LOOP_DELAY = MetricSpec("omniaxs_loop_delay_seconds", "histogram", "seconds", "How late the event loop runs its timers.")  # fmt: skip

CATALOGUE: Final[tuple[MetricSpec, ...]] = tuple(value for value in globals().values() if isinstance(value, MetricSpec))


class Metrics:
    """The metrics of one process in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._counters: dict[str, Counter] = {}
        self._gauges: dict[str, Gauge] = {}
        self._histograms: dict[str, Histogram] = {}
        for spec in CATALOGUE:
            self._register(spec)

    def counter(self, spec: MetricSpec) -> Counter:
        """The counter of the catalogue; `KeyError` when `spec` is not one."""
        return self._counters[spec.name]

    def gauge(self, spec: MetricSpec) -> Gauge:
        """The gauge of the catalogue; `KeyError` when `spec` is not one."""
        return self._gauges[spec.name]

    def histogram(self, spec: MetricSpec) -> Histogram:
        """The histogram of the catalogue; `KeyError` when `spec` is not one."""
        return self._histograms[spec.name]

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _register(self, spec: MetricSpec) -> None:
        match spec.kind:
            case "counter":
                self._counters[spec.name] = Counter(spec.name, spec.help, spec.labels, registry=self.registry)
            case "gauge":
                self._gauges[spec.name] = Gauge(spec.name, spec.help, spec.labels, registry=self.registry)
            case "histogram":
                self._histograms[spec.name] = Histogram(
                    spec.name, spec.help, spec.labels, registry=self.registry, buckets=spec.buckets
                )
