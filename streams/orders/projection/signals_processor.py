"""`risk-signals` -> the signals that are active, as documents: what `GET /v1/risk/signals` and the snapshot of `risk.*` read."""

from collections.abc import Sequence
from typing import Final

from ops.runtime.metrics import RISK_SIGNALS_TOTAL, Metrics
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, parse_timestamp
from storage.log.port import Record
from storage.models.alert_codes import OF_SIGNALS
from storage.models.ownership import NOTHING, Anchor
from storage.models.read_models import SignalDocument
from storage.models.reading import UNREADABLE
from storage.models.risk_signals import decode_signal
from storage.topics import RISK_SIGNALS
from streams.market.refused import Refused
from streams.orders.projection.ports import AnchorStore, LetterBox, SignalsStore

_SWEEP_NS: Final = 3_600 * NANOSECONDS_PER_SECOND
_CLEARED_KEPT_NS: Final = 86_400 * NANOSECONDS_PER_SECOND


class SignalsProcessor:
    """Keeps each signal's last state (see `streams.processor.Processor`). Nobody owns this topic: every record counts, and
    may come again. What is no signal goes to `dead-letters`.
    """

    name = "active-signals"
    topic = RISK_SIGNALS

    def __init__(self, *, signals: SignalsStore, anchors: AnchorStore, letters: LetterBox, metrics: Metrics) -> None:
        self._signals, self._anchors, self._letters = signals, anchors, letters
        self._counter = metrics.counter(RISK_SIGNALS_TOTAL)
        for code in OF_SIGNALS:
            for state in ("raised", "cleared"):
                self._counter.labels(code=code, state=state)  # a counter that begins at 1 has no increase there
        self._pending: dict[int, dict[str, SignalDocument]] = {}
        self._reached: dict[int, Anchor] = {}
        self._swept_at = 0

    async def assign(self, partition: int, committed: int | None) -> None:  # noqa: ARG002
        """Nothing to load: clearing is final, whatever comes again."""
        self._pending[partition] = {}
        self._reached.pop(partition, None)

    async def fold(self, partition: int, records: Sequence[Record]) -> None:
        """Keep the last state of each signal; one that was cleared stays so."""
        pending = self._pending[partition]
        for record in records:
            signal = self._read(record)
            if signal is None:
                continue
            before = pending.get(signal.signal_id)
            if before is None or (before.state, signal.state) == ("raised", "cleared"):
                pending[signal.signal_id] = signal
        self._reached[partition] = Anchor(records[-1].offset, NOTHING)

    async def flush(self) -> None:
        """Write the signals that changed, then the dead letters, then how far this is."""
        changed = [signal for pending in self._pending.values() for signal in pending.values()]
        if changed:
            await self._signals.write(changed)
            for pending in self._pending.values():
                pending.clear()
        await self._letters.flush()
        if self._reached:
            reached, self._reached = self._reached, {}
            await self._anchors.put_many(reached)

    async def tick(self, now: int) -> None:
        """Forget, once an hour, what was cleared a day ago."""
        if now - self._swept_at >= _SWEEP_NS:
            self._swept_at = now
            await self._signals.remove_cleared(now - _CLEARED_KEPT_NS)

    async def revoke(self, partition: int) -> None:
        """Forget what was not flushed."""
        self._pending.pop(partition, None)
        self._reached.pop(partition, None)

    def _read(self, record: Record) -> SignalDocument | None:
        value, owner = record.value or b"", record.key or b""
        try:
            signal = decode_signal(value)
            moment = parse_timestamp(signal.ts)
            document = SignalDocument(signal.signal_id, owner.decode(), signal.state, moment, value)
        except (*UNREADABLE, ValueError) as error:
            self._letters.add(Refused(record, "signal.undecodable", f"not a risk signal: {error}", error))
            return None
        self._counter.labels(code=signal.code, state=signal.state).inc()
        return document
