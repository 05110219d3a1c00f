"""What corrections leave standing: the prints of a range of the log without those that were taken back out."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from streams.market.bars.bar import WorkingBar
from streams.market.bars.decoding import Entry
from streams.market.bars.prints import Aggregate, Print, aggregate


def standing(tape: Iterable[Entry], lateness: int | None) -> tuple[list[Print], set[int]]:
    """The prints of one symbol that stand after `tape` (in log order), and the offsets of the corrections that found
    the print that they name. A correction names a print by (event time, `venue_seq`), the newest of several; one that
    finds none changes nothing, its replacement included. Prints later than `lateness` ns were never folded.
    """
    prints: dict[tuple[int, int], list[Print]] = defaultdict(list)
    effective: set[int] = set()
    latest = -(2**63)
    for entry in tape:
        moment = entry.ts if isinstance(entry, Print) else entry.trade.ts
        if lateness is not None and latest - moment > lateness:
            continue
        if isinstance(entry, Print):
            latest = max(latest, moment)
            prints[moment, entry.venue_seq].append(entry)
            continue
        named = prints[entry.trade.ts, entry.venue_seq]
        if named:
            named.pop()
            effective.add(entry.trade.offset)
            if entry.replaces:
                prints[entry.trade.ts, entry.trade.venue_seq].append(entry.trade)
    return [trade for trades in prints.values() for trade in trades], effective


def within(bar: WorkingBar, prints: Sequence[Print]) -> Aggregate | None:
    """The aggregate of those prints that the bar's interval holds; None when it holds none."""
    held = [trade for trade in prints if bar.begin <= trade.ts < bar.end]
    return aggregate(held) if held else None
