"""The kill switch: a halt is stored, announced, and answered when every owner of orders applies it, or after two seconds.

The measured time is what a person who halts wants to know: from the request until no order that the halt forbids can be
accepted any more (rule 12 of docs/ownership.md).
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from ops.runtime.clock import Clock
from storage.controls.announce import Announcer
from storage.controls.claims import NewestClaims
from storage.log.port import AppendUnknown, LogUnavailable, PositionLost
from storage.models.controls import Halt, identity_of
from storage.models.ownership import NOTHING, PartitionReport, not_applied
from storage.mongo.controls import StoredControl
from storage.mongo.failures import StoreUnavailable
from storage.mongo.heartbeats import Heartbeats

WAIT_SECONDS: Final = 2.0
_FIRST_LOOK_SECONDS: Final = 0.01
_LOOK_SECONDS: Final = 0.05
_HEARTBEAT_AGE_NS: Final = 60_000_000_000  # hosts' clocks differ; an older beat cannot know of the halt anyway


class NoSuchHalt(Exception):
    """There is no halt of that id."""


@dataclass(frozen=True, slots=True)
class HaltOutcome:
    """What has become of a halt (or of its lifting); it is stored in any case.

    `applied_ms` is the time from the request until every partition applied it; None where those in `not_applied` do not
    yet (`reasons` has a line for each). `controls_version` is None while it could not be announced: an order-core process
    does as soon as the log is there. In partitions that are `unclaimed` nobody has ever decided; who begins to reads it
    first.
    """

    halt_id: str
    controls_version: int | None
    applied_ms: float | None
    not_applied: list[int]
    unclaimed: list[int] = field(default_factory=list)
    reasons: Mapping[int, str] = field(default_factory=dict)


class Halting:
    """Halts and lifts. `claims` are those of the records of orders."""

    def __init__(
        self,
        announcer: Announcer,
        claims: NewestClaims,
        heartbeats: Heartbeats,
        clock: Clock,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self._announcer, self._claims, self._heartbeats = announcer, claims, heartbeats
        self._clock, self._wait_seconds = clock, wait_seconds

    async def halt(self, halt: Halt) -> HaltOutcome:
        """Put a halt in force, or change it. Raises `StoreUnavailable`: then it may be stored or not."""
        return await self._apply(halt)

    async def lift(self, halt_id: str) -> HaltOutcome:
        """End a halt; one that is lifted already stays so. Raises `NoSuchHalt` and `StoreUnavailable`."""
        stored = await self._announcer.documents.get(identity_of(Halt(halt_id, "platform", "", "halted")))
        if stored is None or not isinstance(stored.document, Halt):
            raise NoSuchHalt(f"there is no halt {halt_id}")
        return await self._apply(msgspec.structs.replace(stored.document, lifted=True))

    async def list(self, *, lifted: bool = False) -> list[StoredControl]:
        """The halts in force, oldest first; with `lifted` those that were too. Each document is a `Halt`."""
        stored = await self._announcer.documents.of_kind("halt")
        chosen = [control for control in stored if isinstance(control.document, Halt)]
        chosen = [control for control in chosen if lifted or not getattr(control.document, "lifted", False)]
        return sorted(chosen, key=lambda control: control.changed_at)

    async def _apply(self, halt: Halt) -> HaltOutcome:
        begun = self._clock.monotonic()
        deadline = asyncio.get_running_loop().time() + self._wait_seconds
        stored = await self._announcer.store([halt])
        known = _Known()
        try:
            async with asyncio.timeout_at(deadline):
                known.version = await self._announcer.announce(stored)
                known.claims = await self._claims.look_up()
                await self._until_applied(known)
        except (LogUnavailable, AppendUnknown, PositionLost, StoreUnavailable) as error:
            known.problem = str(error)
        except TimeoutError:
            pass  # what is known by now tells what is missing
        else:
            known.applied_ms = (self._clock.monotonic() - begun) * 1_000
        return self._outcome(halt.halt_id, known)

    async def _until_applied(self, known: "_Known") -> None:
        pause = _FIRST_LOOK_SECONDS
        while True:
            beats = await self._heartbeats.all(self._clock.now() - _HEARTBEAT_AGE_NS)
            known.said = [
                _Said(beat.process_id, PartitionReport(owned.partition, owned.epoch, owned.controls_version))
                for beat in beats
                for owned in beat.owners
                if owned.topic == self._claims.topic
            ]
            if not known.missing():
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LOOK_SECONDS)

    def _outcome(self, halt_id: str, known: "_Known") -> HaltOutcome:
        missing = [] if known.applied_ms is not None else known.missing(range(self._claims.partitions))
        return HaltOutcome(
            halt_id=halt_id,
            controls_version=known.version,
            applied_ms=known.applied_ms,
            not_applied=missing,
            unclaimed=known.unclaimed(),
            reasons={partition: known.reason(partition) for partition in missing},
        )


class _Said(NamedTuple):
    """What a process says of one of its partitions."""

    process_id: str
    report: PartitionReport


@dataclass(slots=True)
class _Known:
    """What has been learnt so far; None: not yet."""

    version: int | None = None
    claims: dict[int, int] | None = None
    said: list[_Said] = field(default_factory=list)
    applied_ms: float | None = None
    problem: str = ""

    def unclaimed(self) -> list[int]:
        """The partitions that nobody ever claimed."""
        return sorted(partition for partition, claim in (self.claims or {}).items() if claim == NOTHING)

    def missing(self, every: Iterable[int] = ()) -> list[int]:
        """The partitions that do not apply it yet; `every` one as long as nobody knows who holds them."""
        if self.version is None or self.claims is None:
            return sorted(every)
        held = {partition: claim for partition, claim in self.claims.items() if claim != NOTHING}
        return not_applied(self.version, held, [said.report for said in self.said])

    def reason(self, partition: int) -> str:
        """Why a partition is missing."""
        if self.version is None or self.claims is None:
            what = "it is not announced yet" if self.version is None else "its owner is not known yet"
            return f"{what}: {self.problem or 'the log does not answer'}"
        claim = self.claims[partition]
        for process_id, report in self.said:
            if report.partition == partition and report.epoch >= claim:
                return f"its owner, {process_id}, is at version {report.controls_version} of the controls, not {self.version}"
        return f"no process says that it holds the newest claim (offset {claim}){': ' if self.problem else ''}{self.problem}"
