"""The observability summary out of heartbeats and counts. Pure: every figure is a sum of what stands there."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from ops.runtime.clock import milliseconds
from ops.runtime.figures import WINDOW_SECONDS, bounds_of
from ops.runtime.quantiles import quantile
from ops.runtime.timestamps import format_timestamp
from storage.models.fleet import is_alive, reads, stalled_partitions, unread
from storage.models.money import money, text_of
from storage.models.operations import Heartbeat
from storage.models.partition_progress import PartitionProgress
from storage.models.recent_figures import RecentFigures, counts_of, latencies_of, levels_of
from storage.topics import Topics

Shown = dict[str, Any]
_WORST: Final = 5
_QUANTILES: Final = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_TOO_SLOW: Final = "4413"
_OK: Final = "ok"
_DEGRADED: Final = ("limits", "keys", "sessions")


class Turnover(NamedTuple):
    """Fills and their notional by currency: all, and those of the last day."""

    total: Mapping[str, tuple[int, Decimal]]
    last_day: Mapping[str, tuple[int, Decimal]]


class Business(NamedTuple):
    """What was counted. `open_alerts` are those that are not resolved, by severity; `orders_last_day` were created then."""

    users: Mapping[str, int]
    applications: Mapping[str, int]
    orders: Mapping[str, int]
    orders_last_day: int
    turnover: Turnover
    open_alerts: Mapping[str, int]
    waitlist: int


def summary(heartbeats: Sequence[Heartbeat], business: Business, topics: Topics, now: int) -> Shown:
    """`data` of the operation; `now` in ns. Rates, errors and latencies are those of the processes that live."""
    return {
        "generated_at": format_timestamp(now),
        "window_seconds": WINDOW_SECONDS,
        "runtime": _runtime(heartbeats, topics, now),
        "business": _business(business),
    }


def _runtime(heartbeats: Sequence[Heartbeat], topics: Topics, now: int) -> Shown:
    figures = [heartbeat.recent for heartbeat in heartbeats if is_alive(heartbeat, now)]
    progress = reads(heartbeats, now)
    behind = sorted((one for one in progress if one.lag), key=lambda one: (-one.lag, one.key))
    return {
        "processes": [_process(heartbeat, now) for heartbeat in heartbeats],
        "topics": _topics(heartbeats, progress, topics, now),
        "worst_consumers": [_partition(one) for one in behind[:_WORST]],
        "stalled_partitions": [_partition(one) for one in stalled_partitions(heartbeats, now)],
        "rates": _rates(figures),
        "latency_ms": {name: _latency(name, counted) for name, counted in latencies_of(figures).items()},
        "websocket": _websocket(figures),
        "jobs": dict(counts_of(figures, "jobs")),
        "errors": _errors(figures),
    }


def _process(heartbeat: Heartbeat, now: int) -> Shown:
    return {
        "process_id": heartbeat.process_id,
        "role": heartbeat.role,
        "version": heartbeat.version,
        "host": heartbeat.host,
        "started_at": format_timestamp(heartbeat.started_at),
        "last_beat_at": format_timestamp(heartbeat.beat_at),
        "age_ms": max(0, milliseconds(now - heartbeat.beat_at)),
        "alive": is_alive(heartbeat, now),
        "ready": heartbeat.ready,
        "ready_since": format_timestamp(heartbeat.ready_since),
        "problems": heartbeat.problems,
        "partitions": heartbeat.partitions,
        "lag": sum(one.lag for one in heartbeat.progress),
        "rates": heartbeat.rates,
    }


def _topics(
    heartbeats: Iterable[Heartbeat], progress: Sequence[PartitionProgress], topics: Topics, now: int
) -> list[Shown]:
    """Those that are read as a group, or should be."""
    missing = unread(heartbeats, topics, now)
    names = {one.topic for one in progress} | {gap.topic for gap in missing}
    return [
        {
            "topic": spec.name,
            "partitions": spec.partitions,
            "readers": _readers([one for one in progress if one.topic == spec.name]),
            "unread": [
                {"role": gap.role, "partitions": list(gap.partitions)} for gap in missing if gap.topic == spec.name
            ],
        }
        for spec in topics
        if spec.name in names
    ]


def _readers(progress: Sequence[PartitionProgress]) -> list[Shown]:
    by_group: dict[str, list[PartitionProgress]] = {}
    for one in progress:
        by_group.setdefault(one.group, []).append(one)
    return [
        {
            "group": group,
            "partitions": [one.partition for one in held],
            "position": sum(one.position for one in held),
            "end": sum(one.end for one in held),
            "lag": sum(one.lag for one in held),
        }
        for group, held in sorted(by_group.items())
    ]


def _partition(one: PartitionProgress) -> Shown:
    return {
        "group": one.group,
        "topic": one.topic,
        "partition": one.partition,
        "position": one.position,
        "end": one.end,
        "lag": one.lag,
        "standing_seconds": one.standing_seconds,
    }


def _rates(figures: Iterable[RecentFigures]) -> dict[str, float]:
    """How often a second, over all processes; each tells of its own window, which is shorter after its start."""
    rates: dict[str, float] = {}
    for one in figures:
        for name, rate in one.rates().items():
            rates[name] = round(rates.get(name, 0.0) + rate, 3)
    return dict(sorted(rates.items()))


def _latency(name: str, counted: Mapping[float, int]) -> Shown:
    shown: Shown = {"count": sum(counted.values())}
    for label, fraction in _QUANTILES.items():
        seconds = quantile(counted, bounds_of(name), fraction)
        shown[label] = None if seconds is None else round(seconds * 1000, 3)
    return shown


def _websocket(figures: Sequence[RecentFigures]) -> Shown:
    closes = counts_of(figures, "websocket_closed")
    subscriptions = levels_of(figures, "websocket_subscriptions")
    return {
        "connections": int(sum(levels_of(figures, "websocket_connections").values())),
        "subscriptions": {topic: int(count) for topic, count in subscriptions.items()},
        "delivered": counts_of(figures, "websocket_delivered").total(),
        "conflated": counts_of(figures, "websocket_conflated").total(),
        "dropped": counts_of(figures, "websocket_dropped").total(),
        "gaps": counts_of(figures, "websocket_gaps").total(),
        "slow_closes": closes[_TOO_SLOW],
        "closes": dict(closes),
    }


def _errors(figures: Sequence[RecentFigures]) -> Shown:
    answers = counts_of(figures, "requests")
    by_code = {code: count for code, count in sorted(answers.items()) if code != _OK}
    jobs = counts_of(figures, "jobs")
    return {
        "requests": answers.total(),
        "refused": sum(by_code.values()),
        "by_code": by_code,
        "dead_letters": dict(counts_of(figures, "dead_letters")),
        "venue_errors": dict(counts_of(figures, "venue_errors")),
        "failed_jobs": sum(count for name, count in jobs.items() if name.endswith((" failed", " too_old"))),
        "degraded": [name for name in _DEGRADED if levels_of(figures, f"{name}_degraded")],
    }


def _business(business: Business) -> Shown:
    open_orders = sum(business.orders.get(status, 0) for status in ("new", "partially_filled"))
    return {
        "users": _counted(business.users),
        "applications": _counted(business.applications),
        "orders": {**_counted(business.orders), "open": open_orders, "last_24h": business.orders_last_day},
        "fills": {"total": _fills(business.turnover.total), "last_24h": _fills(business.turnover.last_day)},
        "notional": [_notional(currency, business.turnover) for currency in sorted(business.turnover.total)],
        "open_alerts": {"total": sum(business.open_alerts.values()), "by_severity": dict(business.open_alerts)},
        "waitlist": {"total": business.waitlist},
    }


def _counted(by_status: Mapping[str, int]) -> Shown:
    return {"total": sum(by_status.values()), "by_status": dict(by_status)}


def _fills(turnover: Mapping[str, tuple[int, Decimal]]) -> int:
    return sum(fills for fills, _ in turnover.values())


def _notional(currency: str, turnover: Turnover) -> Shown:
    nothing = (0, Decimal(0))
    return {
        "currency": currency,
        "total": text_of(money(turnover.total.get(currency, nothing)[1])),
        "last_24h": text_of(money(turnover.last_day.get(currency, nothing)[1])),
    }
