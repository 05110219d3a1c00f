"""Pydantic nouns <-> documents: the noun's own key is the document's `_id`."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from pydantic import BaseModel

if TYPE_CHECKING:
    from motor.motor_asyncio import AsyncIOMotorCollection, AsyncIOMotorDatabase

Document: TypeAlias = dict[str, Any]
Database: TypeAlias = "AsyncIOMotorDatabase[Document]"
Collection: TypeAlias = "AsyncIOMotorCollection[Document]"
Noun = TypeVar("Noun", bound=BaseModel)
Item = TypeVar("Item")


def document_of(noun: BaseModel, identity: str) -> Document:
    """The document of a noun whose field `identity` is its key. What is None is left out (`$max` begins at nothing)."""
    fields = noun.model_dump(mode="json")
    key = fields.pop(identity)
    return {"_id": key, **{name: value for name, value in fields.items() if value is not None}}


def noun_of(kind: type[Noun], identity: str, document: Document) -> Noun:
    """The noun of a document. Fields that this version does not know are left out: a newer one may have written them."""
    known = {name: document[name] for name in kind.model_fields if name in document}
    return kind.model_validate({**known, identity: document["_id"]})


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of at most `size`."""
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
