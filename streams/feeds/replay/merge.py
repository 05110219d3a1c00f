"""Several recordings as one: by event time, each in its own order. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import itemgetter
from typing import NamedTuple

from streams.feeds.replay.rows import Row


class Placed(NamedTuple):
    """A row of source `source` (its index). `due` is the greatest event time (ns) of its source so far."""

    due: int
    source: int
    row: Row


def merge_by_time(sources: Sequence[Iterable[Row]]) -> Iterator[Placed]:
    """All rows by `due`; equal ones by the sources' order. A row that is earlier than one before it in its source
    follows that one at once: a source keeps its own order, which its book and its ties depend on.
    """
    placed = [_placed(index, rows) for index, rows in enumerate(sources)]
    return placed[0] if len(placed) == 1 else merge(*placed, key=itemgetter(0))


def _placed(index: int, rows: Iterable[Row]) -> Iterator[Placed]:
    due = 0
    for row in rows:
        due = max(due, row.ts)
        yield Placed(due, index, row)
