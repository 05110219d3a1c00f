"""How many commands of one process may wait for their records: one who asks much takes no other's place. Pure."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ops.runtime.errors import HubError

MOST_OF_ALL: Final = 128
MOST_OF_ONE: Final = 64
_AGAIN_SECONDS: Final = 1


class Room:
    """At most `of_all` commands at once (None: as many as accounts have), and `of_one` of each account; a batch that finds nobody
    waiting fits in any case. A core that is behind would only fall further behind by more (docs/decisions/0154).
    """

    def __init__(self, of_all: int | None, of_one: int = MOST_OF_ONE) -> None:
        self._of_all, self._of_one = of_all, of_one
        self._waiting: Counter[str] = Counter()
        self._all = 0

    def has(self, account_id: str, count: int) -> bool:
        """Whether so many commands of an account fit."""
        of_account = self._waiting.get(account_id, 0)
        return (not of_account or of_account + count <= self._of_one) and (
            self._of_all is None or not self._all or self._all + count <= self._of_all
        )

    @contextmanager
    def taken(self, account_id: str, count: int) -> Iterator[None]:
        """So many of an account wait meanwhile, whether they fit or not."""
        self._waiting[account_id] += count
        self._all += count
        try:
            yield
        finally:
            self._all -= count
            self._waiting[account_id] -= count
            if not self._waiting[account_id]:
                del self._waiting[account_id]


def no_room() -> HubError:
    """What is said to a first request without room: nothing of it is kept, and its key is free."""
    return HubError("rate.limited", {"limit": "waiting"}, retry_after=_AGAIN_SECONDS)


def room_for_orders() -> Room:
    """Of orders and amends."""
    return Room(MOST_OF_ALL)


def room_for_protection() -> Room:
    """Of cancels, dead-man switches and trading states: nobody is locked out of these by anybody else (http.md, Limits)."""
    return Room(None)
