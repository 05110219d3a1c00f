"""Between an admin's write and the audit trail: the act that a call is, and the JSON of answers."""

from typing import Any, Final

import msgspec

from gateway.http.calls import BearerCall
from ops.runtime.errors import HubError
from storage.models.audit import Act

encode: Final = msgspec.json.Encoder().encode
Values = dict[str, Any]


def act_of(call: BearerCall, action: str, target: tuple[str, str], before: Values | None, after: Values | None) -> Act:
    """The act of the admin who calls; `target` is a type and an id."""
    return Act(
        actor_type="admin",
        actor_id=call.principal.subject_id,
        action=action,
        target_type=target[0],
        target_id=target[1],
        before=before,
        after=after,
        ip=call.client_ip,
        trace_id=call.trace_id,
        effect_id=call.effect_id,
    )


def with_reason(values: Values, reason: str | None) -> Values:
    """What is asked for, with the reason that was given."""
    return values if reason is None else {**values, "reason": reason}


def busy() -> HubError:
    """The refusal of a write whose document somebody else keeps changing."""
    return HubError("system.unavailable", {"component": "database"})
