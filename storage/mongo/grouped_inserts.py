"""Single documents that many callers insert at once, in one command for all that wait: each command costs a millisecond."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError

from storage.mongo.documents import Document

AT_ONCE: Final = 100
_DUPLICATE_KEY: Final = 11000
Outcome = bool | PyMongoError


class _Waiting(NamedTuple):
    document: Document
    inserted: "asyncio.Future[bool]"


class GroupedInserts:
    """Inserts into one collection. One command is under way; what comes meanwhile goes together in the next, at most
    `AT_ONCE` documents. What waits is bounded by those who wait for it.
    """

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self._waiting: list[_Waiting] = []
        self._inserting: asyncio.Task[None] | None = None

    async def insert(self, document: Document) -> bool:
        """Return once the document is stored: False where another one with its key is. Raises `PyMongoError`: then it may be
        stored or not. Who gives up waiting does not take it back.
        """
        inserted: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(document, inserted))
        if self._inserting is None or self._inserting.done():
            self._inserting = asyncio.create_task(self._insert_waiting(), name="inserts")
        return await inserted

    async def _insert_waiting(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            try:
                outcomes: Mapping[int, Outcome] = await self._insert(group)
            except PyMongoError as error:
                outcomes = dict.fromkeys(range(len(group)), error)
            except BaseException:  # what nobody expected, or the end of the loop: those who wait must hear of it
                for waiting in (*group, *self._waiting):
                    waiting.inserted.cancel()
                self._waiting.clear()
                raise
            for index, waiting in enumerate(group):
                _tell(waiting, outcomes.get(index, True))

    async def _insert(self, group: Sequence[_Waiting]) -> Mapping[int, Outcome]:
        """What became of those that were not inserted, by index."""
        try:
            if len(group) == 1:
                await self._collection.insert_one(group[0].document)
            else:
                await self._collection.insert_many([waiting.document for waiting in group], ordered=False)
        except DuplicateKeyError:
            return {0: False}
        except BulkWriteError as error:
            if error.details.get("writeConcernErrors"):
                raise
            return {
                failed["index"]: False if failed["code"] == _DUPLICATE_KEY else error
                for failed in error.details["writeErrors"]
            }
        return {}


def _tell(waiting: _Waiting, outcome: Outcome) -> None:
    if waiting.inserted.done():
        return
    if isinstance(outcome, PyMongoError):
        waiting.inserted.set_exception(outcome)
    else:
        waiting.inserted.set_result(outcome)
