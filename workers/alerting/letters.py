"""`dead-letters` -> reports: the letters of one fault in one topic, by one processor, are one alert. Pure.

Nobody says when such a fault is over, so the alert is resolved after a day without another letter.
"""

from typing import Final

from ops.runtime.timestamps import NANOSECONDS_PER_MILLISECOND, parse_timestamp
from storage.log.dead_letters import letter_in
from storage.log.port import Record
from storage.models.alert_codes import DEAD_LETTER
from storage.models.alerts import Place, Raised

QUIET_SECONDS: Final = 86_400


def report_of_letter(record: Record, place: Place) -> Raised:
    """What a record of `dead-letters` reports. The details say where the first bytes stand, never what they are."""
    letter = letter_in(record).letter
    try:
        at = parse_timestamp(letter.ts)
    except ValueError:
        at = record.timestamp * NANOSECONDS_PER_MILLISECOND
    return Raised(
        code=DEAD_LETTER,
        severity="warning",
        subject=f"{letter.topic}/{letter.processor}/{letter.reason}/{letter.stack_hash}",
        message=f"{letter.processor} could not take records of {letter.topic} ({letter.reason}); they are kept in dead-letters.",
        at=at,
        details={
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "dead_letter": record.offset,
            "processor": letter.processor,
            "reason": letter.reason,
            "stack_hash": letter.stack_hash,
        },
        place=place,
        quiet_seconds=QUIET_SECONDS,
    )
