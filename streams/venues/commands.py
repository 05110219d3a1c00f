"""On the road of an order: what a venue reports becomes a command to the order's account. Pure.

The command's id is the report's, so a report that is relayed again has no second effect.
"""

from types import MappingProxyType
from typing import Any, Final

import msgspec

from storage.models.order_commands import VenueReport as ReportCommand
from storage.models.venues import VenueReport

_TYPES: Final = MappingProxyType(
    {
        "acknowledged": "VenueAcknowledged",
        "rejected": "VenueRejected",
        "filled": "VenueFilled",
        "canceled": "VenueCanceled",
        "cancel_rejected": "VenueCancelRejected",
        "replaced": "VenueReplaced",
        "replace_rejected": "VenueReplaceRejected",
        "expired": "VenueExpired",
        "unknown": "VenueUnknown",
        "reconciled": "Reconcile",
    }
)
_SAME: Final = (
    "account_id",
    "order_id",
    "symbol",
    "connector",
    "venue_order_id",
    "upstream_code",
    "request_seq",
    "request",
    "outcome",
    "filled_quantity",
    "quantity",
    "price",
    "time_in_force",
)


def command_of(report: VenueReport) -> ReportCommand:
    """The command of a report. Raises `msgspec.ValidationError` for one that lacks what its kind must have."""
    fields: dict[str, Any] = {name: getattr(report, name) for name in _SAME}
    fields |= {
        "type": _TYPES[report.kind],
        "command_id": report.report_id,
        "venue_ts": report.ts,
        "code": report.reason,
    }
    if report.fill is not None:
        fields |= msgspec.to_builtins(report.fill)
    fields["fills"] = msgspec.to_builtins(report.fills)
    command: ReportCommand = msgspec.convert(
        {name: value for name, value in fields.items() if value is not None}, ReportCommand
    )
    return command
