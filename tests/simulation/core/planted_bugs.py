"""Bugs that the simulation must find: each a small patch of the real components or of how they are wired."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

import pytest
from msgspec.structs import replace

from gateway.trading import requests
from gateway.trading.deciding import Deciding
from ops.processes.order_parts import _Surroundings
from storage.controls.tail import ControlsTail
from storage.decisions import tail as decisions_tail
from storage.log.port import AppendUnknown, LogUnavailable, Message, Record
from storage.log.valid_records import ValidRecords
from storage.models.order_requests import OrderRequest
from storage.models.ownership import epoch_of
from storage.models.venues import SubmitRequest
from storage.mongo.failures import StoreUnavailable
from streams.orders import follow_ups, owner_rules, reports
from streams.orders.market_tail import MarketTail
from streams.orders.projection import partition as projection_partition
from streams.orders.projection.fold import Changes
from streams.orders.projection.orders_processor import OrdersProcessor
from streams.orders.projection.read_models import ReadModels
from streams.orders.state import AccountState
from streams.owner.inbox import Inbox
from streams.owner.relay import Relay
from streams.owner.tenure import Tenure
from streams.venues.simulated import decide as venue_decide
from streams.venues.simulated import state as venue_state
from tests.simulation.core.machines import Parts
from tests.simulation.core.shelves import OrderShelf, RequestShelf
from tests.simulation.owner.group import Seat

Plant = Callable[[pytest.MonkeyPatch], Parts | None]


class _EveryRecord(ValidRecords):
    """Takes for valid whatever carries an epoch."""

    __slots__ = ()

    def take(self, records: Sequence[Any]) -> list[Any]:
        upto = self.anchor.upto
        super().take(records)
        return [one for one in records if one.offset > upto and epoch_of(one.headers) is not None]


def a_relay_passes_on_what_does_not_count(patch: pytest.MonkeyPatch) -> Parts | None:
    """Records of a superseded owner become requests and commands."""
    patch.setattr("streams.owner.relay.ValidRecords", _EveryRecord)
    return None


def a_relay_sends_at_most_once(patch: pytest.MonkeyPatch) -> Parts | None:
    """An append whose outcome is unknown is not made again."""

    async def once(self: Relay, messages: Sequence[Message]) -> None:
        if messages:
            try:
                await self._log.append_many(self._target, messages)
            except AppendUnknown:
                return

    patch.setattr(Relay, "_send", once)
    return None


def a_relay_does_not_wait(patch: pytest.MonkeyPatch) -> Parts | None:
    """The next message goes out before the last is acknowledged."""
    send = Relay._send

    async def ahead(self: Relay, messages: Sequence[Message]) -> None:
        if messages:
            self._ahead = asyncio.create_task(send(self, messages))  # type: ignore[attr-defined]

    patch.setattr(Relay, "_send", ahead)
    return None


def a_relay_forgets_the_claim_beside_its_offset(patch: pytest.MonkeyPatch) -> Parts | None:
    """It goes on from a stored offset, and takes the first record there for valid."""
    begin = ValidRecords.__init__

    def anywhere(self: ValidRecords, anchor: Any = None) -> None:
        begin(self, *(() if anchor is None else (anchor._replace(claim=-1),)))

    class Forgetful(ValidRecords):
        __slots__ = ()
        __init__ = anywhere  # type: ignore[assignment]

    patch.setattr("streams.owner.relay.ValidRecords", Forgetful)
    return None


def the_projection_takes_every_record(patch: pytest.MonkeyPatch) -> Parts | None:
    """Records of a superseded owner come into the read models."""
    patch.setattr(projection_partition, "ValidRecords", _EveryRecord)
    return None


class _Unguarded(OrderShelf):
    async def _write(self, kind: str, documents: Sequence[tuple[Any, Any]], guard: str | None) -> None:
        def put() -> None:
            self.store.kinds[kind].update(documents)

        await self._call(put, writes=True)


def orders_are_written_without_a_guard(patch: pytest.MonkeyPatch) -> Parts | None:
    """The last to write an order has it, however old what it has."""
    return Parts(orders=_Unguarded)


class _AccountsFirst(ReadModels):
    async def write(self, changes: Changes, now: int) -> None:
        if changes.accounts:
            await self.accounts.write(changes.accounts)
        await ReadModels.write(self, changes, now)


def the_projection_writes_accounts_first(patch: pytest.MonkeyPatch) -> Parts | None:
    """`as_of_seq` promises what is not written yet."""
    return Parts(read_models=_AccountsFirst)


def the_projection_forgets_the_claim_beside_its_offset(patch: pytest.MonkeyPatch) -> Parts | None:
    """It goes on from a stored offset, and does not know whose records come there."""

    async def assign(self: OrdersProcessor, partition: int, committed: int | None) -> None:
        anchor = (await self._anchors.get(partition))._replace(claim=-1)
        self._partitions[partition] = projection_partition.PartitionFold(anchor, self._models.accounts)

    patch.setattr(OrdersProcessor, "assign", assign)
    return None


def gateways_believe_every_record(patch: pytest.MonkeyPatch) -> Parts | None:
    """The tail of decisions does not ask whose record it is."""
    patch.setattr(decisions_tail, "ValidRecords", _EveryRecord)
    judge_from = decisions_tail.judge_from

    async def judging(*arguments: Any) -> ValidRecords:
        return _EveryRecord((await judge_from(*arguments)).anchor)

    patch.setattr(decisions_tail, "judge_from", judging)
    return None


class _NeverClaimed(RequestShelf):
    async def claim(self, request: OrderRequest) -> OrderRequest:
        self.store.kinds["requests"].setdefault(request.identity, request)
        return request


def a_repeat_is_published_as_a_new_request(patch: pytest.MonkeyPatch) -> Parts | None:
    """The idempotency key is not claimed before the commands are published."""
    return Parts(requests=_NeverClaimed)


def a_repeat_is_issued_anew(patch: pytest.MonkeyPatch) -> Parts | None:
    """The same ids with a new `issued_at` and `valid_until`."""
    kept = requests.OrderRequestBook._kept

    async def fresh(self: requests.OrderRequestBook, own: OrderRequest) -> OrderRequest:
        found = await kept(self, own)
        return found if found is own else replace(found, issued_at=own.issued_at, valid_until=own.valid_until)

    patch.setattr(requests.OrderRequestBook, "_kept", fresh)
    return None


def no_answer_means_too_late(patch: pytest.MonkeyPatch) -> Parts | None:
    """A gateway that has heard nothing says that the order was not executed."""
    deciding = Deciding.decide

    async def hasty(self: Deciding, begun: Any, commands: Any, watch: Any) -> Any:
        from gateway.trading.deciding import KnownAnswer  # noqa: PLC0415

        found = await deciding(self, begun, commands, watch)
        return {one.command_id: found.get(one.command_id, KnownAnswer(None, 0, remembered=True)) for one in commands}

    patch.setattr(Deciding, "decide", hasty)
    return None


def the_venue_takes_what_comes_too_late(patch: pytest.MonkeyPatch) -> Parts | None:
    """`valid_until` is not looked at."""
    patch.setattr(venue_decide, "_is_too_late", lambda *_: False)
    return None


def the_venue_takes_requests_twice(patch: pytest.MonkeyPatch) -> Parts | None:
    """A request that is relayed again is put on the venue again."""
    patch.setattr(venue_state.SymbolState, "is_handled", lambda *_: False)
    query = venue_decide.query

    def again(draft: Any, request: Any) -> None:
        if isinstance(request, SubmitRequest):
            venue_decide.submit(draft, request)
        else:
            query(draft, request)

    patch.setattr(venue_decide, "query", again)
    return None


class _AtTheCommit(Seat):
    def start_of(self, answer: int) -> int:
        return self.group.committed


def owners_begin_at_the_commit(patch: pytest.MonkeyPatch) -> Parts | None:
    """Where the group has committed; and what was handed over is committed at once."""
    take = Inbox.put

    def at_once(self: Inbox, records: Sequence[Record], acknowledge: Callable[[], object]) -> None:
        take(self, records, lambda: None)
        acknowledge()

    patch.setattr(Inbox, "put", at_once)
    return Parts(seat=_AtTheCommit)


def checkpoints_hold_what_is_not_acknowledged(patch: pytest.MonkeyPatch) -> Parts | None:
    """Deciding does not pause for a checkpoint."""

    async def at_once(self: Tenure[Any, Any, Any]) -> float:
        if not self._checkpointer.needed:
            return 1.0
        taken = self._checkpointer.take(self._states)
        await self._stored(self._checkpointer.write(taken))
        return taken.rests

    patch.setattr(Tenure, "_checkpoint", at_once)
    return None


def follow_ups_have_new_ids_each_time(patch: pytest.MonkeyPatch) -> Parts | None:
    """A new owner's deadline command is another command."""
    numbers, command = itertools.count(), owner_rules.deadline_command
    patch.setattr(
        owner_rules,
        "deadline_command",
        lambda *about: replace(made := command(*about), command_id=f"{made.command_id}#{next(numbers)}"),
    )
    follow = follow_ups.follow_ups_due
    patch.setattr(
        owner_rules,
        "follow_ups_due",
        lambda state: [replace(one, command_id=f"{one.command_id}#{next(numbers)}") for one in follow(state)],
        raising=False,
    )
    return None


def nothing_is_promised_after_a_take_over(patch: pytest.MonkeyPatch) -> Parts | None:
    """A new owner does not go on with the cancels and deadlines of the last."""
    patch.setattr(owner_rules.OrderRules, "follow_ups_of", lambda *_: ())
    patch.setattr(owner_rules.OrderRules, "deadlines_of", lambda *_: {})
    return None


class _ReadBefore(_Surroundings):
    def __init__(self, controls: ControlsTail, market: MarketTail) -> None:
        super().__init__(controls, market)
        self._read = asyncio.create_task(self._at_the_start())

    async def _at_the_start(self) -> None:
        while True:
            try:
                return await super().catch_up()
            except (LogUnavailable, StoreUnavailable):
                await asyncio.sleep(0.1)

    async def catch_up(self) -> None:
        await asyncio.shield(self._read)


def controls_are_read_before_the_claim(patch: pytest.MonkeyPatch) -> Parts | None:
    """Once, when the process starts; to every second process announcements come late, as they may."""
    take = ControlsTail._take

    def later(self: ControlsTail, records: Sequence[Record]) -> None:
        is_late = self._log.process.name[-1] in "02468"  # type: ignore[attr-defined]
        asyncio.get_running_loop().call_later(2.0 if is_late else 0.0, take, self, records)

    patch.setattr(ControlsTail, "_take", later)
    return Parts(surroundings=_ReadBefore)


def the_present_controls_count_at_once(patch: pytest.MonkeyPatch) -> Parts | None:
    """A heartbeat tells the version while records of an earlier one are unacknowledged."""
    patch.setattr(Tenure, "controls_version", property(lambda self: self._ports.controls.version))
    return None


def command_ids_are_forgotten_at_a_checkpoint(patch: pytest.MonkeyPatch) -> Parts | None:
    """A checkpoint leaves them out."""
    restore = owner_rules.restore

    def forgetful(value: bytes) -> AccountState:
        state = restore(value)
        state.answers.clear()
        state.answers_end.clear()
        return state

    patch.setattr(owner_rules, "restore", forgetful)
    return None


def fills_are_counted_by_their_report(patch: pytest.MonkeyPatch) -> Parts | None:
    """The same fill under another report id counts again."""
    patch.setattr(reports, "seen_in", lambda *_: None)
    return None


def a_superseded_owner_goes_on(patch: pytest.MonkeyPatch) -> Parts | None:
    """It does not look who has written between its records."""

    async def trusting(self: Tenure[Any, Any, Any], decided: Sequence[Any], offsets: Sequence[int]) -> None:
        for each, offset in zip(decided, offsets, strict=True):
            self._stands(each, offset)

    patch.setattr(Tenure, "_look_into_gaps", trusting)
    return None


def an_owner_reads_every_record_up(patch: pytest.MonkeyPatch) -> Parts | None:
    """What a superseded one has written comes into the state."""
    patch.setattr("streams.owner.claiming.ValidRecords", _EveryRecord)
    return None


def the_clock_alone_tells_the_time(patch: pytest.MonkeyPatch) -> Parts | None:
    """After a take-over time goes back."""
    decide_one = Tenure._decide_one

    def by_the_clock(self: Tenure[Any, Any, Any], asked: Any, version: int) -> Any:
        self._ts = 0
        return decide_one(self, asked, version)

    patch.setattr(Tenure, "_decide_one", by_the_clock)
    return None


PLANTED: Final[dict[str, Plant]] = {
    plant.__name__: plant
    for plant in (
        a_relay_passes_on_what_does_not_count,
        a_relay_sends_at_most_once,
        a_relay_does_not_wait,
        a_relay_forgets_the_claim_beside_its_offset,
        the_projection_takes_every_record,
        orders_are_written_without_a_guard,
        the_projection_writes_accounts_first,
        the_projection_forgets_the_claim_beside_its_offset,
        gateways_believe_every_record,
        a_repeat_is_published_as_a_new_request,
        a_repeat_is_issued_anew,
        no_answer_means_too_late,
        the_venue_takes_what_comes_too_late,
        the_venue_takes_requests_twice,
        owners_begin_at_the_commit,
        checkpoints_hold_what_is_not_acknowledged,
        follow_ups_have_new_ids_each_time,
        nothing_is_promised_after_a_take_over,
        controls_are_read_before_the_claim,
        the_present_controls_count_at_once,
        command_ids_are_forgotten_at_a_checkpoint,
        fills_are_counted_by_their_report,
        a_superseded_owner_goes_on,
        an_owner_reads_every_record_up,
        the_clock_alone_tells_the_time,
    )
}
