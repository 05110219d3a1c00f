"""Documents that are written once: the first one with an identity stays, whoever writes it again and however late."""

from collections.abc import Sequence
from typing import Final

from pymongo.errors import BulkWriteError

from storage.mongo.documents import Collection, Document
from storage.mongo.failures import StoreUnavailable, WriteRefused

_DUPLICATE_KEY: Final = 11000


async def insert_missing(collection: Collection, documents: Sequence[Document]) -> None:
    """Insert those whose `_id` is not there yet, in no order. Raises `WriteRefused` for one that cannot be stored."""
    if not documents:
        return
    try:
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        _raise_others(collection.name, error)


def _raise_others(collection: str, error: BulkWriteError) -> None:
    """What is there already was the aim; anything else is a failure."""
    details = error.details or {}
    for problem in details.get("writeErrors", ()):
        if problem["code"] != _DUPLICATE_KEY:
            raise WriteRefused(f"{collection} did not take a document: {problem.get('errmsg')}") from error
    if problems := details.get("writeConcernErrors"):
        raise StoreUnavailable(f"a write was not acknowledged by the replica set: {problems[0].get('errmsg')}")
