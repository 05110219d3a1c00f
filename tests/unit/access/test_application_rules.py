"""How applications move: as the table says and in no other way, and what a move carries with it."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.errors import HubError
from storage.models.application_mails import activation_mail, rejection_mail
from storage.models.applications import (
    APPLICATION_STATUSES,
    MOVES,
    Application,
    changed,
    job_id_of,
    moved,
)

NOW = 1_700_000_000_000_000_000
ALLOWED = {
    ("submitted", "reviewing"), ("reviewing", "approved"), ("reviewing", "rejected"), ("approved", "provisioning"),
    ("provisioning", "active"), ("provisioning", "approved"),
}  # fmt: skip


def application(**changes: Any) -> Application:
    """A new one."""
    plain = Application(
        application_id="app_1", tenant_id="ten_1", contact_email="ada@acme.example", target_markets=("equity", "crypto"),
        target_exchanges=("XNAS", "BINANCE"), preferred_language="ja-JP", submitted_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return plain.model_copy(update=changes)


@pytest.mark.parametrize(("before", "to"), list(itertools.product(APPLICATION_STATUSES, repeat=2)))
def test_every_move_is_in_the_table_or_is_refused(before, to):
    asked = application(status=before, version=7)
    if (before, to) in ALLOWED:
        after = moved(asked, to, NOW + 1)
        assert (after.status, after.version, after.updated_at) == (to, 8, NOW + 1)
        return
    with pytest.raises(HubError) as refused:
        moved(asked, to, NOW + 1)
    assert refused.value.code == "application.wrong_state"
    assert refused.value.details == {"application_id": "app_1", "status": before, "wanted": to}


def test_an_approval_is_taken_back_only_when_its_job_has_failed():
    failed = application(status="approved", failure_code="connector.unavailable")
    rejected = moved(failed, "rejected", NOW)
    assert (rejected.status, rejected.failure_code) == ("rejected", None)
    with pytest.raises(HubError):
        moved(application(status="approved"), "rejected", NOW)


def test_the_table_speaks_of_every_status():
    assert set(MOVES) == set(APPLICATION_STATUSES)


@given(st.lists(st.sampled_from(APPLICATION_STATUSES), max_size=30))
def test_whatever_is_tried_only_an_approved_one_is_provisioned_and_a_rejected_one_stays(wanted):
    one, seen = application(), ["submitted"]
    for to in wanted:
        try:
            one = moved(one, to, NOW)
        except HubError:
            continue
        seen.append(one.status)
    assert one.version == len(seen)
    assert all(before == "approved" for before, after in itertools.pairwise(seen) if after == "provisioning")
    assert "rejected" not in seen[:-1]


def test_a_move_ends_the_failure_of_before_unless_it_tells_of_one():
    failed = moved(application(status="provisioning"), "approved", NOW, failure_code="connector.unavailable")
    assert failed.failure_code == "connector.unavailable"
    assert changed(failed, NOW, review_note="noted").failure_code == "connector.unavailable"
    assert moved(failed, "provisioning", NOW).failure_code is None


def test_an_application_has_one_job():
    assert job_id_of("app_0af") == "job_0af"


def test_the_contact_is_told_in_the_language_that_was_asked_for():
    rejected = rejection_mail(application(), "Acme", "no licence", NOW)
    assert (rejected.to, rejected.language, rejected.template) == ("ada@acme.example", "ja-JP", "application_rejected")
    assert rejected.values == {
        "name": "Acme", "application_id": "app_1", "exchanges": "XNAS, BINANCE", "reason": "no licence",
    }  # fmt: skip
    active = activation_mail(application(), "Acme", ["BINANCE"], NOW)
    assert (active.template, active.values["exchanges"]) == ("application_active", "BINANCE")
    assert active.outbox_id == rejected.outbox_id == "access_applications:app_1:1"
