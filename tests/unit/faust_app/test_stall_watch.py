"""When lag without an assignment is an alarm, and when it is a spare member's ordinary life."""

from storage.log.port import Bounds
from streams.app.stall_watch import StallWatch


def test_a_partition_that_nobody_moves_is_named_after_the_time() -> None:
    watch = StallWatch(30)
    bounds = {0: Bounds(0, 100), 1: Bounds(0, 50)}
    assert watch.look(0, "trades", (), bounds, {0: 100, 1: 20}) is None
    assert watch.look(29, "trades", (), bounds, {0: 100, 1: 20}) is None
    assert watch.look(30, "trades", (), bounds, {0: 100, 1: 20}) == 1


def test_a_spare_member_is_quiet_while_others_commit() -> None:
    watch = StallWatch(30)
    for now in range(0, 300, 5):
        assert watch.look(now, "trades", (), {0: Bounds(0, 10_000)}, {0: now}) is None


def test_a_member_with_a_partition_of_the_topic_is_quiet() -> None:
    watch = StallWatch(30)
    for now in range(0, 300, 5):
        assert watch.look(now, "trades", (3,), {0: Bounds(0, 100)}, {}) is None


def test_the_time_begins_again_after_an_assignment_or_a_move() -> None:
    watch = StallWatch(30)
    bounds = {0: Bounds(0, 100)}
    assert watch.look(0, "trades", (), bounds, {}) is None
    assert watch.look(20, "trades", (0,), bounds, {}) is None
    assert watch.look(40, "trades", (), bounds, {}) is None
    assert watch.look(60, "trades", (), bounds, {0: 10}) is None
    assert watch.look(80, "trades", (), bounds, {0: 10}) is None
    assert watch.look(90, "trades", (), bounds, {0: 10}) == 0


def test_what_retention_has_deleted_is_no_lag() -> None:
    watch = StallWatch(30)
    for now in (0, 60):
        assert watch.look(now, "trades", (), {0: Bounds(100, 100)}, {0: 40}) is None
