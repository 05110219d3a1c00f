"""An alert as JSON: what admins are answered, and webhooks are told. Pure."""

from typing import Any

from ops.runtime.timestamps import format_timestamp
from storage.models.alerts import Alert


def alert_view(alert: Alert) -> dict[str, Any]:
    """Everything that is shown of an alert, in the contract's order."""
    return {
        "alert_id": alert.alert_id,
        "code": alert.code,
        "severity": alert.severity,
        "subject": alert.subject,
        "message": alert.message,
        "details": alert.details,
        "state": alert.state,
        "count": alert.count,
        "first_seen_at": format_timestamp(alert.first_seen_at),
        "last_seen_at": format_timestamp(alert.last_seen_at),
        "acknowledged_at": _moment(alert.acknowledged_at),
        "acknowledged_by": alert.acknowledged_by,
        "resolved_at": _moment(alert.resolved_at),
        "runbook": alert.runbook,
    }


def _moment(nanoseconds: int | None) -> str | None:
    return None if nanoseconds is None else format_timestamp(nanoseconds)
