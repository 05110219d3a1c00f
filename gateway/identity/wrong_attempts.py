"""Wrong passwords and wrong login codes have counters of their own, by e-mail address and by caller's address.

A full counter refuses whoever asks until its window ends, before anything is looked at.
"""

from contextlib import suppress
from typing import Protocol

from gateway.http.client_address import rate_identity
from gateway.http.limits import LimitName, RateLimited, Spent, email_identity


class Limits(Protocol):
    """Spends named limits (gateway/http/limits.py)."""

    def spend(self, name: LimitName, identity: str, weight: int) -> Spent: ...
    def peek(self, name: LimitName, identity: str) -> Spent: ...


class WrongAttempts:
    """Counts by `about`, which is an e-mail address, or what else is counted for it ("codes of ...")."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def check(self, about: str, client_ip: str) -> None:
        """Raises `rate.limited` when it is locked."""
        self._limits.peek("wrong-passwords", email_identity(about))
        self._limits.peek("wrong-passwords-address", rate_identity(client_ip))

    def count(self, about: str, client_ip: str) -> int | None:
        """Count one. When that locks the address: until when (Unix seconds)."""
        try:
            spent = self._limits.spend("wrong-passwords", email_identity(about), 1)
        except RateLimited as refused:
            locked_until: int | None = refused.spent.reset_at
        else:
            locked_until = spent.reset_at if spent.exhausted else None
        with suppress(RateLimited):  # the next check refuses; this attempt was let in before
            self._limits.spend("wrong-passwords-address", rate_identity(client_ip), 1)
        return locked_until
