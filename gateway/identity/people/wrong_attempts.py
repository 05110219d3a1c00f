"""Wrong passwords and wrong codes have counters of their own, by e-mail address (each door apart) and by caller's address.

A full counter refuses whoever asks until its window ends, before anything is looked at.
"""

from contextlib import suppress
from typing import Literal, NamedTuple

from gateway.http.client_address import rate_identity
from gateway.http.limits import RateLimited, email_identity
from gateway.identity.ports import RateLimits
from storage.models.people import Audience


class Counted(NamedTuple):
    """One counter: wrong `what` for an address at a door, where that of a user and that of an admin may be the same one."""

    what: Literal["passwords", "codes", "reset codes"]
    audience: Audience
    email: str

    @property
    def identity(self) -> str:
        """What the limit counts by."""
        return email_identity(f"{self.what} of {self.audience} {self.email}")


class WrongAttempts:
    """Counts them."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits

    def check(self, counted: Counted, client_ip: str) -> None:
        """Raises `rate.limited` when it is locked."""
        self._limits.peek("wrong-passwords", counted.identity)
        self._limits.peek("wrong-passwords-address", rate_identity(client_ip))

    def count(self, counted: Counted, client_ip: str) -> int | None:
        """Count one. When that locks the address at the door: until when (Unix seconds)."""
        try:
            spent = self._limits.spend("wrong-passwords", counted.identity, 1)
        except RateLimited as refused:
            locked_until: int | None = refused.spent.reset_at
        else:
            locked_until = spent.reset_at if spent.exhausted else None
        with suppress(RateLimited):  # the next check refuses; this attempt was let in before
            self._limits.spend("wrong-passwords-address", rate_identity(client_ip), 1)
        return locked_until
