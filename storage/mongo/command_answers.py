"""What clients were told of their commands, one document a command, kept for 25 h (requests live 24 h): it answers a request sent again."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from storage.models.order_events import FirstAnswer
from storage.models.read_models import CommandAnswer
from storage.mongo.documents import Database, Document
from storage.mongo.failures import repository
from storage.mongo.inserting import insert_missing

COLLECTION: Final = "command_answers"
_ANSWER: Final = "answer"
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FirstAnswer).decode


@repository
class CommandAnswers:
    """The first answer of each command, by command id. `answer` is kept as its JSON bytes: nothing asks for parts of it."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def get(self, command_ids: Iterable[str]) -> dict[str, CommandAnswer]:
        """Those that are known and not forgotten yet, by command id, in one query."""
        cursor = self._collection.find({"_id": {"$in": list(command_ids)}})
        return {document["_id"]: _answer(document) async for document in cursor}

    async def insert(self, answers: Sequence[CommandAnswer]) -> None:
        """Insert those of commands that have none: the first answer stays."""
        await insert_missing(self._collection, [_document(answer) for answer in answers])

    async def remove_expired(self, now: int) -> int:
        """Forget those with `expires_at` <= `now` (ns); returns how many."""
        return (await self._collection.delete_many({"expires_at": {"$lte": now}})).deleted_count

    async def delete_all(self) -> int:
        """Forget every answer; returns how many there were."""
        return (await self._collection.delete_many({})).deleted_count


def _document(answer: CommandAnswer) -> Document:
    fields = msgspec.structs.asdict(answer)
    return {"_id": answer.command_id, **fields, _ANSWER: _encode(answer.answer)}


def _answer(document: Document) -> CommandAnswer:
    return msgspec.convert({**document, _ANSWER: _decode(document[_ANSWER])}, CommandAnswer)
