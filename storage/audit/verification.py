"""Checks a kept trail, link by link, against itself and against the heads that were published."""

from typing import Final, NamedTuple, Protocol

from storage.models.audit_chain import Broken, ChainCheck, Head, Link
from storage.sealing import KeyRing

_AT_ONCE: Final = 1_000


class LinkSource(Protocol):
    """The kept trail (storage/mongo/audit_events.py)."""

    async def links(self, after: Link | None, limit: int) -> list[Link]: ...


class PublishedHeads(Protocol):
    """The published heads (storage/audit/heads.py)."""

    async def published(self) -> dict[int, str]: ...


class Verdict(NamedTuple):
    """What a check has found: `head` is the last link that is whole; `published` the newest published seq, 0 for none."""

    head: Head
    published: int
    broken: Broken | None


async def verify(events: LinkSource, heads: PublishedHeads, key_ring: KeyRing) -> Verdict:
    """Check the whole trail. Raises `StoreUnavailable` and `LogUnavailable`."""
    known = await heads.published()  # first: what was published by now is kept by now
    check = ChainCheck(key_ring, known)
    broken = await _first_broken(events, check)
    return Verdict(check.head, max(known, default=0), broken)


async def _first_broken(events: LinkSource, check: ChainCheck) -> Broken | None:
    last: Link | None = None
    while links := await events.links(last, _AT_ONCE):
        for link in links:
            broken = check.take(link)
            if broken is not None:
                return broken
        last = links[-1]
    return check.end()
