"""Two words about a connector, whoever says what and in which order: an admin's wins, nobody's is lost."""

from hypothesis import given
from hypothesis import strategies as st

from storage.models.availability import UNCHECKED, availability_of, by_admin, by_health, by_health_alone
from storage.models.control_records import builtins_of, document_of
from storage.models.controls import ConnectorState, ConnectorWord

STATUSES = st.sampled_from(["up", "down"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("admin"), STATUSES, st.sampled_from(["", "maintenance"])),
        st.tuples(st.just("health"), STATUSES, st.sampled_from(["", "venue.timeout"])),
        st.tuples(st.just("taken back"), st.just(""), st.just("")),
    ),
    max_size=12,
)


@given(STEPS)
def test_the_last_word_of_the_one_who_rules_is_what_orders_see(steps):
    state, admin, health = None, None, None
    for at, (who, status, reason) in enumerate(steps, start=1):
        if who == "admin":
            admin = (status, reason)
            state = by_admin("sim-a", state, ConnectorWord(status, reason, at, "adm_1", at))
        elif who == "health":
            health = (status, reason)
            state = by_health("sim-a", state, ConnectorWord(status, reason, at, at=at))
        else:
            admin = None
            state = by_health_alone("sim-a", state)
        ruling = admin or health or ("down", UNCHECKED)
        assert (state.status, state.reason) == ruling
        found = availability_of("sim-a", state, 0)
        assert (found.status, found.reason, found.source) == (*ruling, "admin" if admin else "health")
        assert found.updated_by == ("adm_1" if admin else None)
        assert 0 <= found.since <= at
        assert document_of(builtins_of(state)) == state


def test_a_status_that_is_said_again_has_begun_when_it_was_said_first():
    state = by_admin("sim-a", None, ConnectorWord("down", "maintenance", 5, "adm_1", 5))
    state = by_admin("sim-a", state, ConnectorWord("down", "longer than planned", 9, "adm_2", 9))
    found = availability_of("sim-a", state, 0)
    assert (found.since, found.reason, found.updated_by) == (5, "longer than planned", "adm_2")


def test_a_word_that_comes_late_is_not_heard():
    newer = by_admin("sim-a", None, ConnectorWord("up", "", 9, "adm_1", 9))
    assert by_admin("sim-a", newer, ConnectorWord("down", "", 5, "adm_1", 5)) == newer


def test_what_health_checks_say_again_changes_nothing():
    state = by_health("sim-a", None, ConnectorWord("up", "", 5, at=5))
    assert by_health("sim-a", state, ConnectorWord("up", "", 9, at=9)) == state


def test_a_connector_of_which_nobody_has_said_anything():
    assert availability_of("sim-c", None, 7) == ("sim-c", "down", "health", UNCHECKED, 7, None)
    assert availability_of("sim-a", ConnectorState("sim-a", "up"), 7) == ("sim-a", "up", "health", "", 7, None)
