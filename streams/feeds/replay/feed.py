"""First step on the road of a recorded quote or trade: files in, records of the platform out, at the pace asked for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.calendar_rules import session_state
from storage.reference import ReferenceData
from streams.feeds.port import Publish
from streams.feeds.replay.merge import Placed, merge_by_time
from streams.feeds.replay.one_pass import OnePass
from streams.feeds.replay.pace import Pace, Speed
from streams.feeds.replay.problems import MalformedFile, NothingToReplay
from streams.feeds.replay.progress import ReplayProgress
from streams.feeds.replay.reading import Reading
from streams.feeds.replay.session_filter import SessionName
from streams.feeds.replay.sources import ReplaySource, readings_of, rows_of
from streams.feeds.replay.tape import SymbolTape

_SOON = 1_000_000
"""Nanoseconds ahead of its time at which a row may go: timers are no finer."""
_ROWS_A_TURN = 100
"""Rows after which the other tasks of the loop get their turn."""


class ReplayFeed:
    """Recorded files merged by event time. Each `run` is one pass over them, to be published as a run of its own.

    `speed` is "max" or a factor. With `shifted` the first row happens now. A record's line is its number in the pass, which the same files and options give again. `progress` is that of the
    present (or last) pass.
    """

    def __init__(
        self,
        sources: Sequence[ReplaySource],
        reference: ReferenceData,
        clock: Clock,
        *,
        speed: Speed = "max",
        shifted: bool = False,
        session: SessionName | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sources, self._reference, self._clock = tuple(sources), reference, clock
        self._speed, self._shifted, self._session = speed, shifted, session
        self._resume_after, self._sleep = 0, sleep
        self.progress = ReplayProgress(())
        self._symbols = tuple(sorted({symbol for source in sources for symbol in source.symbols.values()}))

    @property
    def name(self) -> str:
        """`replay:` and the files' names."""
        return "replay:" + ",".join(source.file.path.name for source in self._sources)

    @property
    def symbols(self) -> Sequence[str]:
        """The platform symbols that it publishes, sorted."""
        return self._symbols

    def go_on_after(self, line: int) -> None:
        """Go on where a run broke off, at that line of `feed-position`: the next pass reads everything up to it, so that books and
        last prices are right, and does not publish it again.
        """
        self._resume_after = line

    async def run(self, publish: Publish) -> None:
        """Publish one pass; returns at the end of the files.

        Raises `UnreadableFile` or `MalformedFile`, the latter after everything before the fault was published;
        `NothingToReplay` where no row is left to publish.
        """
        readings = readings_of(self._sources)
        self.progress = ReplayProgress(readings)
        one_pass = OnePass(self._tapes(), publish, self.progress, self._resume_after)
        self._resume_after = 0
        try:
            await self._play(self._merged(readings), one_pass)
        except MalformedFile:
            await one_pass.flush()
            raise
        await one_pass.flush()
        if not one_pass.records:
            raise NothingToReplay(f"{self.name} has nothing to publish{self.progress.left_out_text()}")

    def _tapes(self) -> dict[str, SymbolTape]:
        return {
            symbol: SymbolTape(
                symbol,
                self._reference.instruments[symbol].venue,
                partial(session_state, self._reference.calendar_of(symbol)),
            )
            for symbol in self._symbols
        }

    def _merged(self, readings: Sequence[Reading]) -> Iterator[Placed]:
        pairs = zip(self._sources, readings, strict=True)
        return merge_by_time([rows_of(source, reading, self._session) for source, reading in pairs])

    async def _play(self, rows: Iterator[Placed], one_pass: OnePass) -> None:
        pacer: _Pacer | None = None
        for number, placed in enumerate(rows):
            if number % _ROWS_A_TURN == 0:
                await self._sleep(0)
            if not one_pass.resuming:
                pacer = pacer or _Pacer(self._begin(placed.due), self._clock, self._sleep)
                if pacer.ahead_of(placed.due) > _SOON:
                    await one_pass.flush()
                    await pacer.wait_for(placed.due)
            now = self._clock.now()
            one_pass.take(placed.row, pacer.pace.published_at(placed.row.ts, now) if pacer else placed.row.ts, now)
            if one_pass.full:
                await one_pass.flush()

    def _begin(self, first: int) -> Pace:
        return Pace(self._speed, shifted=self._shifted, first=first, began=self._clock.now())


class _Pacer:
    """Waits until rows are due."""

    def __init__(self, pace: Pace, clock: Clock, sleep: Callable[[float], Awaitable[None]]) -> None:
        self.pace, self._clock, self._sleep = pace, clock, sleep
        self._started = clock.monotonic()

    def ahead_of(self, due: int) -> int:
        return self.pace.due_in(due, round((self._clock.monotonic() - self._started) * NANOSECONDS_PER_SECOND))

    async def wait_for(self, due: int) -> None:
        while (ahead := self.ahead_of(due)) > _SOON:
            await self._sleep(ahead / NANOSECONDS_PER_SECOND)
