"""Whatever the core or a venue may answer is a code that clients can look up."""

import pytest

from ops.runtime.errors import CATALOGUE
from streams.orders.denials import DENIALS
from streams.venues.simulated.upstream import REASONS


@pytest.mark.parametrize("denial", DENIALS, ids=lambda denial: denial.code)
def test_a_denial_stands_in_the_catalogue_as_the_core_says_it(denial):
    kind = CATALOGUE[denial.code]
    assert (kind.status, kind.message, kind.help) == (denial.status, denial.message, denial.help)
    assert kind.retryable is False


@pytest.mark.parametrize("reason", sorted(set(REASONS.values())))
def test_a_reason_of_the_venue_stands_in_the_catalogue_and_no_retry_changes_it(reason):
    assert CATALOGUE[reason].retryable is False


def test_on_writes_only_an_unknown_outcome_is_a_retryable_503():
    of_orders = {"account", "cancel", "connector", "instrument", "market", "order", "risk", "session", "venue"}
    unavailable = {kind.code: kind.retryable for kind in CATALOGUE.values() if kind.status == 503}
    assert {code: retry for code, retry in unavailable.items() if code.partition(".")[0] in of_orders} == {
        "connector.unavailable": False,
        "order.outcome_unknown": True,
    }
