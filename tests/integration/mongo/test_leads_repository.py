"""Leads over both adapters."""

import asyncio

import pytest

from storage.models.leads import Lead
from storage.mongo.connect import Store
from storage.mongo.documents import Database
from storage.mongo.leads import Leads

NOW = 1_700_000_000_123_456_789


def lead(**fields: object) -> Lead:
    """A lead with only these fields and what it cannot be without."""
    known = {
        "lead_id": "ld_1",
        "work_email": "ada@example.com",
        "country": "JP",
        "consented_at": NOW,
        "created_at": NOW,
    }
    return Lead.model_validate({**known, **fields})


@pytest.fixture
def leads(database: Database) -> Leads:
    return Leads(database)


async def test_a_lead_comes_back_in_every_field(leads: Leads) -> None:
    whole = lead(
        preferred_language="ja-JP",
        institution_type="fund",
        contact_handle="@ada",
        utm_source="news",
        utm_campaign="spring",
    )
    assert await leads.submit(whole) == whole
    assert await leads.by_email("ada@example.com") == whole
    assert await leads.by_email("bob@example.com") is None


async def test_again_keeps_the_first_id_and_what_is_not_said_again(leads: Leads) -> None:
    await leads.submit(lead(preferred_language="ja-JP", utm_source="news", contact_handle="@ada"))
    again = await leads.submit(
        lead(lead_id="ld_2", country="DE", consented_at=NOW + 5, created_at=NOW + 5, utm_source="mail")
    )
    assert again == lead(
        country="DE", consented_at=NOW + 5, preferred_language="ja-JP", utm_source="mail", contact_handle="@ada"
    )
    assert await leads.count() == 1


@pytest.mark.mongo
async def test_at_the_same_time_there_is_one_lead(real_store: Store) -> None:
    leads = Leads(real_store.database)
    answers = await asyncio.gather(*(leads.submit(lead(lead_id=f"ld_{number}")) for number in range(20)))
    assert len({answer.lead_id for answer in answers}) == 1
    assert await leads.count() == 1
