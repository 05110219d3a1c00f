"""The checks that several roles share: whether store and log answer, and whether what is read moves."""

from collections.abc import Sequence
from typing import Final

from ops.processes.platform import Platform
from ops.runtime.health import Check
from storage.decisions.decisions import Decisions
from storage.log.port import LogUnavailable
from storage.mongo.connect import StoreUnavailable
from storage.topics import QUOTES
from streams.app.worker_state import PartitionState

LAG_BOUND: Final = 50_000
"""Records behind from which on a reader does not count as ready."""
QUOTES_BOUND: Final = 10_000
"""Quotes behind from which on what is shown, or filled at, is of before."""


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
            await platform.log.ends([QUOTES])
        except LogUnavailable as error:
            return str(error)
        return None

    return check


def decisions_check(decisions: Decisions) -> Check:
    """Not ready until decisions about whatever is published would be seen."""

    async def check() -> str | None:
        return None if decisions.is_ready else "has not yet found where the records of orders are to be read"

    return check


def standing(stalled: Sequence[PartitionState]) -> str | None:
    """The problem in words, where partitions are stalled."""
    names = ", ".join(f"{held.topic}-{held.partition}" for held in stalled)
    return f"partitions that do not move while their log grows: {names}" if names else None
