"""Which partitions stand: what moves, catches up or has just got its first record never does; what hangs always does."""

from hypothesis import given
from hypothesis import strategies as st

from storage.models.partition_progress import PartitionProgress, Standstills, long_standing, stalled


def at(position: int, end: int, partition: int = 0) -> PartitionProgress:
    return PartitionProgress("orders", "order-commands", partition, position, end)


def test_a_partition_that_does_not_move_while_its_log_grows_is_stalled() -> None:
    assert stalled([at(5, 6)], [at(5, 9)]) == [at(5, 9)]


def test_a_partition_whose_log_has_stopped_is_stalled_too_while_records_wait() -> None:
    assert stalled([at(5, 9)], [at(5, 9)]) == [at(5, 9)]


def test_the_first_record_after_a_quiet_time_is_no_stall() -> None:
    assert stalled([at(5, 5)], [at(5, 6)]) == []


def test_what_moves_is_not_stalled_however_far_behind() -> None:
    assert stalled([at(5, 1_000)], [at(6, 9_000)]) == []


def test_partitions_and_groups_are_told_apart() -> None:
    other = PartitionProgress("market", "order-commands", 0, 5, 9)
    assert stalled([at(5, 9), other], [at(5, 9, partition=1), other._replace(position=6)]) == []


def test_standing_counts_from_the_look_at_which_records_were_first_seen_waiting() -> None:
    watch = Standstills()
    assert [watch.look(now, [at(5, end)])[0].standing_seconds for now, end in ((10, 5), (20, 6), (30, 7), (50, 9))] == [
        0, 0, 10, 30,
    ]  # fmt: skip
    assert watch.look(55, [at(6, 9)])[0].standing_seconds == 0
    assert watch.look(60, [at(6, 9)])[0].standing_seconds == 5


def test_a_partition_that_went_away_begins_anew() -> None:
    watch = Standstills()
    watch.look(0, [at(5, 9)])
    watch.look(40, [])
    assert watch.look(80, [at(5, 9)])[0].standing_seconds == 0


def test_the_longest_comes_first() -> None:
    seen = [
        at(1, 2)._replace(standing_seconds=31),
        at(1, 2, 1)._replace(standing_seconds=29),
        at(1, 2, 2)._replace(standing_seconds=90),
    ]
    assert [one.partition for one in long_standing(seen)] == [2, 0]


STEP = st.tuples(st.integers(0, 3), st.integers(0, 3))


@given(st.lists(STEP, min_size=1, max_size=30))
def test_standing_is_never_told_of_a_partition_that_moved_or_has_nothing_to_do(steps: list[tuple[int, int]]) -> None:
    """By hand: for how many looks in a row the position was the same and records were waiting at the look before."""
    watch = Standstills()
    position = end = run = 0
    waited = -1
    for number, (taken, come) in enumerate(steps):
        end += come
        moved = min(taken, end - position)
        position += moved
        [seen] = watch.look(float(number), [at(position, end)])
        run = run + 1 if waited == position and end > position else 0
        assert seen.standing_seconds == run
        waited = position if end > position else -1
