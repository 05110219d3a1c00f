"""Third step on the road of a write (b): publish its commands, and hear within 3 s what the core has decided.

Here a repeat and a first request part for the last time: what comes out is the first answer, whoever remembered it.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.http.patience import within
from gateway.http.trace import traceparent_of
from gateway.trading.ports import AnswerSource, ProgressSource
from gateway.trading.requests import Begun
from gateway.trading.room import Room
from storage.decisions.decisions import DECISION_SECONDS, Decisions
from storage.decisions.watch import DecisionsLost, Watch
from storage.log.port import AppendUnknown, LogUnavailable
from storage.models.order_answers import first_answer
from storage.models.order_commands import Command
from storage.models.order_events import CommandRepeated, FirstAnswer
from storage.models.order_records import OrderRecord
from storage.mongo.failures import StoreUnavailable

POLL_SECONDS: Final = 0.05
KEPT_SECONDS: Final = 1.0
_logger = logging.getLogger(__name__)


class KnownAnswer(NamedTuple):
    """What is known of one command: `answer` is the first that it got, None where it was never done.

    `seq` is the record that told so; `remembered`: the answer is of before, and the present may be another.
    """

    answer: FirstAnswer | None
    seq: int
    remembered: bool


class Deciding:
    """Asks the core. A command without a deciding record in time is simply not in what is returned."""

    def __init__(self, decisions: Decisions, answers: AnswerSource, progress: ProgressSource, room: Room) -> None:
        self._decisions = decisions
        self._answers = answers
        self._progress = progress
        self._room = room

    def watch(self, account_id: str) -> Watch:
        """The account's records; enter it before `decide`."""
        return self._decisions.watch(account_id)

    async def decide(self, begun: Begun, commands: Sequence[Command], watch: Watch) -> dict[str, KnownAnswer]:
        """What is known, by command id, when all is known or 3 s have passed.

        A repeat that finds no room is not published again: what the read models have is known.
        """
        if begun.repeated and not self._room.has(begun.account_id, len(commands)):
            return await self._kept([command.command_id for command in commands])
        with self._room.taken(begun.account_id, len(commands)):
            return await self._asked(begun, commands, watch)

    async def reached(self, account_id: str, seq: int) -> None:
        """Return when the read models have the account's record `seq`; the caller bounds the wait."""
        while await self._progress.as_of(account_id) < seq:  # noqa: ASYNC110  (another process writes it)
            await asyncio.sleep(POLL_SECONDS)

    async def _asked(self, begun: Begun, commands: Sequence[Command], watch: Watch) -> dict[str, KnownAnswer]:
        records: dict[str, OrderRecord] = {}
        patience = within(DECISION_SECONDS)
        try:
            with patience:
                await self._hear(begun, commands, watch, records)
        except (TimeoutError, AppendUnknown, LogUnavailable, DecisionsLost) as error:
            missing = len(commands) - len(records)
            reason = str(error) or f"no record within {DECISION_SECONDS:g} s"
            _logger.warning("what came of %d of %d commands is unknown: %s", missing, len(commands), reason)
        found = {}
        for command_id, record in records.items():
            decided = await self._decided(begun.account_id, command_id, record, patience.at)
            if decided is not None:
                found[command_id] = decided
        if begun.repeated and len(found) < len(commands):
            found |= await self._kept([one.command_id for one in commands if one.command_id not in found])
        return found

    async def _hear(
        self, begun: Begun, commands: Sequence[Command], watch: Watch, records: dict[str, OrderRecord]
    ) -> None:
        waiting = {command.command_id for command in commands}
        await self._decisions.ready()
        await self._decisions.publish(commands, traceparent_of(begun.request.trace_id))
        while waiting:
            record = await anext(watch)
            command_id = record.cause.command_id
            if command_id in waiting:
                waiting.discard(command_id)
                records[command_id] = record

    async def _decided(
        self, account_id: str, command_id: str, record: OrderRecord, deadline: float
    ) -> KnownAnswer | None:
        if (answer := first_answer(record)) is None:
            return await self._long_ago(account_id, command_id, record.seq, deadline)
        first = record.events[0] if record.events else None
        remembered = isinstance(first, CommandRepeated) and not first.duplicate
        return KnownAnswer(answer, record.seq, remembered=remembered)

    async def _kept(self, command_ids: Sequence[str]) -> dict[str, KnownAnswer]:
        """The answers that the read models have, when the core is behind: it has decided the commands, and has not yet come
        to them again. One that they have not is as unknown as before.
        """
        try:
            with within(KEPT_SECONDS):
                kept = await self._answers.get(command_ids)
        except (TimeoutError, StoreUnavailable) as error:
            _logger.warning("what came of %d commands cannot be read: %s", len(command_ids), error or "in time")
            return {}
        return {name: KnownAnswer(one.answer, one.seq, remembered=True) for name, one in kept.items()}

    async def _long_ago(self, account_id: str, command_id: str, seq: int, deadline: float) -> KnownAnswer | None:
        """The answer as the read models kept it; nothing there, once they are at or past `seq`, was never done."""
        try:
            async with asyncio.timeout_at(deadline):
                await self.reached(account_id, seq)
                kept = (await self._answers.get([command_id])).get(command_id)
        except (TimeoutError, StoreUnavailable) as error:
            _logger.warning("what came of %s long ago cannot be read: %s", command_id, error or "in time")
            return None
        return KnownAnswer(None if kept is None else kept.answer, seq, remembered=True)
