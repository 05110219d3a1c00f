"""The summary is a sum of what heartbeats and counts say, whoever tells it."""

from decimal import Decimal
from typing import Any

from gateway.admin.summary import Business, Turnover, summary
from ops.runtime.timestamps import format_timestamp
from storage.models.operations import Heartbeat
from storage.models.partition_progress import PartitionProgress
from storage.models.recent_figures import RecentFigures
from storage.topics import Topics

SECOND = 1_000_000_000
NOW = 1_800_000_000 * SECOND
NO_BUSINESS = Business({}, {}, {}, 0, Turnover({}, {}), {}, 0)


def beat(name: str, age: float, role: str = "gateway", **changes: Any) -> Heartbeat:
    fields: dict[str, Any] = {
        "process_id": name,
        "role": role,
        "version": "1",
        "host": "h",
        "started_at": NOW - 100 * SECOND,
        "beat_at": NOW - int(age * SECOND),
        "ready": True,
        "ready_since": NOW - 90 * SECOND,
    }
    return Heartbeat(**{**fields, **changes})


def runtime(*beats: Heartbeat) -> dict[str, Any]:
    shown: dict[str, Any] = summary(beats, NO_BUSINESS, Topics(), NOW)["runtime"]
    return shown


def test_processes_are_shown_with_since_when_they_are_how_they_are() -> None:
    problems = {"store": "mongodb://x does not answer"}
    [well, gone] = runtime(beat("a", 0.25), beat("b", 60, role="market", ready=False, problems=problems))["processes"]
    assert (well["alive"], well["age_ms"], well["ready_since"]) == (True, 250, format_timestamp(NOW - 90 * SECOND))
    assert (gone["alive"], gone["ready"], gone["problems"]) == (False, False, problems)


def test_counts_rates_and_levels_of_living_processes_are_added_up() -> None:
    one = RecentFigures(
        seconds=10.0,
        counts={
            "requests": [("auth.key_revoked", 2), ("ok", 18)],
            "websocket_closed": [("1012", 1), ("4413", 2)],
            "jobs": [("provision failed", 1), ("send_mail done", 4), ("send_mail too_old", 2)],
        },
        levels={"websocket_connections": [("", 3.0)], "websocket_subscriptions": [("quotes", 5.0)]},
    )
    other = RecentFigures(
        seconds=2.0,
        counts={"requests": [("ok", 4)], "websocket_delivered": [("bars", 1), ("quotes", 6)]},
        levels={"websocket_connections": [("", 1.0)], "limits_degraded": [("", 1.0)]},
    )
    shown = runtime(beat("a", 0, recent=one), beat("b", 0, recent=other), beat("gone", 60, recent=one))
    assert shown["rates"] == {"jobs": 0.7, "requests": 4.0, "websocket_closed": 0.3, "websocket_delivered": 3.5}
    assert shown["errors"] == {
        "requests": 24,
        "refused": 2,
        "by_code": {"auth.key_revoked": 2},
        "dead_letters": {},
        "venue_errors": {},
        "failed_jobs": 3,
        "degraded": ["limits"],
    }
    websocket = shown["websocket"]
    assert (websocket["connections"], websocket["subscriptions"], websocket["delivered"]) == (4, {"quotes": 5}, 7)
    assert (websocket["slow_closes"], websocket["closes"]) == (2, {"1012": 1, "4413": 2})
    assert shown["jobs"] == {"provision failed": 1, "send_mail done": 4, "send_mail too_old": 2}


def test_latencies_are_quantiles_of_all_processes_together() -> None:
    fast = RecentFigures(latencies={"request": [(0.005, 99)]})
    slow = RecentFigures(latencies={"request": [(1.0, 1)], "log_to_socket_bars": [(float("inf"), 1)]})
    shown = runtime(beat("a", 0, recent=fast), beat("b", 0, recent=slow))["latency_ms"]
    assert shown["request"]["count"] == 100
    assert 2.5 < shown["request"]["p50"] < shown["request"]["p99"] <= 5
    assert shown["log_to_socket_bars"] == {"count": 1, "p50": 10_000.0, "p95": 10_000.0, "p99": 10_000.0}


def test_topics_say_who_reads_how_far_and_who_should_and_does_not() -> None:
    progress = [
        PartitionProgress("orders", "order-commands", 0, 5, 9),
        PartitionProgress("orders", "order-commands", 1, 7, 7),
        PartitionProgress("orders", "order-commands", 2, 0, 50, 45),
    ]
    shown = runtime(beat("a", 0, "orders", progress=progress, partitions={"order-commands": [0, 1, 2]}))
    [topic] = [one for one in shown["topics"] if one["topic"] == "order-commands"]
    assert topic["readers"] == [{"group": "orders", "partitions": [0, 1, 2], "position": 12, "end": 66, "lag": 54}]
    assert topic["unread"] == [{"role": "orders", "partitions": [3, 4, 5, 6, 7]}]
    assert [(one["partition"], one["lag"]) for one in shown["worst_consumers"]] == [(2, 50), (0, 4)]
    assert [(one["partition"], one["standing_seconds"]) for one in shown["stalled_partitions"]] == [(2, 45)]
    [quotes] = [one for one in shown["topics"] if one["topic"] == "quotes"]
    assert (quotes["readers"], quotes["unread"]) == ([], [{"role": "market", "partitions": list(range(8))}])


def test_business() -> None:
    business = Business(
        users={"active": 2, "closed": 1},
        applications={"submitted": 1},
        orders={"new": 3, "partially_filled": 1, "filled": 5},
        orders_last_day=4,
        turnover=Turnover(
            {"USD": (7, Decimal("1000000000000.00000001")), "JPY": (1, Decimal(10))}, {"USD": (2, Decimal("0.5"))}
        ),
        open_alerts={"info": 0, "critical": 2},
        waitlist=6,
    )
    shown = summary([], business, Topics(), NOW)
    assert (shown["generated_at"], shown["window_seconds"]) == (format_timestamp(NOW), 60)
    assert shown["business"] == {
        "users": {"total": 3, "by_status": {"active": 2, "closed": 1}},
        "applications": {"total": 1, "by_status": {"submitted": 1}},
        "orders": {"total": 9, "by_status": {"new": 3, "partially_filled": 1, "filled": 5}, "open": 4, "last_24h": 4},
        "fills": {"total": 8, "last_24h": 2},
        "notional": [
            {"currency": "JPY", "total": "10", "last_24h": "0"},
            {"currency": "USD", "total": "1000000000000.00000001", "last_24h": "0.5"},
        ],
        "open_alerts": {"total": 2, "by_severity": {"info": 0, "critical": 2}},
        "waitlist": {"total": 6},
    }
