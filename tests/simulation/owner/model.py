"""A model of ownership: all that owners, the log, the group and the store can do, one small step after the other.

Two owners (or three) share one partition of N commands. What they send is on a wire until it lands; an owner hears of it
later, or never, or is told "unknown" while it still lands late. Any owner may stand still at any place (its steps just do
not come), crash, lose the partition without hearing of it, or write a checkpoint that it took long ago.

`off` names the rules that are left out; `successors` gives every step, and `check` says what is wrong with a world.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

CLAIM = -1
NONE = -1
State = tuple[int, ...]


class Entry(NamedTuple):
    """A record of R: a claim (`cause` is CLAIM), or what one command (or half of it) came to on top of `seen`."""

    epoch: int
    cause: int
    seen: State
    half: int = 0
    version: int = 0


CLAIM_ENTRY = Entry(NONE, CLAIM, ())


class Owner(NamedTuple):
    """One process. `wire` is sent and not landed, `told` landed and not heard of, `flight` decided and not heard of."""

    phase: str = "out"  # out, claiming, reading, deciding
    mine: bool = False
    epoch: int = NONE
    state: State = ()
    stood: State = ()
    next: int = 0
    expected: int = 0
    wire: tuple[Entry, ...] = ()
    told: tuple[int, ...] = ()
    flight: tuple[Entry, ...] = ()
    writing: tuple[str, int, State, int] | None = None
    sent_at: int = 0
    version: int = 0


class World(NamedTuple):
    """Everything. `late` may land at any time; `answered` are (offset, cause); `followed` whether command 0's follow-up
    was appended; `halt` is (looked-up claim, end of R when it was answered).
    """

    log: tuple[Entry, ...]
    owners: tuple[Owner, ...]
    assigned: int = 0
    committed: int = 0
    checkpoint: tuple[int, State] = (NONE, ())
    floor: tuple[int, int] = (NONE, NONE)
    floors_fell: bool = False
    late: tuple[Entry, ...] = ()
    answered: frozenset[tuple[int, int]] = frozenset()
    followed: bool = False
    halted: int = 0
    looked_up: int = NONE
    halt_answered: int = NONE
    rebalances: int = 0
    crashes: int = 0
    unknowns: int = 0
    checkpoints: int = 0


class Bounds(NamedTuple):
    """How much may happen in a run. `in_flight` records of one owner are on their way at most."""

    commands: int = 2
    owners: int = 2
    rebalances: int = 1
    crashes: int = 0
    unknowns: int = 0
    checkpoints: int = 0
    in_flight: int = 2
    halts: bool = False


class Wrong(Exception):
    """A world that must not be."""


def beginning(bounds: Bounds) -> World:
    """The first owner is assigned; nothing has happened."""
    owners = [Owner(mine=number == 0) for number in range(bounds.owners)]
    return World(
        (),
        tuple(owners),
        rebalances=bounds.rebalances,
        crashes=bounds.crashes,
        unknowns=bounds.unknowns,
        checkpoints=bounds.checkpoints,
    )


def newest_claim(log: tuple[Entry, ...], end: int) -> int:
    """The newest claim below `end`."""
    return next((at for at in range(end - 1, -1, -1) if log[at].cause == CLAIM), NONE)


def valid(log: tuple[Entry, ...], off: frozenset[str], start: int = 0, claim: int = NONE) -> list[int]:
    """The offsets from `start` on of what counts (2), for a reader that holds `claim` for the newest one there."""
    found = []
    for at in range(start, len(log)):
        if log[at].cause == CLAIM:
            claim = at
        elif log[at].epoch == claim or "2" in off:
            found.append(at)
    return found


def restored(world: World, end: int, off: frozenset[str]) -> State:
    """The state that the store and what follows the floor, up to `end`, come to (7)."""
    upto, state = world.checkpoint
    floor, claim = world.floor
    for at in valid(world.log[:end], off, floor + 1, claim):
        entry = world.log[at]
        if at > upto and entry.cause not in state[-1:]:
            state = (*state, entry.cause)
    return state


def check(world: World, off: frozenset[str]) -> None:
    """Raises `Wrong` for what must not be."""
    standing = valid(world.log, off)
    folded = _folded([world.log[at] for at in standing])
    if "4" in off:
        _check_halves([world.log[at] for at in standing])
    counts = {(at, world.log[at].cause) for at in standing}
    if not world.answered <= counts:
        raise Wrong(f"answered was {set(world.answered - counts)}, which does not count")
    if restored(world, len(world.log), off) != folded:
        raise Wrong(f"the store comes to {restored(world, len(world.log), off)}, the log to {folded}")
    if world.floors_fell:
        raise Wrong("the floor has gone back")
    if world.committed > len(folded):
        raise Wrong(f"{world.committed} was committed, and only {folded} stands")
    if world.followed and 0 not in folded:
        raise Wrong("a follow-up stands without what it follows from")
    _check_readers(world, standing, off)
    _check_halt(world, standing)


def _folded(entries: list[Entry]) -> State:
    folded: State = ()
    for entry in entries:
        if entry.half:
            if not folded or folded[-1] != entry.cause:
                raise Wrong(f"the first half of command {entry.cause} is missing")
            continue
        if entry.seen != folded or entry.cause != len(folded):
            raise Wrong(f"{entry} follows on {folded}")
        folded = (*folded, entry.cause)
    return folded


def _check_halt(world: World, standing: list[int]) -> None:
    for at in standing if world.halt_answered != NONE else ():
        if at >= world.halt_answered and not world.log[at].version:
            raise Wrong(f"{at} was decided without the halt that was answered at {world.halt_answered}")


def _check_halves(entries: list[Entry]) -> None:
    for first, second in pairwise(entries):
        if not first.half and second.cause != first.cause:
            raise Wrong(f"of command {first.cause} only a half is in effect")


def _check_readers(world: World, standing: list[int], off: frozenset[str]) -> None:
    """A reader that starts in the middle takes the floor as its anchor (9), and sees what all see."""
    upto, claim = world.floor
    anchor = NONE if "9" in off else claim
    if valid(world.log, off, upto + 1, anchor) != [at for at in standing if at > upto]:
        raise Wrong(f"a reader that starts after {upto} does not see what all see")


def check_rest(world: World, off: frozenset[str]) -> None:
    """When no step is left, and an owner holds the newest claim: nothing was lost on the way."""
    newest = newest_claim(world.log, len(world.log))
    holds = any(owner.phase == "deciding" and owner.epoch == newest for owner in world.owners)
    if holds and not world.followed and 0 in restored(world, len(world.log), off):
        raise Wrong("what follows from command 0 was forgotten")


def successors(world: World, bounds: Bounds, off: frozenset[str]) -> Iterator[tuple[str, World]]:
    """Every step that can come next, by its name."""
    for number, owner in enumerate(world.owners):
        for name, after in _steps(world, number, owner, bounds, off):
            yield f"{number} {name}", after
    for index, entry in enumerate(world.late):
        yield "lands late", world._replace(log=(*world.log, entry), late=world.late[:index] + world.late[index + 1 :])
    if world.rebalances:
        for number in range(bounds.owners):
            if number != world.assigned:
                after = _with(world, number, world.owners[number]._replace(mine=True))
                yield f"rebalance to {number}", after._replace(assigned=number, rebalances=world.rebalances - 1)
    if bounds.halts:
        yield from _halting(world, off)


def _steps(world: World, number: int, owner: Owner, bounds: Bounds, off: frozenset[str]) -> Iterator[tuple[str, World]]:
    if owner.phase == "out" and owner.mine:
        yield "claims", _claims(world, number, owner, off)
    if owner.wire:
        landed = owner._replace(wire=owner.wire[1:], told=(*owner.told, len(world.log)))
        yield "lands", _with(world, number, landed)._replace(log=(*world.log, owner.wire[0]))
    if owner.told:
        yield "is told", _is_told(world, number, owner, off)
    if owner.phase == "reading":
        yield "reads up", _reads_up(world, number, owner, off)
    if owner.phase == "deciding" and owner.next < bounds.commands and len(owner.flight) < bounds.in_flight:
        yield "decides", _decides(world, number, owner, off)
    if owner.writing is not None:
        yield "writes", _writes(world, number, owner, off)
    elif _may_keep(world, owner, off):
        keeps = owner._replace(writing=("checkpoint", owner.expected - 1, owner.state, owner.epoch))
        yield "takes a checkpoint", _with(world, number, keeps)._replace(checkpoints=world.checkpoints - 1)
    if bounds.halts and world.halted and not owner.version:
        yield "reads the halt", _with(world, number, owner._replace(version=1))
    yield from _misfortunes(world, number, owner, off)


def _may_keep(world: World, owner: Owner, off: frozenset[str]) -> bool:
    settled = not owner.flight or "7c" in off
    return bool(
        owner.phase == "deciding" and world.checkpoints and owner.expected - 1 > world.checkpoint[0] and settled
    )


def _misfortunes(world: World, number: int, owner: Owner, off: frozenset[str]) -> Iterator[tuple[str, World]]:
    if world.unknowns and (owner.wire or owner.told):
        yield from _is_told_unknown(world._replace(unknowns=world.unknowns - 1), number, owner, off)
    if world.crashes and owner.phase != "out":
        gone = world._replace(crashes=world.crashes - 1)
        fresh = Owner(mine=world.assigned == number)
        yield "crashes", _with(gone, number, fresh)
        if owner.wire:
            yield "crashes, late", _with(gone, number, fresh)._replace(late=(*world.late, owner.wire[0]))


def _with(world: World, number: int, owner: Owner) -> World:
    return world._replace(owners=(*world.owners[:number], owner, *world.owners[number + 1 :]))


def _claims(world: World, number: int, owner: Owner, off: frozenset[str]) -> World:
    """1, 6: a new session, whose first record is the claim."""
    fresh = Owner("claiming", True, writing=owner.writing, sent_at=len(world.log), version=owner.version)
    if "3c" in off:
        fresh = fresh._replace(version=world.halted)
    there = newest_claim(world.log, len(world.log))
    if "1" in off and there != NONE:
        return _with(world, number, fresh._replace(phase="reading", epoch=there, sent_at=len(world.log)))
    return _with(world, number, fresh._replace(wire=(CLAIM_ENTRY,)))


def _reads_up(world: World, number: int, owner: Owner, off: frozenset[str]) -> World:
    """3, 7, 8: its state up to its claim; where it begins in C; the controls."""
    end = owner.sent_at if "3" in off or "1" in off else owner.epoch
    if max(world.floor[0], world.checkpoint[0]) > end and "1" not in off and "3" not in off:
        return _with(world, number, _superseded(world, number, owner))
    state = restored(world, end, off)
    reading = owner._replace(
        phase="deciding",
        state=state,
        stood=state,
        next=world.committed if "8" in off else len(state),
        expected=max(owner.epoch + 1, owner.sent_at) if "1" in off else owner.epoch + 1,
        version=owner.version if "3c" in off else world.halted,
    )
    followed = world.followed or (0 in state and "11s" not in off)
    return _with(world, number, reading)._replace(followed=followed)


def _superseded(world: World, number: int, owner: Owner) -> Owner:
    """5: it asks the group, and claims anew or stops. What it had begun to write it may still write."""
    return Owner(mine=world.assigned == number, writing=owner.writing, version=owner.version)


def _decides(world: World, number: int, owner: Owner, off: frozenset[str]) -> World:
    """4: one command, one record."""
    cause = owner.next
    entry = Entry(owner.epoch, cause, owner.state, version=owner.version)
    entries = (entry, entry._replace(half=1)) if "4" in off else (entry,)
    after = owner._replace(
        state=(*owner.state, cause), next=cause + 1, wire=owner.wire + entries, flight=owner.flight + entries
    )
    return _with(world, number, after)._replace(followed=world.followed or (cause == 0 and "11" in off))


def _is_told(world: World, number: int, owner: Owner, off: frozenset[str]) -> World:
    """5: an acknowledgement, and what lies before it."""
    offset, owner = owner.told[0], owner._replace(told=owner.told[1:])
    if owner.phase == "claiming":
        return _with(world, number, owner._replace(phase="reading", epoch=offset))
    gap = range(owner.expected, offset)
    if "5" not in off and any(world.log[at].cause == CLAIM for at in gap):
        return _with(world, number, _superseded(world, number, owner))
    stands, flight = owner.flight[0], owner.flight[1:]
    stood = owner.stood if stands.half else (*owner.stood, stands.cause)
    after = _with(world, number, owner._replace(flight=flight, stood=stood, expected=offset + 1))
    return after._replace(
        answered=world.answered | {(offset, stands.cause)},
        committed=max(world.committed, stands.cause + 1) if number == world.assigned else world.committed,
        followed=world.followed or stands.cause == 0,
    )


def _is_told_unknown(world: World, number: int, owner: Owner, off: frozenset[str]) -> Iterator[tuple[str, World]]:
    """6: what it has sent is lost, or stands unheard of, or will stand late. It begins anew."""
    fresh = Owner(mine=owner.mine, writing=owner.writing, version=owner.version)
    if "6" in off and owner.phase == "deciding":
        fresh = owner._replace(wire=owner.flight, told=())
    yield "is told unknown", _with(world, number, fresh)
    if owner.wire:
        yield "is told unknown, late", _with(world, number, fresh)._replace(late=(*world.late, owner.wire[0]))


def _writes(world: World, number: int, owner: Owner, off: frozenset[str]) -> World:
    """7: first the checkpoint, then the floor; each only where what is stored is lower."""
    assert owner.writing is not None
    kind, upto, state, epoch = owner.writing
    if kind == "checkpoint":
        after = _with(world, number, owner._replace(writing=("floor", upto, state, epoch)))
        ahead = upto > world.checkpoint[0] or "7" in off
        return after._replace(checkpoint=(upto, state)) if ahead and "7o" not in off else after
    after = _with(world, number, owner._replace(writing=None))
    if upto > world.floor[0]:
        return after._replace(floor=(upto, epoch))
    return after._replace(floor=(upto, epoch), floors_fell=upto < world.floor[0]) if "7f" in off else after


def _halting(world: World, off: frozenset[str]) -> Iterator[tuple[str, World]]:
    """12: the halt is written, the newest claim looked up, and its holder says that it applies it."""
    if not world.halted:
        yield "halts", world._replace(halted=1)
        if "12l" in off and world.looked_up == NONE:
            yield "looks up the claim", world._replace(looked_up=newest_claim(world.log, len(world.log)))
    elif world.halt_answered == NONE:
        newest = newest_claim(world.log, len(world.log))
        if "12l" not in off and newest not in {NONE, world.looked_up}:
            yield "looks up the claim", world._replace(looked_up=newest)
        for owner in world.owners:
            applied = owner.version if "12" in off else min([entry.version for entry in owner.flight] + [owner.version])
            if owner.phase == "deciding" and owner.epoch == world.looked_up and applied:
                yield "the halt is answered", world._replace(halt_answered=len(world.log))
