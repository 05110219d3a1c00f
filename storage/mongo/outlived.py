"""Documents that nobody asks for any more: what has ended long ago is dropped, by the sweeps of the workers."""

from storage.mongo import challenges, notices, sessions
from storage.mongo.documents import Database
from storage.mongo.failures import repository


@repository
class Outlived:
    """Drops by age. Times are nanoseconds since the epoch; each answers how many it dropped."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def challenges(self, before: int) -> int:
        """Those whose code expired before."""
        return await self._drop(challenges.COLLECTION, "expires_at", before)

    async def sessions(self, before: int) -> int:
        """Those that could no longer be refreshed before, ended or not."""
        return await self._drop(sessions.COLLECTION, "expires_at", before)

    async def notices(self, before: int) -> int:
        """Those that were told before; the same notice may be told again afterwards."""
        return await self._drop(notices.COLLECTION, "mail.created_at", before)

    async def _drop(self, collection: str, field: str, before: int) -> int:
        return (await self._database[collection].delete_many({field: {"$lt": before}})).deleted_count
