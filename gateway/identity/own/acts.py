"""What people do with their own account, as the audit trail tells it."""

from collections.abc import Mapping
from typing import Any

from gateway.http.calls import BearerCall
from storage.models.audit import Act


def own_act(call: BearerCall, action: str, target: tuple[str, str], after: Mapping[str, Any]) -> Act:
    """The caller did `action` to `target` (its type and id). Every try of one write is one act."""
    target_type, target_id = target
    return Act(
        actor_type="user",
        actor_id=call.principal.subject_id,
        action=action,
        target_type=target_type,
        target_id=target_id,
        before=None,
        after=after,
        ip=call.client_ip,
        trace_id=call.trace_id,
        effect_id=call.effect_id,
    )
