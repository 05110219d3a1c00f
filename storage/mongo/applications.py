"""Access applications, one document each."""

from typing import Final

from pymongo import WriteConcern
from pymongo.errors import DuplicateKeyError

from storage.models.applications import Application, ApplicationFilters
from storage.models.read_models import Cursor
from storage.mongo.documents import Database, Document, document_of, noun_of
from storage.mongo.failures import repository
from storage.mongo.paging import newest_first

COLLECTION: Final = "access_applications"
_IDENTITY: Final = "application_id"


@repository
class Applications:
    """Who has asked to trade what, and how it stands."""

    def __init__(self, database: Database) -> None:
        # An approval that a fail-over undoes would leave a job that nobody approved.
        self._collection = database.get_collection(COLLECTION, write_concern=WriteConcern(w="majority"))

    async def insert(self, application: Application) -> bool:
        """Whether it is new; False, and nothing changed: one of that id is there."""
        try:
            await self._collection.insert_one(document_of(application, _IDENTITY))
        except DuplicateKeyError:
            return False
        return True

    async def get(self, application_id: str) -> Application | None:
        """The application of that id."""
        document = await self._collection.find_one({"_id": application_id})
        return None if document is None else _noun(document)

    async def replace(self, application: Application) -> bool:
        """Store `application`, whose `version` is one above what was read. False, and nothing changed, when another was
        faster.
        """
        condition = {"_id": application.application_id, "version": application.version - 1}
        result = await self._collection.replace_one(condition, document_of(application, _IDENTITY))
        return result.matched_count == 1

    async def page(self, filters: ApplicationFilters, after: Cursor | None, limit: int) -> list[Application]:
        """At most `limit` applications, newest first, behind `after`."""
        found = await newest_first(
            self._collection, _condition(filters), after, limit, at="submitted_at", identity="_id"
        )
        return [_noun(document) for document in found]


def _condition(filters: ApplicationFilters) -> Document:
    """An exchange or market fits where it is one of those asked for."""
    wanted = {
        "tenant_id": filters.tenant_id,
        "status": filters.status,
        "target_exchanges": filters.exchange_code,
        "target_markets": filters.market,
    }
    return {field: value for field, value in wanted.items() if value is not None}


def _noun(document: Document) -> Application:
    return noun_of(Application, _IDENTITY, document)
