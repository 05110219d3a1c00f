"""A claim is renewed while its holder works, and ends soon when the holder dies."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from storage.mongo.failures import StoreUnavailable

_log = logging.getLogger(__name__)


@asynccontextmanager
async def renewed_meanwhile(what: str, seconds: float, renew: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Call `renew` every `seconds` until the block ends or `renew` says that the claim is lost. A store that is away is asked
    again `seconds` later.
    """
    task = asyncio.create_task(_renew(what, seconds, renew), name=f"claim {what}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _renew(what: str, seconds: float, renew: Callable[[], Awaitable[bool]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            if not await renew():
                _log.warning("the claim on %s is no longer ours", what)
                return
        except StoreUnavailable as error:
            _log.warning("the claim on %s was not renewed: %s", what, error)
