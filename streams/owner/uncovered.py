"""Which keys have changes that no checkpoint covers, and so how far the floor may rise. Pure."""

from collections.abc import Iterable


class Uncovered:
    """Keys by the offset of their first change that is not covered, in the order of these offsets."""

    def __init__(self) -> None:
        self._first: dict[bytes, int] = {}
        self._in_writing: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._first) + len(self._in_writing)

    def changed(self, key: bytes, offset: int) -> None:
        """A valid record of `key` stands at `offset`; offsets come in ascending order."""
        self._first.setdefault(key, offset)

    def begin(self, limit: int) -> list[bytes]:
        """The keys that have waited longest, at most `limit`: the caller takes their states now, and writes them."""
        keys = list(self._first)[:limit]
        for key in keys:
            self._in_writing[key] = self._first.pop(key)
        return keys

    def put_back(self, keys: Iterable[bytes]) -> None:
        """These, of what `begin` gave, are not written this time: they have waited longest still."""
        self._first = {**{key: self._in_writing.pop(key) for key in keys}, **self._first}

    def floor(self, read: int) -> int:
        """The highest offset at or below which all changes are covered once what `begin` gave is written.

        `read` is the last offset whose changes are known here.
        """
        return min(self._first.values(), default=read + 1) - 1

    def written(self) -> None:
        """What `begin` gave is covered."""
        self._in_writing.clear()

    def not_written(self) -> None:
        """It is not: the first changes of these keys count again."""
        self._first = {
            **self._in_writing,
            **{key: at for key, at in self._first.items() if key not in self._in_writing},
        }
        self._in_writing.clear()


def uncovered(changes: Iterable[tuple[bytes, int]]) -> Uncovered:
    """Of the changes (key, offset) in ascending order."""
    found = Uncovered()
    for key, offset in changes:
        found.changed(key, offset)
    return found
