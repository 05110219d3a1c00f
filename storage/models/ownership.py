"""Who may write a partition of records, and what is kept so that everybody agrees on it (docs/decisions/0057).

A `claim` is a record without content: its offset is the `epoch` of everything that its writer appends after it. What a
reader needs to judge a record stands in headers, so that nobody decodes a value for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

EPOCH: Final = "epoch"
CAUSE: Final = "cause"
DECIDED_AT: Final = "ts"
SCHEMA: Final = "schema"
CLAIM_SCHEMA: Final = b"claim.1"
CLAIM_KEY: Final = b"claim"
NOTHING: Final = -1
Headers = tuple[tuple[str, bytes], ...]


class Anchor(NamedTuple):
    """The newest claim at or before offset `upto` of a partition; a fact that stays true, whoever noted it.

    `claim` is -1 where none stands before; `BEGINNING` is the anchor before the first record.
    """

    upto: int
    claim: int


BEGINNING: Final = Anchor(NOTHING, NOTHING)


class Floor(msgspec.Struct, frozen=True):
    """Every key that was changed at or below `upto` has a checkpoint that covers it; `claim` is the newest at `upto`.

    `cause` is the highest offset of a command, `decided_at` the latest time (ns), that a valid record is known to carry.
    """

    partition: int
    upto: int = NOTHING
    claim: int = NOTHING
    cause: int = NOTHING
    decided_at: int = 0

    @property
    def anchor(self) -> Anchor:
        """Where a reader may begin."""
        return Anchor(self.upto, self.claim)


class Checkpoint(msgspec.Struct, frozen=True):
    """The state of one key after all its valid records at or below `upto`, as the rules wrote it.

    `cause` and `decided_at` are the highest offset of a command and the latest time (ns) that went into the partition
    by then.
    """

    partition: int
    key: bytes
    upto: int
    cause: int
    decided_at: int
    state: bytes


class ClaimHistory(msgspec.Struct, frozen=True):
    """The claims of a partition that stand at or before `upto`, oldest first, from the floor's claim on."""

    partition: int
    upto: int = NOTHING
    claims: tuple[int, ...] = ()

    def anchor_before(self, start: int, floor: Floor) -> Anchor:
        """The best known anchor for a reader that starts at offset `start` (one at or before `start` - 1)."""
        known = [claim for claim in self.claims if claim < start]
        upto = min(self.upto, start - 1)
        if known and upto >= known[-1]:
            return Anchor(upto, known[-1])
        return floor.anchor if floor.upto < start else BEGINNING

    def extended(self, upto: int, claims: Iterable[int], floor: Floor) -> "ClaimHistory":
        """With all `claims` between the floor and `upto`; those that stand before the floor's claim are dropped."""
        every = sorted({*self.claims, *claims, floor.claim} - {NOTHING})
        return ClaimHistory(
            self.partition, max(upto, self.upto), tuple(claim for claim in every if claim >= floor.claim)
        )


def claim_headers(event_id: str) -> Headers:
    """The headers of a claim."""
    return ((SCHEMA, CLAIM_SCHEMA), ("event-id", event_id.encode()))


def record_headers(epoch: int, cause: int | None, decided_at: int, more: Headers) -> Headers:
    """The headers of a record, `epoch` first; `cause` is None for what no command of the partition caused."""
    own = ((EPOCH, b"%d" % epoch), (DECIDED_AT, b"%d" % decided_at))
    return own + more if cause is None else (*own, (CAUSE, b"%d" % cause), *more)


def is_claim(headers: Sequence[tuple[str, bytes]]) -> bool:
    """Whether a record is a claim."""
    return (SCHEMA, CLAIM_SCHEMA) in headers


def epoch_of(headers: Sequence[tuple[str, bytes]]) -> int | None:
    """The epoch that a record was decided under; None where it carries none (then it never counts)."""
    return _number(headers, EPOCH)


def cause_of(headers: Sequence[tuple[str, bytes]]) -> int | None:
    """The offset of the command that caused a record."""
    return _number(headers, CAUSE)


def decided_at_of(headers: Sequence[tuple[str, bytes]]) -> int:
    """The time (ns) that a record was decided at; 0 where it carries none."""
    return _number(headers, DECIDED_AT) or 0


def _number(headers: Sequence[tuple[str, bytes]], wanted: str) -> int | None:
    for name, value in headers:
        if name == wanted:
            return int(value) if value.isdigit() else None
    return None


class PartitionReport(NamedTuple):
    """What a heartbeat says of one partition: the claim of its owner, and the version of the controls that counts as
    applied: no record that was decided under an earlier one is unacknowledged.
    """

    partition: int
    epoch: int
    controls_version: int


def not_applied(version: int, newest_claims: Mapping[int, int], reports: Iterable[PartitionReport]) -> list[int]:
    """The partitions whose owner does not report `version` yet; all others have applied it.

    `newest_claims` (partition -> offset) must have been looked up after the change of controls was on the log: who
    claims later reads the controls after its claim, and whoever claimed before counts only if its claim is the newest.
    So the word of one whose claim came after the look-up counts too.
    """
    applied: dict[int, int] = {}
    for report in reports:
        if report.controls_version >= version:
            applied[report.partition] = max(report.epoch, applied.get(report.partition, NOTHING))
    return [
        partition
        for partition, claim in sorted(newest_claims.items())
        if partition not in applied or applied[partition] < claim
    ]
