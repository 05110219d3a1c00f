"""The hash chain of the audit trail: how a link is hashed, and which link of a kept trail is the first that is broken. Pure.

The hash of a link is the key ring's keyed hash (storage/sealing.py) over all its fields but `hash`, `prev_hash` among them,
as JSON with sorted names, no blanks and ASCII alone; fields that are null are left out. Whoever has no key of the ring can
make no link; whoever has one is met by the heads, which were published elsewhere.
"""

import json
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from storage.models.audit import AuditEvent
from storage.sealing import KeyRing, UnknownKey

_CONTEXT: Final = b"audit"
Link = Mapping[str, Any]
"""The fields of an event as they are kept, whatever has become of them."""
NO_HEADS: Final[Mapping[int, str]] = MappingProxyType({})


class Head(NamedTuple):
    """The newest link of a trail; seq 0 is an empty one."""

    seq: int
    hash: str


EMPTY: Final = Head(0, "")


class Broken(NamedTuple):
    """The first link that is not as it was written: its `seq`, and what is wrong with it."""

    seq: int
    what: str


def linked(event: AuditEvent, head: Head, key_ring: KeyRing) -> AuditEvent:
    """The event as the link behind `head`: seq, prev_hash and hash are set."""
    placed = event.model_copy(update={"seq": head.seq + 1, "prev_hash": head.hash})
    link = placed.model_dump(mode="json")
    return placed.model_copy(update={"hash": key_ring.keyed_hash(_content(link), _CONTEXT)})


class ChainCheck:
    """Takes the links of a trail in the order of their seq; `heads` are hashes by seq that were published."""

    def __init__(self, key_ring: KeyRing, heads: Mapping[int, str] = NO_HEADS) -> None:
        self._key_ring, self._heads = key_ring, heads
        self.head = EMPTY

    def take(self, link: Link) -> Broken | None:
        """What is wrong with the next link; None: nothing."""
        expected = self.head.seq + 1
        seq = link.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool):
            return Broken(expected, f"its seq is not a whole number but {seq!r}")
        if seq > expected:
            return Broken(expected, f"it is missing: {seq} follows {self.head.seq}")
        if seq < expected:
            return Broken(seq, f"it stands after {self.head.seq}, where {expected} belongs")
        wrong = self._wrong(link, seq)
        if wrong is not None:
            return Broken(seq, wrong)
        self.head = Head(seq, link["hash"])
        return None

    def end(self) -> Broken | None:
        """What is wrong once no further link comes: a published head is beyond the last."""
        last = max(self._heads, default=0)
        if last > self.head.seq:
            return Broken(
                self.head.seq + 1, f"it is missing: the head {last} was published, the trail ends at {self.head.seq}"
            )
        return None

    def _wrong(self, link: Link, seq: int) -> str | None:
        try:
            own = self._is_own(link)
        except UnknownKey as error:
            return f"it was hashed by the key {error.key_id!r}, which the key ring does not hold"
        if not own:
            return "its content is not what its hash says: it was changed, or is not ours"
        if link.get("prev_hash") != self.head.hash:
            return f"it does not follow {self.head.seq}: its prev_hash is not the hash of that"
        if self._heads.get(seq, link["hash"]) != link["hash"]:
            return "its hash is not the one that was published as the head: the trail was written anew"
        return None

    def _is_own(self, link: Link) -> bool:
        hashed = link.get("hash")
        if not isinstance(hashed, str) or not hashed.isascii():
            return False
        return self._key_ring.matches(hashed, _content(link), _CONTEXT)


def first_broken(links: Iterable[Link], key_ring: KeyRing, heads: Mapping[int, str] = NO_HEADS) -> Broken | None:
    """The first broken link of a whole trail, given in the order of seq; None: it is as it was written."""
    check = ChainCheck(key_ring, heads)
    for link in links:
        broken = check.take(link)
        if broken is not None:
            return broken
    return check.end()


def _content(link: Link) -> bytes:
    """What is hashed. A value that no event of ours has is shown as it is, so that it changes the hash."""
    fields = {name: value for name, value in link.items() if name != "hash" and value is not None}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), default=repr).encode()
