"""The catalog of connectors, one document a connector."""

from collections.abc import Iterable
from typing import Final

from pymongo.errors import DuplicateKeyError

from storage.models.connectors import Connector
from storage.mongo.documents import Database, document_of, noun_of
from storage.mongo.failures import AlreadyStored, repository
from storage.mongo.inserting import insert_missing

COLLECTION: Final = "connectors"
_IDENTITY: Final = "connector_id"


@repository
class Connectors:
    """The catalog. Nothing is ever taken out of it: a connector that is not used any more is `deprecated`."""

    def __init__(self, database: Database) -> None:
        self._collection = database[COLLECTION]

    async def insert(self, connector: Connector) -> None:
        """Add one. Raises `AlreadyStored`."""
        try:
            await self._collection.insert_one(document_of(connector, _IDENTITY))
        except DuplicateKeyError as error:
            raise AlreadyStored(COLLECTION, connector.connector_id) from error

    async def insert_missing(self, connectors: Iterable[Connector]) -> list[str]:
        """Add those whose ids are not there, and tell which; the others stay as somebody has set them."""
        known = {connector.connector_id for connector in await self.all()}
        wanted = [connector for connector in connectors if connector.connector_id not in known]
        await insert_missing(self._collection, [document_of(connector, _IDENTITY) for connector in wanted])
        return [connector.connector_id for connector in wanted]

    async def get(self, connector_id: str) -> Connector | None:
        """The connector of that id."""
        document = await self._collection.find_one({"_id": connector_id})
        return None if document is None else noun_of(Connector, _IDENTITY, document)

    async def all(self) -> list[Connector]:
        """The whole catalog, by id."""
        return [noun_of(Connector, _IDENTITY, document) async for document in self._collection.find({}).sort("_id", 1)]

    async def replace(self, connector: Connector) -> bool:
        """Store `connector`, whose `version` is one above what was read. False, and nothing changed, when another was faster."""
        condition = {"_id": connector.connector_id, "version": connector.version - 1}
        replaced = await self._collection.replace_one(condition, document_of(connector, _IDENTITY))
        return replaced.matched_count == 1
