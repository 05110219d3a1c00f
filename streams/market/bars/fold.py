"""The pure fold of one partition of `trades`: prints in, changed bars out.

Prints of one minute are aggregated at once and that aggregate is merged into each timeframe, so a print costs one
step and not five. Prints of an earlier minute than their symbol's present one are collected likewise. A print whose
offset may already be in a stored bar goes alone into each bar that has not folded its offset yet. How a stream is cut
into batches changes nothing.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from storage.models.bars import BarDocument, BarKey
from storage.models.market_data import TIMEFRAMES, Timeframe
from streams.market.bars.bar import WorkingBar, document_of, working_bar_of
from streams.market.bars.intervals import MINUTE, DayOf, bounds_of
from streams.market.bars.prints import Aggregate, Print, aggregate
from streams.market.bars.symbol import NEVER, SymbolBars

OLDER_BARS_KEPT = 20_000


class TooLate(NamedTuple):
    """A print that came later than the limit: `lateness` ns behind the greatest event time of its symbol."""

    trade: Print
    lateness: int


class BarFold:
    """All bars of one partition. `lateness` is the limit in ns (None: no limit).

    `apply` stops before the first print that needs a bar which is not in memory; the caller loads those that `missing`
    names, hands what exists to `install`, and calls `apply` again from there.
    """

    def __init__(
        self,
        partition: int,
        day_of: DayOf,
        lateness: int | None,
        timeframes: Sequence[Timeframe] = TIMEFRAMES,
        older_bars_kept: int = OLDER_BARS_KEPT,
    ) -> None:
        self._partition = partition
        self._day_of = day_of
        self._lateness = lateness
        self._timeframes = tuple(timeframes)
        self._older_bars_kept = older_bars_kept
        self._symbols: dict[str, SymbolBars] = {}
        self._older: OrderedDict[BarKey, WorkingBar] = OrderedDict()
        self._absent: set[BarKey] = set()
        self._changed: list[WorkingBar] = []
        self._too_late: list[TooLate] = []
        self._stored_upto = -1

    def restore(self, newest: Iterable[BarDocument], stored_upto: int) -> None:
        """Begin with what is stored: the newest bars of each symbol and timeframe, and the greatest `upto` of any
        stored bar (-1: none); prints up to that offset are held against each bar's own `upto`.
        """
        self._stored_upto = stored_upto
        for document in newest:
            state = self._state(document.symbol)
            state.newest[document.timeframe] = self._bar_of(document)
            state.see(document.close_at[0], document.taken_in)

    def apply(self, prints: Sequence[Print], at: int = 0) -> int:
        """Fold `prints[at:]`, whose offsets grow. Returns how far it came: `len(prints)`, or the index of the first
        print that needs a bar which is not in memory.
        """
        at = self._apply_again(prints, at)
        if at < len(prints) and prints[at].offset > self._stored_upto:
            touched: list[SymbolBars] = []
            at = self._collect(prints, at, touched)
            for state in touched:
                self._settle(state)
        return at

    def missing(self, prints: Sequence[Print]) -> list[BarKey]:
        """The bars that folding `prints` may need, that may be stored and are not in memory."""
        keys: dict[BarKey, None] = {}
        minutes: dict[str, int] = {}
        for trade in prints:
            state = self._state(trade.symbol)
            minute = minutes.get(trade.symbol, state.minute)
            if trade.ts >= minute:
                minutes[trade.symbol] = trade.ts - trade.ts % MINUTE
            if trade.offset <= self._stored_upto or (trade.ts < minute and not self._is_too_late(state, trade.ts)):
                keys.update(dict.fromkeys(self._missing_of(state, trade.ts)))
        return list(keys)

    def install(self, documents: Iterable[BarDocument], asked: Iterable[BarKey] = ()) -> None:
        """Take loaded bars into memory; those of `asked` that are not among them do not exist."""
        for document in documents:
            self._older[document.key] = self._bar_of(document)
        self._absent.update(key for key in asked if key not in self._older)

    def bars_at(self, symbol: str, moment: int) -> list[WorkingBar]:
        """The bars in memory that hold `moment`, of all timeframes."""
        state = self._state(symbol)
        found = (self._find(state, timeframe, moment) for timeframe in self._timeframes)
        return [bar for bar in found if bar is not None]

    def replace(self, bar: WorkingBar, whole: Aggregate | None, upto: int) -> None:
        """Put what a correction leaves in the place of a bar's prints."""
        self._note(bar)
        bar.replace(whole, upto)

    def lateness_of(self, symbol: str, moment: int) -> int:
        """How far (ns) `moment` is behind the symbol's greatest event time; not above 0 for the newest."""
        return self._state(symbol).latest - moment

    def has_due(self, now: int) -> bool:
        """Whether any open bar is final by the clock at `now`."""
        return any(state.due(now) for state in self._symbols.values())

    def finish_due(self, now: int) -> None:
        """Make bars final that ended 2 s ago or earlier at `now` by their symbol's own time."""
        for state in self._symbols.values():
            for bar in state.due(now):
                self._finish(bar, bar.upto)

    def take_changed(self) -> list[BarDocument]:
        """The bars changed since the last call, in the order of their ends (each symbol's earlier bars before its
        later ones, so that what a broken flush leaves behind is never newer than what it lacks).
        """
        changed, self._changed = self._changed, []
        changed.sort(key=lambda bar: bar.end)
        for bar in changed:
            bar.changed = False
        self._absent.clear()
        while len(self._older) > self._older_bars_kept:
            self._older.popitem(last=False)
        return [document_of(bar) for bar in changed]

    def take_too_late(self) -> list[TooLate]:
        """The prints refused for their lateness since the last call."""
        refused, self._too_late = self._too_late, []
        return refused

    def _apply_again(self, prints: Sequence[Print], at: int) -> int:
        while at < len(prints) and prints[at].offset <= self._stored_upto:
            if not self._one_again(self._state(prints[at].symbol), prints[at]):
                break
            at += 1
        return at

    def _collect(self, prints: Sequence[Print], at: int, touched: list[SymbolBars]) -> int:
        """Collect prints by symbol and minute, merging whatever a print makes complete; notes the symbols it `touched`."""
        symbols = self._symbols
        impatient = (
            self._lateness is not None and self._lateness < MINUTE
        )  # the present minute may have late prints too
        for index in range(at, len(prints)):
            trade = prints[index]
            state = symbols.get(trade[6])
            if state is None:
                state = self._state(trade[6])
            moment = trade[0]
            if moment >= state.minute_end:
                self._settle(state)
                state.move_to(moment)
            elif moment < state.minute:
                if not self._take_late(state, trade):
                    return index
                touched.append(state)
                continue
            elif impatient and self._refuse_exactly(state, trade):
                continue
            pending = state.pending
            if not pending:
                touched.append(state)
            pending.append(trade)
        return len(prints)

    def _take_late(self, state: SymbolBars, trade: Print) -> bool:
        """Collect a print of an earlier minute, or refuse it; False when its bars must be loaded first."""
        moment = trade.ts
        perhaps_too_late = self._lateness is not None and state.minute_end - moment > self._lateness
        if perhaps_too_late and self._refuse_exactly(state, trade):
            return True
        if not state.late_minute <= moment < state.late_minute + MINUTE:
            self._settle(state)
            if self._missing_of(state, moment):
                return False
            state.late_minute = moment - moment % MINUTE
        state.late.append(trade)
        return True

    def _settle(self, state: SymbolBars) -> None:
        """Merge what was collected: the late prints, then those of the present minute."""
        if state.late:
            late, state.late, state.late_minute = state.late, [], NEVER
            self._merge_anywhere(state, late[0].ts, aggregate(late))
        if not state.pending:
            return
        part = aggregate(state.pending)
        state.pending = []
        state.see(part.last.ts, part.last.taken_in)
        for timeframe in self._timeframes:
            bar = state.newest.get(timeframe)
            if bar is None or state.minute >= bar.end:
                bar = self._begin(state, timeframe, state.minute, part.first_offset)
            self._note(bar)
            bar.merge(part)

    def _one_again(self, state: SymbolBars, trade: Print) -> bool:
        """Fold a print that stored bars may hold already; False when bars must be loaded first."""
        if self._missing_of(state, trade.ts):
            return False
        bars = (self._find(state, timeframe, trade.ts) for timeframe in self._timeframes)
        known = any(bar is not None and bar.upto >= trade.offset for bar in bars)
        if known or not self._refuse(state, trade):
            self._merge_anywhere(state, trade.ts, aggregate((trade,)))
            state.see(trade.ts, trade.taken_in)
        return True

    def _merge_anywhere(self, state: SymbolBars, moment: int, part: Aggregate) -> None:
        """Merge prints of one minute into each bar in memory that holds `moment` and has not folded their offsets yet.

        A bar that only late prints make is final after the first of them, so the others are revisions.
        """
        for timeframe in self._timeframes:
            found = self._find(state, timeframe, moment)
            bar = found or self._begin(state, timeframe, moment, part.first_offset)
            if bar.upto < part.first_offset:
                self._note(bar)
                bar.merge(part)
                if bar.end <= state.latest:
                    self._finish(bar, part.upto)
                    bar.revision += part.trades - 1 if found is None else 0

    def _begin(self, state: SymbolBars, timeframe: Timeframe, moment: int, offset: int) -> WorkingBar:
        """A new bar that holds `moment`; when it is the newest, the one before it is final by the trade at `offset`."""
        bar = WorkingBar(
            state.symbol, timeframe, bounds_of(timeframe, state.symbol, moment, self._day_of), self._partition
        )
        before = state.newest.get(timeframe)
        if before is not None and before.start > bar.start:
            self._older[bar.key] = bar
            return bar
        if before is not None:
            self._finish(before, offset)
            self._older[before.key] = before
        state.newest[timeframe] = bar
        return bar

    def _finish(self, bar: WorkingBar, upto: int) -> None:
        """Final, unless it is and was flushed as such: then there is nothing to tell."""
        if bar.changed or not bar.final:
            self._note(bar)
            bar.finish(upto)

    def _bar_of(self, document: BarDocument) -> WorkingBar:
        _, begin, _ = bounds_of(document.timeframe, document.symbol, document.open_at[0], self._day_of)
        return working_bar_of(document, begin)

    def _note(self, bar: WorkingBar) -> None:
        if not bar.changed:
            bar.changed = True
            self._changed.append(bar)

    def _refuse_exactly(self, state: SymbolBars, trade: Print) -> bool:
        self._settle(state)  # now `latest` is exact
        return self._refuse(state, trade)

    def _refuse(self, state: SymbolBars, trade: Print) -> bool:
        if not self._is_too_late(state, trade.ts):
            return False
        self._too_late.append(TooLate(trade, state.latest - trade.ts))
        return True

    def _is_too_late(self, state: SymbolBars, moment: int) -> bool:
        return self._lateness is not None and state.latest - moment > self._lateness

    def _find(self, state: SymbolBars, timeframe: Timeframe, moment: int) -> WorkingBar | None:
        newest = state.newest.get(timeframe)
        if newest is None or moment >= newest.end:
            return None
        if moment >= newest.begin:
            return newest
        start, _, _ = bounds_of(timeframe, state.symbol, moment, self._day_of)
        return self._older.get(BarKey(state.symbol, timeframe, start))

    def _missing_of(self, state: SymbolBars, moment: int) -> list[BarKey]:
        """The bars that hold `moment`, are older than the newest (so they may be stored) and are not in memory."""
        keys = []
        for timeframe in self._timeframes:
            newest = state.newest.get(timeframe)
            if newest is not None and moment < newest.begin:
                start, _, _ = bounds_of(timeframe, state.symbol, moment, self._day_of)
                key = BarKey(state.symbol, timeframe, start)
                if key not in self._older and key not in self._absent:
                    keys.append(key)
        return keys

    def _state(self, symbol: str) -> SymbolBars:
        state = self._symbols.get(symbol)
        if state is None:
            state = self._symbols[symbol] = SymbolBars(symbol)
        return state
