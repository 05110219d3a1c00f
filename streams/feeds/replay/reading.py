"""What a reader is told about one file, and what it counts while reading it."""

from dataclasses import dataclass


@dataclass(slots=True)
class Reading:
    """`symbol` is the source symbol of a file that names none in its rows. `midnight` (ns) begins the day of a file
    whose times are since midnight. `sequence_base` is added to the lines that stand for missing trade ids, so that two
    files of one symbol in one replay do not share ids. `skew` (ns) is added to the recorder's clock where the venue
    gives no time. Counted: rows left out as `corrected`, `outside_session` or `unmapped`, and `gaps` of the book.
    """

    symbol: str
    midnight: int | None = None
    sequence_base: int = 0
    skew: int = 0
    corrected: int = 0
    gaps: int = 0
    outside_session: int = 0
    unmapped: int = 0
