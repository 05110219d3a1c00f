"""What must hold of a run, whatever happened in it; named after the rule that guarantees it."""

import msgspec

from storage.log.valid_records import ValidRecords
from storage.models.ownership import BEGINNING, Anchor, Floor
from tests.simulation.owner.ledger import Account, Ask, Happened, happened
from tests.simulation.owner.simulated_store import Store
from tests.simulation.owner.world import COMMANDS, RECORDS, RELAYED, World, Wrong


def check_standing(world: World) -> None:
    """After every write of the store: checkpoints and what follows the floor are the fold of all that counts."""
    records = world.broker.records[RECORDS]
    rules = world.rules
    judge = ValidRecords()
    every = [(record.offset, happened(record)) for record in judge.take(records)]
    store: Store = world.store
    if world.store.floors[-2:] != sorted(world.store.floors[-2:], key=lambda floor: floor.upto):
        raise Wrong("the floor has gone back")
    _check_anchor(records, store.floor.anchor)
    states = {key: rules.restore(key, checkpoint.state) for key, checkpoint in store.checkpoints.items()}
    for record in ValidRecords(store.floor.anchor).take(records):
        key = record.key
        if key in store.checkpoints and record.offset <= store.checkpoints[key].upto:
            continue
        rules.evolve(states.setdefault(key, rules.new_state(key)), happened(record))
    folded: dict[bytes, Account] = {}
    for _, event in every:
        rules.evolve(folded.setdefault(event.account.encode(), rules.new_state(event.account.encode())), event)
    for key in {*states, *folded}:
        if states.get(key) != folded.get(key):
            raise Wrong(f"{key!r} restored is {states.get(key)}, and folded from the beginning {folded.get(key)}")


def check_end(world: World) -> None:
    """At the end of a run."""
    if world.failures:
        raise Wrong(f"an owner failed: {world.failures[0]!r}") from world.failures[0]
    records = world.broker.records[RECORDS]
    valid = [(record.offset, happened(record)) for record in ValidRecords().take(records)]
    events = [event for _, event in valid]
    _check_each_command_once(world, events)
    _check_accounts(events)
    _check_answers(world, valid)
    _check_readers(world, [offset for offset, _ in valid])
    _check_follow_ups(world, events)
    _check_relayed(world, [offset for offset, _ in valid])
    for version, end in world.halted:
        late = [offset for offset, event in valid if offset >= end and event.controls < version]
        if late:
            raise Wrong(f"controls {version} were said to apply at {end}, and {late[0]} was decided without them")


def _check_each_command_once(world: World, events: list[Happened]) -> None:
    causes = [event.cause for event in events]
    if causes != list(range(len(world.broker.records[COMMANDS]))):
        raise Wrong(f"the commands in effect are {causes} of {len(world.broker.records[COMMANDS])}")
    applied = [event.id for event in events if event.effect == "applied"]
    if len(set(applied)) != len(applied):
        raise Wrong(f"some command was applied twice: {sorted(applied)}")


def _check_accounts(events: list[Happened]) -> None:
    accounts: dict[str, Account] = {}
    latest = 0
    for event in events:
        account = accounts.setdefault(event.account, Account(event.account))
        account.seq += 1
        account.total += (
            event.total - account.total if event.kind in {"add", "asked"} and event.effect == "applied" else 0
        )
        if (event.seq, event.total) != (account.seq, account.total):
            raise Wrong(f"{event} does not follow on seq {account.seq - 1}, total {account.total}")
        if event.ts < latest:
            raise Wrong(f"{event} was decided {latest - event.ts} ns before its predecessor")
        latest = event.ts


def _check_answers(world: World, valid: list[tuple[int, Happened]]) -> None:
    counts = dict(valid)
    for offset, event in world.answered:
        if counts.get(offset) != event:
            raise Wrong(f"{offset} was answered with {event}, and what counts there is {counts.get(offset)}")
    causes = [(offset, event.cause) for offset, event in valid]
    for committed, length in world.group.commits:
        if any(cause < committed and offset >= length for offset, cause in causes):
            raise Wrong(f"{committed} was committed before what it covers stood on the log")


def _check_readers(world: World, valid: list[int]) -> None:
    records = world.broker.records[RECORDS]
    for start in range(len(records) + 1):
        anchor = world.parts.anchor(world.store, start)
        seen = [record.offset for record in ValidRecords(anchor).take(records[anchor.upto + 1 :])]
        if [offset for offset in seen if offset >= start] != [offset for offset in valid if offset >= start]:
            raise Wrong(f"a reader that starts at {start} with {anchor} does not see what one from the beginning sees")
    for floor in world.store.floors:
        _check_anchor(records, floor.anchor)


def _check_anchor(records: list, anchor: Anchor) -> None:
    judge = ValidRecords(BEGINNING)
    judge.take(records[: anchor.upto + 1])
    if judge.anchor != anchor:
        raise Wrong(f"{anchor} is noted as an anchor, and is {judge.anchor}")


def _check_follow_ups(world: World, events: list[Happened]) -> None:
    applied = {event.id for event in events if event.effect == "applied"}
    asked = {ask.id for event in events for ask in event.asks}
    for record in world.broker.records[COMMANDS]:
        ask = msgspec.json.decode(record.value, type=Ask)
        if "/" in ask.id and ask.id not in asked:
            raise Wrong(f"{ask.id} was asked for by nothing that counts")
    if asked - applied:
        raise Wrong(f"{sorted(asked - applied)} was never done")
    present: dict[str, dict[str, int]] = {}
    for event in events:
        before = present.get(event.account, {})
        if event.kind == "fire" and event.effect == "applied" and f"{event.id}" not in _fires(before):
            raise Wrong(f"{event.id} had an effect, and the deadlines were {before}")
        if event.deadlines is not None:
            present[event.account] = event.deadlines
    if any(present.values()):
        raise Wrong(f"deadlines are left: {present}")


def _fires(deadlines: dict[str, int]) -> set[str]:
    return {f"due:{name}:{due}" for name, due in deadlines.items()}


def _check_relayed(world: World, valid: list[int]) -> None:
    relayed = [int(msgspec.json.decode(record.value, type=Ask).id) for record in world.broker.records[RELAYED]]
    if list(dict.fromkeys(relayed)) != valid:
        raise Wrong(f"relayed was {list(dict.fromkeys(relayed))}, and what counts is {valid}")


__all__ = ["Floor", "check_end", "check_standing"]
