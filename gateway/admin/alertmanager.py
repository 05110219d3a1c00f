"""`POST /internal/v1/admin/alerts/alertmanager`: what the rules of Prometheus find becomes alerts (Alertmanager's webhook, version 4:
https://prometheus.io/docs/alerting/latest/configuration/#webhook_config). Fields that we do not know are left alone.
"""

import re
from typing import Any, Final, Literal

import msgspec

from gateway.admin.acts import encode
from gateway.http.calls import OpenCall
from gateway.http.query import invalid
from ops.runtime.timestamps import parse_client_timestamp
from storage.alerting import AlertKeeper
from storage.models.alerts import SEVERITIES, Cleared, Raised, Report, runbook_of

MOST_ALERTS: Final = 200
_LONGEST_RUNBOOK: Final = 500
_CODE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_WORD_BEGINS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD: Final = re.compile(r"[^a-z0-9]+")
_NO_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_NOT_SUBJECT: Final = frozenset({"alertname", "severity", "code", "subject"})
_PLATFORM: Final = "platform"
_OF_OTHERS: Final = runbook_of("prometheus")
"""Where whoever reads of a rule that names no runbook is told whose it is."""


class RuleAlert(msgspec.Struct):
    """One alert as Alertmanager tells it. `fingerprint` is the same for the same labels; `startsAt` tells its times apart."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    startsAt: str  # noqa: N815  (Alertmanager's name)
    fingerprint: str
    annotations: dict[str, str] = {}
    endsAt: str | None = None  # noqa: N815  (Alertmanager's name)


class Group(msgspec.Struct):
    """What Alertmanager posts."""

    version: Literal["4"]
    alerts: list[RuleAlert]


class AlertmanagerDesk:
    """Takes what Alertmanager tells."""

    def __init__(self, keeper: AlertKeeper) -> None:
        self._keeper = keeper

    async def take(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """`data`: how many alerts came, and how many of them were news. Alertmanager tells again what was not taken, and what
        is told again is known by its fingerprint and start. Raises `request.invalid`.
        """
        group = _read(body)
        reports = [report_of(rule_alert, call.now) for rule_alert in group.alerts]
        changed = [await self._keeper.report(report) is not None for report in reports]
        return encode({"received": len(reports), "changed": sum(changed)})


def report_of(rule_alert: RuleAlert, now: int) -> Report:
    """What an alert of Alertmanager reports. Raises `request.invalid` for a time that is none."""
    code, subject = _code(rule_alert.labels), _subject(rule_alert)
    cause = f"{rule_alert.fingerprint}@{_moment('startsAt', rule_alert.startsAt)}"
    ended = _moment("endsAt", rule_alert.endsAt) if rule_alert.endsAt is not None else now
    if rule_alert.status == "resolved":
        return Cleared(code, subject, min(ended, now), cause=cause)
    severity = rule_alert.labels.get("severity", "")
    notes = rule_alert.annotations
    return Raised(
        code,
        severity if severity in SEVERITIES else "warning",
        subject,
        notes.get("summary") or notes.get("description") or f"{rule_alert.labels.get('alertname', code)} is firing.",
        now,
        {"labels": _named(rule_alert.labels), "annotations": _named(notes), "started_at": rule_alert.startsAt},
        cause=cause,
        runbook=notes.get("runbook_url", "")[:_LONGEST_RUNBOOK] or _OF_OTHERS,
    )


def _read(body: dict[str, Any]) -> Group:
    try:
        group = msgspec.convert(body, Group)
    except msgspec.ValidationError as error:
        raise invalid("body", str(error), "Alertmanager's webhook, version 4") from None
    if len(group.alerts) > MOST_ALERTS:
        raise invalid("alerts", "too many", f"at most {MOST_ALERTS}")
    return group


def _code(labels: dict[str, str]) -> str:
    """The rule's own code, else `prometheus.` and the alert's name in snake case."""
    code = labels.get("code", "")
    if _CODE.fullmatch(code):
        return code
    words = _WORD_BEGINS.sub("_", labels.get("alertname", "alert")).lower()
    return f"prometheus.{_NO_WORD.sub('_', words).strip('_') or 'alert'}"


def _subject(rule_alert: RuleAlert) -> str:
    """What the rule names, else all labels that tell its alerts apart."""
    named = rule_alert.annotations.get("subject") or rule_alert.labels.get("subject")
    if named:
        return named
    rest = {name: value for name, value in rule_alert.labels.items() if name not in _NOT_SUBJECT}
    return ",".join(f"{name}={value}" for name, value in sorted(rest.items())) or _PLATFORM


def _named(texts: dict[str, str]) -> dict[str, str]:
    """Under names that can be a document's."""
    return {_NO_NAME.sub("_", name): value for name, value in texts.items()}


def _moment(name: str, text: str) -> int:
    try:
        return parse_client_timestamp(text)
    except (ValueError, OverflowError):
        raise invalid(
            f"alerts[].{name}", "not an RFC 3339 date-time with Z or an offset", "2026-11-23T05:00:00Z"
        ) from None
