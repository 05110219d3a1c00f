"""Alerts: what they are and how they live, `open -> acknowledged -> resolved`. Pure.

Of a (code, subject) at most one alert is not resolved. What is reported of it again is counted there; after it was resolved a new
alert begins. What a log reports carries the offset that it stands at, and is counted once however often it is read.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND

Severity = Literal["info", "warning", "critical"]
AlertState = Literal["open", "acknowledged", "resolved"]
TellingKind = Literal["open", "repeated", "acknowledged", "resolved"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
STATES: Final[tuple[AlertState, ...]] = ("open", "acknowledged", "resolved")
MOST_CAUSES: Final = 200
"""Of an alert; of more than that the oldest are forgotten, and of those that have ended the same number is known."""
LONGEST_CODE: Final = 100
LONGEST_SUBJECT: Final = 200
LONGEST_MESSAGE: Final = 500
_RUNBOOK: Final = "docs/operating.md#alert-"
_KEY_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the log a report stands: `source` is a topic's partition (`risk-signals-3`)."""

    source: str
    offset: int


@dataclass(frozen=True, slots=True)
class Raised:
    """Something is wrong with `subject`, seen at `at` (ns).

    `cause` names what is wrong where several things may be at once (a signal's id): the alert is resolved when the last of
    them is cleared, and a cause that is told again is not counted again. Without a cause every report counts. `count`: reports
    told as one. `quiet_seconds`: the alert is resolved when nothing was reported for so long; None: only by `Cleared`.
    """

    code: str
    severity: Severity
    subject: str
    message: str
    at: int
    details: Mapping[str, Any] = field(default_factory=dict)
    cause: str = ""
    place: Place | None = None
    count: int = 1
    quiet_seconds: int | None = None
    runbook: str | None = None


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was wrong with `subject` is so no more, since `at` (ns): one `cause`, or ("") all of it."""

    code: str
    subject: str
    at: int
    cause: str = ""
    place: Place | None = None


Report = Raised | Cleared


class HookTry(BaseModel):
    """How telling one webhook goes: `attempts` so far, the next at `next_try_at` (ns)."""

    model_config = ConfigDict(frozen=True)

    attempts: int = 0
    next_try_at: int = 0


class Telling(BaseModel):
    """One round of telling people and webhooks, the `number`th of its alert, begun at `at` (ns). `hooks` are those that have
    not taken it yet. Somebody is at it until `claimed_until`.
    """

    model_config = ConfigDict(frozen=True)

    number: int
    kind: TellingKind
    at: int
    hooks: dict[str, HookTry] = {}
    claimed_until: int = 0


class Alert(BaseModel):
    """Times are nanoseconds since the epoch. `number` counts the alerts of this code and subject, `version` the writes.

    `causes` are what is wrong now, `ended` the causes that are over for good; `seen` is the last offset that was counted of
    each source. `told_state` is the state that was told last (None: none), begun at `told_at`; `tellings` counts the rounds,
    `telling` is the one under way; `rounds` are when the last of them were begun (ns, oldest first), those of the alerts of this
    code and subject before it among them. `due_at` is when somebody has to do something about telling, `quiet_at` when the alert is
    resolved unless something is reported.
    """

    model_config = ConfigDict(frozen=True)

    alert_id: str
    number: int
    version: int = 1
    code: str
    severity: Severity
    subject: str
    message: str
    details: dict[str, Any] = {}
    runbook: str
    state: AlertState = "open"
    count: int
    first_seen_at: int
    last_seen_at: int
    acknowledged_at: int | None = None
    acknowledged_by: str | None = None
    resolved_at: int | None = None
    causes: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()
    seen: dict[str, int] = {}
    quiet_seconds: int | None = None
    quiet_at: int | None = None
    told_state: AlertState | None = None
    told_at: int = 0
    tellings: int = 0
    telling: Telling | None = None
    rounds: tuple[int, ...] = ()
    due_at: int | None = None


def key_of(code: str, subject: str) -> str:
    """What the alerts of a code and subject have in common."""
    return hashlib.sha256(f"{code}\n{subject}".encode()).hexdigest()[:_KEY_DIGITS]


def runbook_of(code: str) -> str:
    """Where an operator reads what to do."""
    return _RUNBOOK + "".join(letter if letter.isalnum() else "-" for letter in code.lower())


def raised(newest: Alert | None, report: Raised, alert_id: str) -> Alert | None:
    """What the report makes of the newest alert of its code and subject: that one changed, or a new one, `alert_id`. None: it is
    known already.
    """
    if newest is not None and (_counted(newest, report.place) or report.cause in newest.ended):
        return None
    if newest is None or newest.state == "resolved":
        return _begun(newest, report, alert_id)
    last_seen = max(newest.last_seen_at, report.at)
    changes: dict[str, Any] = {"last_seen_at": last_seen, "seen": _seen(newest, report.place)}
    changes["quiet_at"] = _quiet_at(newest.quiet_seconds, last_seen)
    if report.cause and report.cause in newest.causes:
        return newest if last_seen == newest.last_seen_at else newest.model_copy(update=changes)
    changes |= {"message": report.message, "details": dict(report.details), "count": newest.count + report.count}
    changes["severity"] = max(newest.severity, report.severity, key=SEVERITIES.index)
    if report.cause:
        changes["causes"] = (*newest.causes, report.cause)[-MOST_CAUSES:]
    return newest.model_copy(update=changes)


def cleared(newest: Alert | None, report: Cleared) -> Alert | None:
    """What the report makes of the newest alert of its code and subject; None: nothing."""
    if newest is None or _counted(newest, report.place):
        return None
    ended = tuple(one for one in newest.ended if one != report.cause)
    ended = (*ended, report.cause)[-MOST_CAUSES:] if report.cause else newest.ended
    causes = tuple(one for one in newest.causes if report.cause and one != report.cause)
    after = newest.model_copy(update={"causes": causes, "ended": ended, "seen": _seen(newest, report.place)})
    if newest.state == "resolved" or causes:
        return None if after == newest else after
    return _resolved(after, report.at)


def acknowledged(alert: Alert, by: str, now: int) -> Alert | None:
    """Somebody has taken it. None: it is not open any more."""
    if alert.state != "open":
        return None
    return alert.model_copy(update={"state": "acknowledged", "acknowledged_at": now, "acknowledged_by": by})


def quieted(alert: Alert, now: int) -> Alert | None:
    """Resolved, when nothing was reported for as long as it takes. None: not yet."""
    if alert.state == "resolved" or alert.quiet_at is None or alert.quiet_at > now:
        return None
    return _resolved(alert, now)


def _begun(before: Alert | None, report: Raised, alert_id: str) -> Alert:
    inherited: dict[str, Any] = {}
    if before is not None:
        inherited = {"ended": before.ended, "seen": before.seen, "rounds": before.rounds}
    if report.place is not None:
        inherited["seen"] = {**inherited.get("seen", {}), report.place.source: report.place.offset}
    return Alert(
        alert_id=alert_id,
        number=1 if before is None else before.number + 1,
        code=report.code,
        severity=report.severity,
        subject=report.subject,
        message=report.message,
        details=dict(report.details),
        runbook=report.runbook or runbook_of(report.code),
        count=report.count,
        first_seen_at=report.at,
        last_seen_at=report.at,
        causes=(report.cause,) if report.cause else (),
        quiet_seconds=report.quiet_seconds,
        quiet_at=_quiet_at(report.quiet_seconds, report.at),
        **inherited,
    )


def _resolved(alert: Alert, at: int) -> Alert:
    return alert.model_copy(
        update={"state": "resolved", "resolved_at": max(at, alert.first_seen_at), "causes": (), "quiet_at": None}
    )


def _counted(alert: Alert, place: Place | None) -> bool:
    return place is not None and alert.seen.get(place.source, -1) >= place.offset


def _seen(alert: Alert, place: Place | None) -> dict[str, int]:
    return alert.seen if place is None else {**alert.seen, place.source: place.offset}


def _quiet_at(quiet_seconds: int | None, last_seen: int) -> int | None:
    return None if quiet_seconds is None else last_seen + quiet_seconds * NANOSECONDS_PER_SECOND
