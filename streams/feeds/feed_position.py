"""The header `feed-position`: which run of a feed made a record, and from where in its source. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

HEADER: Final = "feed-position"


class FeedPosition(NamedTuple):
    """`line` is the record's place in the source of `run`. `acknowledged` is the line up to which every record of the run
    was on the log before this one was sent: where a feed that starts again may go on without losing any.
    """

    run: str
    line: int
    acknowledged: int


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(FeedPosition).decode


def run_prefix(run: str) -> bytes:
    """What every header of `run` begins with."""
    return _encode((run,))[:-1] + b","


def position_of(headers: Sequence[tuple[str, bytes]]) -> FeedPosition | None:
    """The position in a record's headers, None when no feed made it. Raises `ValueError` for one that is malformed."""
    for name, value in headers:
        if name == HEADER:
            return _decode(value)
    return None
