"""The checks that several roles share: whether store and log answer."""

from ops.processes.platform import Platform
from ops.runtime.health import Check
from storage.log.port import LogUnavailable
from storage.mongo.connect import StoreUnavailable
from storage.topics import QUOTES


def store_check(platform: Platform) -> Check:
    """The problem in words while the store does not answer."""

    async def check() -> str | None:
        try:
            await platform.store.ping()
        except StoreUnavailable as error:
            return str(error)
        return None

    return check


def log_check(platform: Platform) -> Check:
    """The problem in words while the log does not answer."""

    async def check() -> str | None:
        try:
            await platform.log.bounds(QUOTES)
        except LogUnavailable as error:
            return str(error)
        return None

    return check
