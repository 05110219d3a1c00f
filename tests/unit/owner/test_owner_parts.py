"""The pure parts of an owner: what is uncovered, which deadlines stand, what is in flight, what waits."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from storage.log.memory_partition import MemoryRecord
from storage.log.port import Message
from streams.owner.deadlines import LONGEST_PAUSE, Deadline, Deadlines
from streams.owner.in_flight import Append, Decided, InFlight
from streams.owner.inbox import Inbox
from streams.owner.uncovered import Uncovered


def _commands(first: int, count: int) -> list[MemoryRecord]:
    return [MemoryRecord("commands", 0, offset, 0, b"k", b"", ()) for offset in range(first, first + count)]


@given(
    changes=st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=40),
    rounds=st.lists(st.tuples(st.integers(0, 10), st.booleans()), max_size=12),
)
def test_the_floor_never_passes_a_change_that_no_written_checkpoint_covers(
    changes: list[bytes], rounds: list[tuple[int, bool]]
) -> None:
    parts, covered, offset = Uncovered(), {}, -1
    waiting = iter(enumerate(changes))
    for count, works in [*rounds, (40, True)]:
        for at, key in islice(waiting, count):
            parts.changed(key, at)
            offset = at
        keys = parts.begin(2)
        floor = parts.floor(offset)
        if works:
            parts.written()
            covered.update(dict.fromkeys(keys, offset))
            for at, key in enumerate(changes[: floor + 1]):
                assert covered[key] >= at
        else:
            parts.not_written()


def test_all_is_covered_once_every_key_is_written() -> None:
    parts = Uncovered()
    for offset, key in enumerate((b"a", b"b", b"a")):
        parts.changed(key, offset)
    assert parts.begin(1) == [b"a"]
    assert parts.floor(2) == 0
    parts.changed(b"a", 3)
    parts.written()
    assert parts.begin(9) == [b"b", b"a"]
    assert parts.floor(3) == 3
    parts.not_written()
    assert len(parts) == 2
    assert parts.floor(3) == 0


def test_deadlines_are_given_once_in_their_order_and_only_while_they_stand() -> None:
    deadlines = Deadlines()
    deadlines.change(b"a", {"api": 30, "ws": 10})
    deadlines.change(b"b", {"api": 20})
    assert deadlines.next_due() == 10
    assert deadlines.take_due(25) == [Deadline(10, b"a", "ws"), Deadline(20, b"b", "api")]
    assert deadlines.take_due(25) == []
    deadlines.change(b"a", {"api": 30, "ws": 10})  # a later record, from before the deadline's command was decided
    assert deadlines.take_due(29) == []
    deadlines.change(b"a", {"api": 40, "ws": None})
    assert deadlines.take_due(39) == []
    assert deadlines.take_due(40) == [Deadline(40, b"a", "api")]
    deadlines.change(b"a", {"api": None, "never": None})
    assert deadlines.next_due() is None
    deadlines.change(b"a", {"api": 40})
    assert deadlines.take_due(40) == [Deadline(40, b"a", "api")]


def test_nobody_sleeps_longer_than_a_take_over_takes_whatever_the_clock_does() -> None:
    deadlines = Deadlines()
    assert deadlines.pause(0) is None
    deadlines.change(b"a", {"api": 60_000_000_000})
    assert deadlines.pause(58_500_000_000) == 1.5
    assert deadlines.pause(0) == LONGEST_PAUSE


def test_a_deadline_that_is_moved_again_and_again_costs_no_memory() -> None:
    deadlines = Deadlines()
    deadlines.change(b"b", {"api": 5})
    for due in range(10_000, 20_000):
        deadlines.change(b"a", {"api": due, "ws": due if due % 2 else None})
        assert len(deadlines) < 80
    assert deadlines.take_due(30_000) == [
        Deadline(5, b"b", "api"),
        Deadline(19_999, b"a", "api"),
        Deadline(19_999, b"a", "ws"),
    ]
    assert deadlines.take_due(30_000) == []


_CHANGES = st.dictionaries(st.sampled_from("xy"), st.none() | st.integers(1, 9))


@given(st.lists(st.tuples(st.sampled_from([b"a", b"b"]), _CHANGES)))
def test_what_is_due_is_what_stands(steps: list[tuple[bytes, dict[str, int | None]]]) -> None:
    deadlines, told = Deadlines(), {b"a": {}, b"b": {}}
    for key, changes in steps:
        deadlines.change(key, changes)
        told[key] |= changes
    present = {key: {name: at for name, at in names.items() if at is not None} for key, names in told.items()}
    due = deadlines.take_due(9)
    assert sorted(due) == sorted(
        Deadline(at, key, name) for key, names in present.items() for name, at in names.items()
    )
    assert [each.due for each in due] == sorted(each.due for each in due)


def test_a_version_of_the_controls_counts_when_nothing_older_is_in_flight() -> None:
    flight: InFlight[str] = InFlight()
    assert flight.applied(3) == 3

    async def offsets() -> list[int]:
        return []

    waiting = [offsets(), offsets()]
    for version, awaitable in zip((1, 3), waiting, strict=True):
        flight.put(Append([Decided(b"k", "event", 0, None, 0, Message(b"k", b"v"))], version, awaitable))
    assert (flight.applied(3), flight.records) == (1, 2)
    flight.acknowledged()
    assert (flight.applied(4), flight.records) == (3, 1)
    flight.acknowledged()
    assert flight.oldest() is None
    assert flight.applied(4) == 4
    for awaitable in waiting:
        awaitable.close()


def test_a_batch_is_done_with_its_last_command_and_what_came_before_is_left_out() -> None:
    inbox, done = Inbox(), []
    inbox.put(_commands(0, 2), lambda: done.append("first"))
    inbox.put(_commands(1, 2), lambda: done.append("second"))
    inbox.put(_commands(0, 3), lambda: done.append("nothing new"))
    assert done == ["nothing new"]
    taken = [inbox.next() for _ in range(4)]
    assert [found[0].offset for found in taken if found] == [0, 1, 2]
    assert inbox.undecided == 0
    for _, handed in taken[:3]:
        inbox.done(handed)
    assert done == ["nothing new", "first", "second"]
    assert len(inbox) == 0


def test_a_new_claim_decides_again_what_is_not_done() -> None:
    inbox, done = Inbox(), []
    for first in (0, 2, 4):
        inbox.put(_commands(first, 2), lambda first=first: done.append(first))
    for _ in range(3):
        record, handed = inbox.next()
        if record.offset < 2:
            inbox.done(handed)
    inbox.rewind()
    assert inbox.undecided == 4
    again = [inbox.next() for _ in range(4)]
    assert [record.offset for record, _ in again] == [2, 3, 4, 5]
    for _, handed in again:
        inbox.done(handed)
    assert done == [0, 2, 4]
