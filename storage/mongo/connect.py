"""The database behind a URL: a real server through motor, or mongomock in this process for the local profile."""

import asyncio
import threading
from dataclasses import dataclass
from typing import Any, Final

from motor.frameworks import asyncio as driver
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo.errors import ConfigurationError, InvalidURI, PyMongoError
from pymongo.uri_parser import parse_uri

from storage.mongo.documents import Database
from storage.mongo.failures import StoreUnavailable, first_reason

__all__ = ["Store", "StoreUnavailable", "connect"]

_ANSWER_AFTER_SELECTION_SECONDS = 1.0
MOCK_SCHEME = "mongomock://"
_IN_MEMORY = "mongomock"
SERVER_SCHEMES = ("mongodb://", "mongodb+srv://")
SELECTION_TIMEOUT_MS = 5_000
SOCKET_TIMEOUT_MS = 30_000
"""The longest that one command may take; a longer index build is asked for again, or `socketTimeoutMS` in the URL says more."""
IDLE_CONNECTION_MS = 60_000
"""A connection that a burst opened and nobody used since is closed after this: what a process holds follows its work of now."""
_THREADS_SECONDS: Final = 30.0
"""The longest that the driver's threads wait for one another: those that began do not wait for one that cannot."""
_threads_started = threading.Lock()
"""Taken by the one start of the driver's threads in this process, and never given back."""


@dataclass(frozen=True, slots=True)
class Store:
    """One database and the client that reaches it. `address` is `host:port[,host:port]`, without credentials."""

    client: Any
    database: Database
    address: str
    answer_seconds: float = SELECTION_TIMEOUT_MS / 1_000

    async def ping(self) -> None:
        """Return when the server answers. Raises `StoreUnavailable`, one line naming the address, within `answer_seconds`."""
        try:
            async with asyncio.timeout(self.answer_seconds):
                await self.database.command("ping")
        except TimeoutError:
            raise StoreUnavailable(
                f"cannot use the database at {self.address}: no answer within {self.answer_seconds:g} s"
            ) from None
        except PyMongoError as error:
            raise StoreUnavailable(f"cannot use the database at {self.address}: {first_reason(error)}") from error

    async def start_threads(self) -> None:
        """Start all threads that the driver may have in this process, once: by itself it starts one more whenever none is
        free (the eighth was seen after 39 minutes). The in-memory store has none. Raises `RuntimeError` where they cannot be had.
        """
        if self.address == _IN_MEMORY or not _threads_started.acquire(blocking=False):
            return
        loop, all_there = asyncio.get_running_loop(), threading.Barrier(driver.max_workers)
        run_on_executor: Any = driver.run_on_executor
        await asyncio.gather(
            *(run_on_executor(loop, all_there.wait, _THREADS_SECONDS) for _ in range(driver.max_workers))
        )

    def close(self) -> None:
        """Give back the connections; the repositories made of `database` cannot be used afterwards."""
        self.client.close()


def connect(url: str, database_name: str, *, selection_timeout_ms: int = SELECTION_TIMEOUT_MS) -> Store:
    """The store behind `mongomock://` (in memory, empty, of this call alone) or `mongodb://...` (connects on first use).

    Options of the URL (`directConnection`, `w`, `tls`, ...) count as given. Raises `ValueError`, naming what is
    wrong, for a URL that is neither.
    """
    if url.startswith(MOCK_SCHEME):
        return _in_memory(database_name)
    if not url.startswith(SERVER_SCHEMES):
        raise ValueError("the store URL must begin with mongomock:// or mongodb://")
    try:
        address = ",".join(f"{host}:{port}" for host, port in parse_uri(url)["nodelist"])
        real: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(
            url,
            appname="omniaxs",
            **_defaults(
                url,
                serverSelectionTimeoutMS=selection_timeout_ms,
                connectTimeoutMS=SELECTION_TIMEOUT_MS,
                socketTimeoutMS=SOCKET_TIMEOUT_MS,
                maxIdleTimeMS=IDLE_CONNECTION_MS,
            ),
        )
    except (InvalidURI, ConfigurationError, ValueError) as error:
        raise ValueError(f"the store URL cannot be used: {first_reason(error)}") from error
    return Store(real, real[database_name], address, _ANSWER_AFTER_SELECTION_SECONDS + selection_timeout_ms / 1_000)


def _in_memory(database_name: str) -> Store:
    from mongomock_motor import AsyncMongoMockClient  # noqa: PLC0415  (a process with a real store is started without it)

    from storage.mongo.mock import narrow_before_matching  # noqa: PLC0415

    narrow_before_matching()
    client: Any = AsyncMongoMockClient()
    return Store(client, client[database_name], _IN_MEMORY)


def _defaults(url: str, **options: Any) -> dict[str, Any]:
    """Those of our options that the URL leaves open."""
    given = url.lower()
    return {name: value for name, value in options.items() if name.lower() not in given}
