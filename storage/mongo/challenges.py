"""Challenges, one document each; the mail with the code is a part of it."""

from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.challenges import Challenge, ChallengeKind
from storage.models.people import Audience
from storage.mongo.documents import Database, document_of, noun_of
from storage.mongo.failures import AlreadyStored, repository

COLLECTION: Final = "challenges"
_IDENTITY: Final = "challenge_id"


@repository
class Challenges:
    """Codes that were asked for."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, challenge: Challenge) -> None:
        """Add one. Raises `AlreadyStored`."""
        try:
            await self._collection.insert_one(document_of(challenge, _IDENTITY))
        except DuplicateKeyError as error:
            raise AlreadyStored(COLLECTION, challenge.challenge_id) from error

    async def get(self, challenge_id: str) -> Challenge | None:
        """The challenge of that id, dead or alive."""
        document = await self._collection.find_one({"_id": challenge_id})
        return None if document is None else noun_of(Challenge, _IDENTITY, document)

    async def newest(self, kind: ChallengeKind, audience: Audience, subject_id: str) -> Challenge | None:
        """The person's newest of a kind, dead or alive."""
        found = await self.newest_of(kind, audience, subject_id, 1)
        return found[0] if found else None

    async def newest_of(self, kind: ChallengeKind, audience: Audience, subject_id: str, most: int) -> list[Challenge]:
        """The person's last ones of a kind, dead or alive, newest first."""
        condition = {"subject_id": subject_id, "kind": kind, "audience": audience}
        cursor = self._collection.find(condition).sort([("created_at", -1), ("_id", -1)]).limit(most)
        return [noun_of(Challenge, _IDENTITY, document) async for document in cursor]

    async def replace(self, before: Challenge, after: Challenge) -> bool:
        """Whether `after` took the place of `before`: False when another has tried, resent or ended it since.

        The mail is written only when it is another one than before: who sends mails writes at it meanwhile.
        """
        condition = {
            "_id": before.challenge_id, "tries": before.tries, "mails": before.mails, "ended_at": before.ended_at,
        }  # fmt: skip
        fields = document_of(after, _IDENTITY)
        del fields["_id"]
        if _outbox_id(before) == _outbox_id(after):
            fields.pop("mail", None)
        return (await self._collection.update_one(condition, {"$set": fields})).matched_count == 1

    async def end_all(self, subject_id: str, now: int) -> int:
        """End what a person has open, of whichever kind; how many there were. Who is trying one then finds it changed."""
        condition = {"subject_id": subject_id, "ended_at": None}
        return (await self._collection.update_many(condition, {"$set": {"ended_at": now}})).modified_count


def _outbox_id(challenge: Challenge) -> str | None:
    return None if challenge.mail is None else challenge.mail.outbox_id
