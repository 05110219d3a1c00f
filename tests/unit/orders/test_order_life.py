import pytest

from storage.models.orders import OrderState
from streams.orders.life import CORRECTABLE, TRANSITIONS, is_open, status_of

# The specification's table, in its words.
TABLE = """
| accepted | sent, canceled, expired | `new` |
| sent | acknowledged, partially filled, filled, rejected, canceled, expired, unknown | `new` |
| acknowledged | partially filled, filled, canceled, expired, unknown | `new` |
| partially filled | partially filled, filled, canceled, expired, unknown | `partially_filled` |
| unknown | sent, acknowledged, partially filled, filled, rejected, canceled, expired | as before it |
| filled | | `filled` |
| canceled | | `canceled` |
| rejected | | `rejected` |
| expired | | `canceled` |
| denied | | `rejected` |
"""
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.strip().splitlines()]


def _state(words: str) -> str:
    return words.strip().replace(" ", "_")


def test_the_table_is_the_specifications() -> None:
    told = {_state(row[0]): {_state(name) for name in row[1].split(",") if name.strip()} for row in ROWS}
    assert {state: set(following) for state, following in TRANSITIONS.items()} == told


@pytest.mark.parametrize(("state", "status"), [(_state(row[0]), row[2].strip("`")) for row in ROWS])
def test_each_state_has_the_contracts_status(state: OrderState, status: str) -> None:
    if state == "unknown":
        assert status_of(state, filled=False) == "new"
        assert status_of(state, filled=True) == "partially_filled"
    else:
        assert status_of(state, filled=state == "partially_filled") == status


def test_open_states_are_those_that_lead_somewhere() -> None:
    assert {state for state in TRANSITIONS if is_open(state)} == {
        state for state, after in TRANSITIONS.items() if after
    }
    assert {"canceled", "expired"} == CORRECTABLE
    assert "filled" in TRANSITIONS["sent"]
    assert "filled" not in TRANSITIONS["accepted"]
