"""One partition of `order-events` on its way into the read models: judged, decoded once, folded."""

from collections.abc import Sequence

from storage.log.port import Record
from storage.log.valid_records import ValidRecords
from storage.models.order_records import OrderRecord, decode_record
from storage.models.ownership import Anchor, decided_at_of
from storage.models.reading import UNREADABLE
from streams.orders.projection.fold import Changes, Fold
from streams.orders.projection.ports import AccountsStore


class RecordUnreadable(Exception):
    """A record that counts cannot be decoded: perhaps a newer version wrote it. Nothing after it is folded."""


class PartitionFold:
    """From an anchor on; accounts go on from their documents, or begin anew where there are no `accounts` to look at.

    `decided` are the times (ns) of the valid records since the last `drain`.
    """

    def __init__(self, anchor: Anchor, accounts: AccountsStore | None) -> None:
        self._judge = ValidRecords(anchor)
        self._accounts = accounts
        self._fold = Fold(forgetful=accounts is not None)
        self.written = anchor
        self.decided: list[int] = []

    @property
    def pending(self) -> int:
        """Valid records that were taken and not drained."""
        return len(self.decided)

    @property
    def anchor(self) -> Anchor:
        """Where the partition stands once what is pending is written."""
        return self._judge.anchor

    async def take(self, records: Sequence[Record]) -> None:
        """Take the next records; what was taken before is left out.

        Raises `RecordUnreadable`, naming the record, and `SequenceBroken`.
        """
        valid = self._judge.take(records)
        if not valid:
            return
        decoded = [_decode(record) for record in valid]
        await self._look_up(decoded)
        for record in decoded:
            self._fold.take(record)
        self.decided += [decided_at_of(record.headers) for record in valid]

    def drain(self) -> Changes:
        """What is pending, each document once."""
        self.decided = []
        return self._fold.drain()

    async def _look_up(self, records: Sequence[OrderRecord]) -> None:
        unknown = self._fold.unknown(records)
        if not unknown:
            return
        stored = {} if self._accounts is None else await self._accounts.get_many(unknown)
        for account_id in unknown:
            self._fold.know(account_id, stored.get(account_id))


def _decode(record: Record) -> OrderRecord:
    try:
        return decode_record(record.value or b"")
    except UNREADABLE as error:
        place = f"{record.topic}-{record.partition}@{record.offset}"
        raise RecordUnreadable(f"{place} is no order record that this version reads: {error}") from error
