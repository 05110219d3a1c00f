"""Records that the log removed before they were read -> a report. Pure.

Among them may be what would have raised an alert, or ended one. Nobody can say what, so it is resolved after a day without another gap.
"""

from typing import Final

from storage.models.alert_codes import RECORDS_MISSED
from storage.models.alerts import Place, Raised

QUIET_SECONDS: Final = 86_400


def report_of_missed(source: str, start: int, first: int, now: int) -> Raised:
    """The offsets of `source` (a topic's partition) from `start` on and before `first` were removed unread."""
    return Raised(
        code=RECORDS_MISSED,
        severity="critical",
        subject=source,
        message=f"{first - start} records of {source} were removed before they were read for alerts.",
        at=now,
        details={"records": first - start, "first_missed": start, "last_missed": first - 1},
        place=Place(source, first - 1),
        quiet_seconds=QUIET_SECONDS,
    )
