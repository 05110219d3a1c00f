"""Audit events as admins are shown them. People and keys are shown as to themselves (gateway/identity)."""

from typing import Any

from ops.runtime.timestamps import format_timestamp
from storage.models.audit import AuditEvent


def audit_view(event: AuditEvent) -> dict[str, Any]:
    """An audit event with all that its hash is made of."""
    return {**event.model_dump(), "ts": format_timestamp(event.ts)}
