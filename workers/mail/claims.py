"""A claim on a mail that is held while it is sent, however long the server takes."""

from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.mails import Mail
from workers.renewing import renewed_meanwhile

CLAIM_SECONDS: Final = 15
RENEW_SECONDS: Final = 5.0


class Renewable(Protocol):
    """`storage.mongo.outbox.Outbox`."""

    async def renew(self, mail: Mail, until: int) -> Mail | None: ...


def claimed_until(now: int) -> int:
    """When a claim ends that is taken or renewed `now` (ns)."""
    return now + CLAIM_SECONDS * NANOSECONDS_PER_SECOND


class HeldClaim:
    """`mail` is how it stands; its claim is renewed every 5 s inside `async with held.meanwhile()`."""

    def __init__(self, outbox: Renewable, mail: Mail, clock: Clock) -> None:
        self.mail = mail
        self._outbox, self._clock = outbox, clock

    def meanwhile(self) -> AbstractAsyncContextManager[None]:
        """Hold the claim until the block ends, or somebody else has it."""
        return renewed_meanwhile(f"mail {self.mail.outbox_id}", RENEW_SECONDS, self._renew)

    async def _renew(self) -> bool:
        renewed = await self._outbox.renew(self.mail, claimed_until(self._clock.now()))
        if renewed is not None:
            self.mail = renewed
        return renewed is not None
