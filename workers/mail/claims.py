"""A claim on a mail that is held while it is sent, however long the server takes, and that ends soon when its holder dies."""

import asyncio
import logging
from types import TracebackType
from typing import Final, Protocol

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.mails import Mail
from storage.mongo.failures import StoreUnavailable

_log = logging.getLogger(__name__)
CLAIM_SECONDS: Final = 15
RENEW_SECONDS: Final = 5.0


class Renewable(Protocol):
    """`storage.mongo.outbox.Outbox`."""

    async def renew(self, mail: Mail, until: int) -> Mail | None: ...


def claimed_until(now: int) -> int:
    """When a claim ends that is taken or renewed `now` (ns)."""
    return now + CLAIM_SECONDS * NANOSECONDS_PER_SECOND


class HeldClaim:
    """Renews the claim on `mail` every 5 s inside `async with`; `mail` is how it stands."""

    def __init__(self, outbox: Renewable, mail: Mail, clock: Clock) -> None:
        self.mail = mail
        self._outbox, self._clock = outbox, clock
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "HeldClaim":
        self._task = asyncio.create_task(self._renew(), name=f"claim {self.mail.outbox_id}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                renewed = await self._outbox.renew(self.mail, claimed_until(self._clock.now()))
            except StoreUnavailable as error:
                _log.warning("the claim on mail %s was not renewed: %s", self.mail.outbox_id, error)
                continue
            if renewed is None:
                _log.warning("the claim on mail %s was lost while it was sent", self.mail.outbox_id)
                return
            self.mail = renewed
