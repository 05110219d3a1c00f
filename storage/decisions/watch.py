"""One reader of one account's decisions, fed by the process's tail: bounded, and told when something may be missing."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Self

from storage.models.order_records import OrderRecord

WATCHED_RECORDS: Final = 10_000
"""How many records a watch holds for a reader that does not come; with one more it is lost."""


class DecisionsLost(Exception):
    """Records of the watched account may have gone by unseen; what was waited for is unknown."""


class Watch:
    """The account's valid records since the watch was entered, in their order; iterate over it, once.

    Iterating raises `DecisionsLost` once records may be missing. A context manager: leaving ends the feed.
    """

    def __init__(self, account_id: str, enter: Callable[["Watch"], None], leave: Callable[["Watch"], None]) -> None:
        self.account_id = account_id
        self._enter, self._leave = enter, leave
        self._records: deque[OrderRecord] = deque()
        self._lost: str | None = None
        self._waiting: asyncio.Future[None] | None = None

    def offer(self, record: OrderRecord) -> None:
        """Called by the tail with the next record."""
        if len(self._records) >= WATCHED_RECORDS:
            self.lose(f"more than {WATCHED_RECORDS} records were not taken")
            return
        self._records.append(record)
        self._wake()

    def lose(self, reason: str) -> None:
        """Called by the tail when records may be missing from here on."""
        self._lost = self._lost or reason
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def __enter__(self) -> Self:
        self._enter(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._leave(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OrderRecord:
        while not self._records:
            if self._lost is not None:
                raise DecisionsLost(f"decisions about {self.account_id}: {self._lost}")
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._records.popleft()
