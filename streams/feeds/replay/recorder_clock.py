"""How far a recorder's clock was off the exchange's, so that rows without an exchange time can stand among the others."""

from itertools import islice

from streams.feeds.replay.cells import time_cell
from streams.feeds.replay.lines import lines_of
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.table import Cells, Table

_SAMPLE = 1_000


def recorder_skew(trades: RecordedFile) -> int:
    """Nanoseconds to add to `recv_ts_ns`, from the first 1,000 rows of a Binance trades file of the same recorder.

    Every row says when the exchange sent it and when it came: the difference is the clocks' less the way's. The
    greatest is that of the fastest way, so the nearest to the clocks' own.
    """
    table = Table(lines_of(trades.path), ("recv_ts_ns", "event_time_ms"))
    received, sent = time_cell(table, "recv_ts_ns", "ns"), time_cell(table, "event_time_ms", "ms")

    def ahead(cells: Cells, _line: int) -> int:
        return sent(cells) - received(cells)

    return max(islice(table.map(ahead), _SAMPLE), default=0)
