"""Which metrics a process tells of in its heartbeat, and under which names: what the observability summary is made of."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from ops.runtime import metrics as catalogue
from ops.runtime.metrics import MetricSpec

WINDOW_SECONDS: Final = 60
"""How far back its figures reach."""


class Shown(NamedTuple):
    """A metric, and by which of its labels it is told apart (none: as one)."""

    spec: MetricSpec
    labels: tuple[str, ...] = ()

    @property
    def label_of(self) -> Callable[[tuple[str, ...]], str]:
        """Makes one text of the values of the labels that tell it apart."""
        places = [self.spec.labels.index(name) for name in self.labels]
        return (lambda values: " ".join([values[place] for place in places])) if places else (lambda _: "")


COUNTS: Final[Mapping[str, Shown]] = {
    "requests": Shown(catalogue.HTTP_REQUESTS, ("code",)),
    "rate_limited": Shown(catalogue.RATE_LIMITED, ("limit",)),
    "websocket_delivered": Shown(catalogue.WEBSOCKET_DELIVERED, ("topic",)),
    "websocket_conflated": Shown(catalogue.WEBSOCKET_CONFLATED, ("topic",)),
    "websocket_dropped": Shown(catalogue.WEBSOCKET_DROPPED, ("topic",)),
    "websocket_gaps": Shown(catalogue.WEBSOCKET_GAPS, ("topic",)),
    "websocket_closed": Shown(catalogue.WEBSOCKET_CLOSED, ("code",)),
    "feed_records": Shown(catalogue.FEED_PUBLISHED, ("kind",)),
    "folded": Shown(catalogue.FOLDED, ("processor",)),
    "dead_letters": Shown(catalogue.DEAD_LETTERS_TOTAL, ("reason",)),
    "order_commands": Shown(catalogue.ORDER_COMMANDS_TOTAL, ("command",)),
    "orders": Shown(catalogue.ORDERS_TOTAL, ("outcome",)),
    "fills": Shown(catalogue.FILLS_TOTAL, ("liquidity",)),
    "venue_requests": Shown(catalogue.VENUE_REQUESTS_TOTAL, ("outcome",)),
    "venue_errors": Shown(catalogue.VENUE_ERRORS, ("code",)),
    "jobs": Shown(catalogue.JOBS_TOTAL, ("actor", "outcome")),
    "jobs_enqueued": Shown(catalogue.JOBS_ENQUEUED, ("actor", "outcome")),
    "mails": Shown(catalogue.MAILS_TOTAL, ("outcome",)),
}
"""Counters by the name that they have in a heartbeat."""
LATENCIES: Final[Mapping[str, Shown]] = {
    "venue_to_feed": Shown(catalogue.FEED_DELAY),
    "feed_to_log": Shown(catalogue.FEED_APPEND_DELAY),
    "log_to_fold": Shown(catalogue.PROCESSOR_DELAY),
    "fold": Shown(catalogue.FOLD_DURATION),
    "flush": Shown(catalogue.FLUSH_DURATION),
    "log_to_socket": Shown(catalogue.WEBSOCKET_DELAY, ("topic",)),
    "request": Shown(catalogue.HTTP_DURATION),
    "request_to_decision": Shown(catalogue.ORDER_DECISION_DELAY),
    "deciding": Shown(catalogue.ORDER_DECIDING),
    "decision_to_log": Shown(catalogue.ORDER_RECORD_DELAY),
    "decision_to_relay": Shown(catalogue.RELAY_DELAY, ("target",)),
    "log_to_venue": Shown(catalogue.VENUE_WAIT),
    "venue_request": Shown(catalogue.VENUE_DURATION),
    "venue_to_decision": Shown(catalogue.VENUE_REPORT_DELAY),
    "decision_to_read_model": Shown(catalogue.READ_MODEL_DELAY),
    "job_queue": Shown(catalogue.JOB_QUEUE_AGE),
    "job": Shown(catalogue.JOB_DURATION),
    "mail": Shown(catalogue.MAIL_DURATION),
    "loop_delay": Shown(catalogue.LOOP_DELAY),
}
"""Histograms, each a hop or a stretch of a road; one that is told apart has its label behind the name: `log_to_socket_quotes`."""
LEVELS: Final[Mapping[str, Shown]] = {
    "websocket_connections": Shown(catalogue.WEBSOCKET_CONNECTIONS),
    "websocket_subscriptions": Shown(catalogue.WEBSOCKET_SUBSCRIPTIONS, ("topic",)),
    "symbols_stale": Shown(catalogue.SYMBOLS_STALE),
    "limits_degraded": Shown(catalogue.LIMITS_DEGRADED),
    "keys_degraded": Shown(catalogue.KEYS_DEGRADED),
    "sessions_degraded": Shown(catalogue.SESSIONS_DEGRADED),
}
"""Gauges."""


def bounds_of(name: str) -> Sequence[float]:
    """All upper bounds of the histogram of that name (with or without a label behind it); none for a name of another version."""
    shown = LATENCIES.get(name)
    if shown is None:
        told_apart = [one for known, one in LATENCIES.items() if one.labels and name.startswith(f"{known}_")]
        return told_apart[0].spec.buckets if told_apart else ()
    return shown.spec.buckets
