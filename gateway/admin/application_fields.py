"""The bodies by which admins rule applications. Pure."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gateway.http.fields import BodyReader
from gateway.http.query import invalid
from storage.models.applications import ProvisionPolicy

_POLICY: Final = "provision_policy"
_PRIORITIES: Final = "priority_exchanges"


class Rejection(NamedTuple):
    """Why an application is rejected: a code for machines, and words for people."""

    reject_reason_code: str
    reject_message: str | None

    @property
    def reason(self) -> str:
        """What the contact is told."""
        return self.reject_message or self.reject_reason_code


def rejection_of(body: dict[str, Any]) -> Rejection:
    """Raises `request.invalid`."""
    reader = BodyReader(body)
    code, message = reader.text("reject_reason_code", required=True), reader.prose("reject_message")
    reader.finish()
    return Rejection(code or "", message)


def policy_of(reader: BodyReader) -> ProvisionPolicy:
    """The policy in a body, what is not said being as usual. Problems are noted under their whole names."""
    inner = BodyReader(reader.mapping(_POLICY) or {})
    said = {name: inner.flag(name) for name in ("auto_bind", "fallback_enabled")}
    priorities = inner.texts(_PRIORITIES, least=0)
    for problem in inner.all_problems():
        reader.refuse(f"{_POLICY}.{problem['name']}", problem["reason"], problem["expected"])
    given = {name: value for name, value in said.items() if inner.has(name)}
    return ProvisionPolicy(**given, priority_exchanges=tuple(priorities))


def check_policy(policy: ProvisionPolicy, exchanges: Sequence[str]) -> None:
    """Raises `request.invalid` for a policy that speaks of other exchanges than those that were applied for."""
    others = [code for code in policy.priority_exchanges if code not in exchanges]
    if others:
        expected = "of those that were applied for: " + ", ".join(exchanges)
        raise invalid(f"{_POLICY}.{_PRIORITIES}", f"unknown: {', '.join(others)}", expected)
