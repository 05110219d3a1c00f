"""Sessions, one document a login. What ends a session stays ended, and of two rotations of a generation one wins."""

from collections.abc import Iterable
from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.sessions import EndedReason, Session
from storage.mongo.documents import Database, Document, document_of, noun_of
from storage.mongo.failures import AlreadyStored, repository

COLLECTION: Final = "sessions"
_IDENTITY: Final = "session_id"


@repository
class Sessions:
    """What people are logged in with. Times are nanoseconds since the epoch."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, session: Session) -> None:
        """Add one. Raises `AlreadyStored`."""
        try:
            await self._collection.insert_one(document_of(session, _IDENTITY))
        except DuplicateKeyError as error:
            raise AlreadyStored(COLLECTION, session.session_id) from error

    async def get(self, session_id: str) -> Session | None:
        """The session of that id, ended or not."""
        document = await self._collection.find_one({"_id": session_id})
        return None if document is None else noun_of(Session, _IDENTITY, document)

    async def get_many(self, session_ids: Iterable[str]) -> dict[str, Session]:
        """Those that exist, ended ones too, by id, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(session_ids)}})
        return {document["_id"]: noun_of(Session, _IDENTITY, document) async for document in cursor}

    async def rotate(self, session_id: str, generation: int, new_hash: str, now: int, expires_at: int) -> bool:
        """Whether this call led the session from `generation` to the next. False: it is not at it, or has ended."""
        condition = {"_id": session_id, "generation": generation, "ended_at": None}
        changes = {
            "generation": generation + 1, "refresh_hash": new_hash, "last_used_at": now, "expires_at": expires_at,
        }  # fmt: skip
        return (await self._collection.update_one(condition, {"$set": changes})).modified_count == 1

    async def end(self, session_id: str, reason: EndedReason, now: int) -> bool:
        """Whether this call ended it: False for an unknown one and for one that had ended (its time and reason stay)."""
        condition = {"_id": session_id, "ended_at": None}
        return (await self._collection.update_one(condition, _ended(reason, now))).modified_count == 1

    async def end_all(self, subject_id: str, reason: EndedReason, now: int, except_session: str | None = None) -> int:
        """End what is open of a person, but `except_session`; how many there were."""
        condition: Document = {"subject_id": subject_id, "ended_at": None}
        if except_session is not None:
            condition["_id"] = {"$ne": except_session}
        return (await self._collection.update_many(condition, _ended(reason, now))).modified_count

    async def active_of(self, subject_id: str, now: int) -> list[Session]:
        """The open sessions of a person that have not expired, newest first."""
        condition = {"subject_id": subject_id, "ended_at": None, "expires_at": {"$gt": now}}
        cursor = self._collection.find(condition).sort([("created_at", -1), ("_id", -1)])
        return [noun_of(Session, _IDENTITY, document) async for document in cursor]


def _ended(reason: EndedReason, now: int) -> Document:
    return {"$set": {"ended_at": now, "ended_reason": reason}}
