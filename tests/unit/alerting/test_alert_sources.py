"""What records and heartbeats report: signals, dead letters, processes that are gone or not ready, partitions that stand."""

import json
from types import SimpleNamespace

import pytest

from ops.processes.heartbeat import FORGOTTEN_SECONDS
from ops.runtime.timestamps import format_timestamp, parse_timestamp
from storage.log.dead_letters import message_of
from storage.models.alerts import Alert, Cleared, Place, Raised, raised
from storage.models.dead_letters import DeadLetter, stack_hash
from storage.models.operations import Heartbeat
from storage.stalled_partitions import StalledPartition
from workers.alerting.letters import report_of_letter
from workers.alerting.processes import (
    GONE_SECONDS,
    LOOK_BACK_SECONDS,
    NOT_READY_SECONDS,
    STANDING,
    gone,
    not_ready,
)
from workers.alerting.signals import report_of_signal
from workers.alerting.watching import stalled_watch

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
HERE = Place("risk-signals-2", 41)


def record(value: bytes | None, key: bytes = b"k", offset: int = 41) -> SimpleNamespace:
    return SimpleNamespace(
        topic="t", partition=0, offset=offset, timestamp=1_700_000_000_000, key=key, value=value, headers=()
    )


def a_signal(**changes: object) -> bytes:
    signal = {
        "signal_id": "sig_1", "code": "margin.call", "severity": "critical", "state": "raised", "account_id": "acc_1",
        "figures": {"risk_ratio": "1.1"}, "ts": "2026-11-23T05:00:00.5Z", **changes,
    }  # fmt: skip
    return json.dumps({name: value for name, value in signal.items() if value is not None}).encode()


def test_a_raised_signal_is_a_cause_of_the_alert_of_its_account() -> None:
    report = report_of_signal(record(a_signal()), HERE)
    assert isinstance(report, Raised)
    assert (report.code, report.subject, report.severity, report.cause) == ("margin.call", "acc_1", "critical", "sig_1")
    assert report.at == parse_timestamp("2026-11-23T05:00:00.5Z")
    assert report.place == HERE


def test_a_cleared_signal_ends_its_cause() -> None:
    report = report_of_signal(record(a_signal(state="cleared")), HERE)
    assert report == Cleared("margin.call", "acc_1", parse_timestamp("2026-11-23T05:00:00.5Z"), "sig_1", HERE)


@pytest.mark.parametrize(
    ("changes", "subject"),
    [
        ({"symbol": "AAPL.US"}, "acc_1/AAPL.US"),
        ({"account_id": None, "platform": True, "symbol": "AAPL.US", "code": "feed.stale"}, "AAPL.US"),
        ({"account_id": None, "platform": True, "figures": {"connector": "sim-a"}}, "sim-a"),
        ({"account_id": None, "platform": True}, "platform"),
        ({"account_id": None, "figures": {"connector": 5}}, "platform"),
        ({"figures": {"connector": "sim-a"}}, "acc_1"),
    ],
)
def test_what_a_signal_is_about(changes: dict[str, object], subject: str) -> None:
    raised, cleared = (
        report_of_signal(record(a_signal(**changes, state=state)), HERE) for state in ("raised", "cleared")
    )
    assert raised is not None
    assert cleared is not None
    assert raised.subject == cleared.subject == subject


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"{}", a_signal(state="odd"), a_signal(ts="now"), a_signal(severity="bad")]
)
def test_what_is_no_signal_is_left_to_the_projection(value: bytes | None) -> None:
    assert report_of_signal(record(value), HERE) is None


def a_letter(**changes: object) -> DeadLetter:
    letter = {
        "topic": "trades", "partition": 3, "offset": 7, "key": b"AAPL.US", "value": b"secret", "headers": (),
        "reason": "late", "text": "secret too", "stack_hash": stack_hash("bars", "late"), "processor": "bars",
        "ts": "2026-11-23T05:00:00Z", **changes,
    }  # fmt: skip
    return DeadLetter(**letter)


def test_letters_of_one_fault_have_one_subject_and_tell_no_bytes() -> None:
    reports = [
        report_of_letter(record(message_of(a_letter(offset=n)).value, offset=n), Place("d-0", n)) for n in (1, 2)
    ]
    assert len({(one.code, one.subject) for one in reports}) == 1
    other = report_of_letter(record(message_of(a_letter(stack_hash="another")).value), Place("d-0", 3))
    assert other.subject != reports[0].subject
    assert "secret" not in repr(reports)
    assert reports[0].details["offset"] == 1
    assert reports[0].quiet_seconds == 86_400


def test_a_dead_letter_that_is_none_is_an_alert_too() -> None:
    report = report_of_letter(record(b"no letter"), Place("d-0", 3))
    assert report.subject.startswith("dead-letters/-/dead_letter.undecodable/")
    odd = report_of_letter(record(message_of(a_letter(ts="never")).value), Place("d-0", 3))
    assert odd.at == 1_700_000_000 * SECOND


def a_beat(
    process: str = "gateway-a-1", age: float = 0, started: float = 100, *, ready: bool = True, role: str = "gateway"
) -> Heartbeat:
    return Heartbeat(
        process_id=process, role=role, version="1", host="a", started_at=NOW - round(started * SECOND),
        beat_at=NOW - round(age * SECOND), ready=ready,
    )  # fmt: skip


def gone_names(beats: list[Heartbeat], *standing: Alert) -> list[str]:
    return [one.subject for one in gone(beats, standing, NOW)]


def test_a_silent_process_is_gone_until_another_of_its_role_has_started_since() -> None:
    silent = a_beat("gateway-a-1", age=GONE_SECONDS)
    assert gone_names([silent, a_beat("gateway-a-2")]) == ["gateway-a-1"]
    assert gone_names([a_beat(age=GONE_SECONDS - 0.1)]) == []
    assert gone_names([silent, a_beat("gateway-b-9", started=5)]) == []
    assert gone_names([silent, a_beat("orders-b-9", started=5, role="orders")]) == ["gateway-a-1"]


def test_one_that_started_since_takes_the_place_of_one_only() -> None:
    silent = [a_beat("gateway-a-1", age=60), a_beat("gateway-a-2", age=50)]
    assert gone_names([*silent, a_beat("gateway-b-9", started=5)]) == ["gateway-a-2"]
    assert gone_names([*silent, a_beat("gateway-b-9", started=5), a_beat("gateway-b-8", started=4)]) == []


def test_of_a_process_that_dies_again_and_again_the_last_one_is_missed() -> None:
    died = [
        a_beat("gateway-a-1", age=90),
        a_beat("gateway-a-2", age=60, started=80),
        a_beat("gateway-a-3", age=30, started=50),
    ]
    assert gone_names(died) == ["gateway-a-3"]
    assert gone_names([*died, a_beat("gateway-a-4", started=20)]) == []


def standing_alert(process: str = "gateway-a-1", silent: float = 7_200, seen: float = 30) -> Alert:
    """What was raised of a process that has been silent so long, and was last told so long ago that it still is."""
    (report,) = gone([a_beat(process, age=silent)], [], NOW - round((silent - GONE_SECONDS) * SECOND))
    alert = raised(None, report, "alt_1")
    assert alert is not None
    return alert.model_copy(update={"last_seen_at": NOW - round(seen * SECOND)})


def test_a_process_whose_heartbeat_was_forgotten_is_missed_by_its_alert() -> None:
    alert = standing_alert()
    (report,) = gone([a_beat("gateway-a-2", started=5_000)], [alert], NOW)
    assert (report.code, report.subject, report.cause, report.at) == ("process.gone", "gateway-a-1", STANDING, NOW)
    assert (report.message, report.details) == (alert.message, alert.details)


def test_it_is_missed_no_more_once_it_is_back_or_another_of_its_role_has_started_since() -> None:
    alert = standing_alert()
    assert gone_names([a_beat("gateway-a-1")], alert) == []
    assert gone_names([a_beat("gateway-b-9", started=20)], alert) == []
    assert gone_names([a_beat("orders-b-9", started=20, role="orders")], alert) == ["gateway-a-1"]
    both = [alert, standing_alert("gateway-a-2", silent=7_100)]
    assert gone_names([a_beat("gateway-b-9", started=20)], *both) == ["gateway-a-2"]


def test_who_took_the_place_of_another_long_ago_does_not_take_one_more() -> None:
    """Of two that died the first was replaced; now its heartbeat is forgotten, and then that of the second too."""
    replaced_another = a_beat("gateway-b-9", started=2_000)
    still_heard = [a_beat("gateway-a-1", age=2_950), replaced_another]
    assert gone_names(still_heard, standing_alert(silent=2_950)) == ["gateway-a-1"]
    assert gone_names([a_beat("gateway-b-9", started=7_000)], standing_alert(silent=7_100)) == ["gateway-a-1"]
    silent_workers = standing_alert(seen=7_050)
    assert gone_names([a_beat("gateway-b-9", started=7_000)], silent_workers) == [], "nobody has looked since"


def test_one_that_was_silent_and_took_its_heartbeat_away_has_ended() -> None:
    assert gone_names([], standing_alert(silent=LOOK_BACK_SECONDS)) == []
    assert gone_names([], standing_alert(silent=LOOK_BACK_SECONDS + 1)) == ["gateway-a-1"]
    assert LOOK_BACK_SECONDS < FORGOTTEN_SECONDS, "or what was forgotten looks like a good-bye"


def test_not_every_alert_that_stands_is_of_a_process_that_is_gone() -> None:
    unready = not_ready([a_beat("a", ready=False)], NOW)[0]
    alert = raised(None, unready, "alt_1")
    assert alert is not None
    assert gone([], [alert], NOW) == []


def test_a_process_counts_as_not_ready_after_half_a_minute_of_it() -> None:
    def since(seconds: float, *, ready: bool = False, age: float = 0) -> Heartbeat:
        return a_beat("a", age, ready=ready).model_copy(update={"ready_since": NOW - round(seconds * SECOND)})

    (report,) = not_ready([since(NOT_READY_SECONDS)], NOW)
    assert (report.code, report.subject, report.cause) == ("process.not_ready", "a", STANDING)
    assert report.details["since"] == format_timestamp(NOW - NOT_READY_SECONDS * SECOND)
    assert not_ready([since(NOT_READY_SECONDS - 0.1)], NOW) == []
    assert not_ready([since(600, ready=True)], NOW) == []
    assert not_ready([since(600, age=GONE_SECONDS)], NOW) == [], "what is gone is told as gone"


async def test_partitions_that_stand_and_that_nobody_reads_are_told() -> None:
    found = [
        StalledPartition("orders", "order-commands", 3, 5, 9, 40, "stands"),
        StalledPartition("market", "trades", 1, 0, 0, 31, "unread"),
    ]

    async def look() -> list[StalledPartition]:
        return found

    stands, unread = await stalled_watch(look).look(NOW, [])
    assert (stands.subject, unread.subject) == ("orders/order-commands-3", "market/trades-1")
    assert "5 of order-commands-3 for 40 s" in stands.message
    assert "No process of market" in unread.message
