"""Invitations over both adapters."""

import asyncio

import pytest

from storage.models.invitations import Invitation
from storage.models.mails import Mail, outbox_id_of
from storage.mongo.connect import Store
from storage.mongo.documents import Database
from storage.mongo.failures import AlreadyStored
from storage.mongo.invitations import Invitations
from storage.mongo.outbox import Outbox

NOW = 1_700_000_000_123_456_789
OUTBOX_ID = outbox_id_of("invitations", "inv_1", 1)
MAIL = Mail(
    outbox_id=OUTBOX_ID,
    to="bob@example.com",
    template="invitation",
    language="en-US",
    values={"inviter": "Ada"},
    sealed="v1.a.b",
    created_at=NOW,
    expires_at=NOW + 100,
)
INVITATION = Invitation(
    invitation_id="inv_1",
    tenant_id="ten_1",
    invited_by="usr_1",
    email="bob@example.com",
    company_name="Acme",
    country_region="GB",
    token_hash="h1.a.b",
    created_at=NOW,
    expires_at=NOW + 100,
    mail=MAIL,
)


def invitation(**changes: object) -> Invitation:
    """The example with changes, and without its mail."""
    return INVITATION.model_copy(update={"mail": None, **changes})


@pytest.fixture
def invitations(database: Database) -> Invitations:
    return Invitations(database)


async def test_an_invitation_comes_back_in_every_field(invitations: Invitations) -> None:
    await invitations.insert(INVITATION)
    assert await invitations.get("inv_1") == INVITATION
    assert await invitations.get("inv_2") is None


async def test_an_invitation_is_not_overwritten(invitations: Invitations) -> None:
    await invitations.insert(INVITATION)
    with pytest.raises(AlreadyStored, match="invitations already holds 'inv_1'"):
        await invitations.insert(invitation(email="eve@example.com"))
    assert await invitations.get("inv_1") == INVITATION


async def test_a_tenants_invitations_come_newest_first(invitations: Invitations) -> None:
    for number, (tenant, at) in enumerate([("ten_1", 1), ("ten_2", 2), ("ten_1", 3), ("ten_1", 3)]):
        await invitations.insert(invitation(invitation_id=f"inv_{number}", tenant_id=tenant, created_at=NOW + at))
    assert [each.invitation_id for each in await invitations.of_tenant("ten_1")] == ["inv_2", "inv_3", "inv_0"]


async def test_pending_is_what_can_still_be_accepted(invitations: Invitations) -> None:
    await invitations.insert(INVITATION)
    assert await invitations.pending("ten_1", "bob@example.com", NOW + 99) == INVITATION
    assert await invitations.pending("ten_1", "bob@example.com", NOW + 100) is None
    assert await invitations.pending("ten_2", "bob@example.com", NOW) is None
    assert await invitations.pending("ten_1", "eve@example.com", NOW) is None
    await invitations.accept("inv_1", "usr_2", NOW + 1)
    assert await invitations.pending("ten_1", "bob@example.com", NOW + 2) is None


async def test_an_invitation_is_accepted_once_and_its_mail_goes_no_more(database: Database) -> None:
    invitations, outbox = Invitations(database), Outbox(database)
    await invitations.insert(INVITATION)
    assert await invitations.accept("inv_1", "usr_2", NOW + 1)
    assert not await invitations.accept("inv_1", "usr_3", NOW + 2)
    assert not await invitations.accept("inv_9", "usr_3", NOW + 2)
    kept = await invitations.get("inv_1")
    assert kept == INVITATION.model_copy(update={"ended_at": NOW + 1, "accepted_by": "usr_2"})
    assert await outbox.claim(OUTBOX_ID, NOW + 2, NOW + 3) is None


@pytest.mark.mongo
async def test_of_many_acceptances_one_counts(real_store: Store) -> None:
    invitations = Invitations(real_store.database)
    await invitations.insert(INVITATION)
    counted = await asyncio.gather(*(invitations.accept("inv_1", f"usr_{number}", NOW) for number in range(20)))
    assert counted.count(True) == 1
