"""A replay as it was asked for, JSON-able so that it can be carried to the process that runs it, and made into a feed."""

import hashlib
import json
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ops.runtime.clock import Clock
from storage.reference import ReferenceData
from streams.feeds.replay.columns import parse_columns
from streams.feeds.replay.feed import ReplayFeed
from streams.feeds.replay.formats import FORMATS, FileFormat, of_columns
from streams.feeds.replay.pace import parse_speed
from streams.feeds.replay.recorded_file import RecordedFile
from streams.feeds.replay.session_filter import SessionName
from streams.feeds.replay.sources import ReplaySource
from streams.feeds.replay.symbols import name_symbols, parse_naming

OWN_FORMAT = "columns"
_DIGEST_DIGITS = 12


def find_format(name: str | None, columns: str | None) -> FileFormat:
    """The format called `name`, or (None, or "columns") the one that `columns` describes. Raises `ValueError`."""
    if name is not None and name != OWN_FORMAT:
        if name in FORMATS:
            return FORMATS[name]
        raise ValueError(f"format {name!r} is not one of {', '.join(FORMATS)}")
    if not columns:
        raise ValueError(f"name the format ({', '.join(FORMATS)}) or the columns (ts=...,price=...)")
    return of_columns(OWN_FORMAT, parse_columns(columns))


class PlannedFile(BaseModel):
    """A file and how to read it; `day` is the date of one whose times are since midnight."""

    model_config = ConfigDict(frozen=True)

    path: Path
    format: str | None = None
    columns: str | None = None
    day: date | None = None

    def recorded(self) -> RecordedFile:
        """Ready to be read. Raises `ValueError` for an unknown format or columns that are not well said."""
        return RecordedFile(self.path, find_format(self.format, self.columns), self.day)


class ReplayPlan(BaseModel):
    """What `feed replay` was asked. `symbols` are `SOURCE=SYMBOL` or `SYMBOL`; `speed` is "max" or a factor; with `loop`
    the passes follow each other for ever, their times shifted to now. `run` names a replay that is to go on where it broke
    off when it is asked for again.
    """

    model_config = ConfigDict(frozen=True)

    files: tuple[PlannedFile, ...] = Field(min_length=1)
    symbols: tuple[str, ...] = ()
    speed: str = "max"
    loop: bool = False
    session: SessionName | None = None
    run: str | None = None

    def named_run(self) -> str | None:
        """The run in `feed-position`: the name, and a digest of everything that numbers its records. Other files or options
        under the same name are another run.
        """
        if self.run is None:
            return None
        files = [{**planned.model_dump(mode="json"), "path": planned.path.name} for planned in self.files]
        numbering = json.dumps([files, self.symbols, self.session])
        return f"{self.run}:{hashlib.sha256(numbering.encode()).hexdigest()[:_DIGEST_DIGITS]}"


def feed_of(plan: ReplayPlan, reference: ReferenceData, clock: Clock) -> ReplayFeed:
    """The feed of a plan. Files whose rows name their symbols are read once here, to know what they hold.

    Raises `UnreadableFile`, `MalformedFile` where nothing of a file can be read, `UnknownSymbol`, and `ValueError` for a
    plan that is not well said.
    """
    files = [planned.recorded() for planned in plan.files]
    named = name_symbols(files, [parse_naming(text) for text in plan.symbols], reference.instruments)
    return ReplayFeed(
        [ReplaySource(file, symbols) for file, symbols in zip(files, named, strict=True)],
        reference,
        clock,
        speed=parse_speed(plan.speed),
        shifted=plan.loop,
        session=plan.session,
    )
