"""The outbox over both adapters: a mail is claimed by one, given up at its time, and found when nobody has it."""

import asyncio

import pytest

from storage.models.challenges import Challenge
from storage.models.mails import Mail, Notice, outbox_id_of
from storage.mongo.challenges import Challenges
from storage.mongo.connect import Store, connect
from storage.mongo.documents import Database
from storage.mongo.notices import Notices
from storage.mongo.outbox import JOB_SECONDS, SWEPT_SECONDS, NoSuchOutbox, Outbox
from storage.mongo.outlived import Outlived

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
LIFE = 300 * SECOND
ID = outbox_id_of("challenges", "chl:1", 1)


def a_mail(outbox_id: str = ID) -> Mail:
    return Mail(
        outbox_id=outbox_id,
        to="ann@example.com",
        template="login_code",
        language="en-US",
        values={"name": "Ann", "minutes": "5"},
        sealed="v1.k.secret",
        created_at=NOW,
        expires_at=NOW + LIFE,
    )


def a_challenge(mail: Mail | None, challenge_id: str = "chl:1") -> Challenge:
    return Challenge(
        challenge_id=challenge_id,
        kind="login",
        audience="user",
        subject_id="usr_1",
        email="ann@example.com",
        code_hash="h1.k.00",
        created_at=NOW,
        expires_at=NOW + LIFE,
        resend_at=NOW + 30 * SECOND,
        mail=mail,
    )


@pytest.fixture
async def challenges(database: Database) -> Challenges:
    kept = Challenges(database)
    await kept.insert(a_challenge(a_mail()))
    return kept


@pytest.fixture
def outbox(database: Database, challenges: Challenges) -> Outbox:
    return Outbox(database)


async def test_what_is_stored_with_its_cause_is_found_by_its_id(outbox: Outbox) -> None:
    assert await outbox.get(ID) == a_mail()
    assert await outbox.get(outbox_id_of("challenges", "chl:1", 2)) is None
    assert await outbox.get(outbox_id_of("notices", "chl:1", 1)) is None


@pytest.mark.parametrize("bad", ["", "challenges:1", "users:usr_1:1", "challenges::1", "challenges:x:y"])
async def test_an_id_that_names_no_place_is_refused(outbox: Outbox, bad: str) -> None:
    with pytest.raises(NoSuchOutbox, match="is not an outbox id"):
        await outbox.get(bad)


async def test_one_claim_at_a_time_and_it_ends_by_itself(outbox: Outbox) -> None:
    until = NOW + 15 * SECOND
    claimed = await outbox.claim(ID, NOW, until)
    assert claimed == a_mail().model_copy(update={"state": "sending", "claimed_until": until, "attempts": 1})
    assert await outbox.claim(ID, until - 1, until + SECOND) is None
    again = await outbox.claim(ID, until, until + 15 * SECOND)
    assert again is not None
    assert again.attempts == 2
    assert not await outbox.failed(claimed, until, "the claim was lost")
    assert await outbox.renew(claimed, until + 60 * SECOND) is None
    assert await outbox.get(ID) == again


async def test_of_many_at_once_one_claims(outbox: Outbox) -> None:
    claims = await asyncio.gather(*(outbox.claim(ID, NOW, NOW + SECOND) for _ in range(20)))
    assert sum(claim is not None for claim in claims) == 1


@pytest.mark.mongo
async def test_of_many_processes_one_claims(real_store: Store, mongo_url: str, request: pytest.FixtureRequest) -> None:
    stores = [connect(mongo_url, real_store.database.name) for _ in range(3)]
    request.addfinalizer(lambda: [store.close() for store in stores])
    for number in range(10):
        identity = f"ntc_{number}"
        outbox_id = outbox_id_of("notices", identity, 1)
        await Notices(real_store.database).insert(Notice(notice_id=identity, mail=a_mail(outbox_id)))
        claims = await asyncio.gather(
            *(Outbox(stores[n % 3].database).claim(outbox_id, NOW, NOW + SECOND) for n in range(9))
        )
        assert sum(claim is not None for claim in claims) == 1


async def test_a_claim_is_renewed_by_who_has_it(outbox: Outbox) -> None:
    claimed = await outbox.claim(ID, NOW, NOW + 15 * SECOND)
    assert claimed is not None
    longer = await outbox.renew(claimed, NOW + 30 * SECOND)
    assert longer is not None
    assert await outbox.claim(ID, NOW + 20 * SECOND, NOW + 60 * SECOND) is None
    assert await outbox.sent(longer, NOW + 21 * SECOND)


async def test_what_is_sent_is_never_claimed_again_and_keeps_no_secret(outbox: Outbox, database: Database) -> None:
    claimed = await outbox.claim(ID, NOW, NOW + SECOND)
    assert claimed is not None
    assert await outbox.sent(claimed, NOW + 5)
    assert not await outbox.sent(claimed, NOW + 6)
    assert not await outbox.refused(claimed, "too late")
    assert await outbox.claim(ID, NOW + 2 * SECOND, NOW + 3 * SECOND) is None
    stored = await database["challenges"].find_one({"_id": "chl:1"})
    assert stored is not None
    assert "sealed" not in stored["mail"]
    found = await outbox.get(ID)
    assert found is not None
    assert (found.state, found.sent_at, found.claimed_until, found.sealed) == ("sent", NOW + 5, 0, None)


async def test_who_really_sent_it_is_believed_though_the_claim_was_lost(outbox: Outbox) -> None:
    first = await outbox.claim(ID, NOW, NOW + SECOND)
    second = await outbox.claim(ID, NOW + SECOND, NOW + 2 * SECOND)
    assert first is not None
    assert second is not None
    assert await outbox.sent(first, NOW + SECOND)
    assert not await outbox.failed(second, NOW + 9 * SECOND, "down")
    found = await outbox.get(ID)
    assert found is not None
    assert found.state == "sent"


async def test_after_trouble_it_waits_for_its_next_try(outbox: Outbox) -> None:
    claimed = await outbox.claim(ID, NOW, NOW + SECOND)
    assert claimed is not None
    assert await outbox.failed(claimed, NOW + 8 * SECOND, "down " * 1_000)
    assert await outbox.claim(ID, NOW + 8 * SECOND - 1, NOW + 9 * SECOND) is None
    again = await outbox.claim(ID, NOW + 8 * SECOND, NOW + 9 * SECOND)
    assert again is not None
    assert again.attempts == 2
    assert again.sealed == "v1.k.secret"
    assert again.last_error is not None
    assert len(again.last_error) == 500


async def test_nothing_is_claimed_at_or_after_its_end(outbox: Outbox) -> None:
    assert await outbox.claim(ID, NOW + LIFE, NOW + LIFE + SECOND) is None
    mail = await outbox.get(ID)
    assert mail is not None
    assert await outbox.expired(mail)
    found = await outbox.get(ID)
    assert found is not None
    assert (found.state, found.sealed) == ("expired", None)


async def test_a_code_that_was_used_is_not_mailed(outbox: Outbox, challenges: Challenges) -> None:
    before = await challenges.get("chl:1")
    assert before is not None
    assert await challenges.replace(before, before.model_copy(update={"ended_at": NOW + SECOND, "tries": 1}))
    assert await outbox.claim(ID, NOW + SECOND, NOW + 2 * SECOND) is None
    mail = await outbox.get(ID)
    assert mail is not None
    assert mail.expires_at == NOW + SECOND


async def test_an_answer_written_meanwhile_does_not_bring_a_sent_mail_back(
    outbox: Outbox, challenges: Challenges
) -> None:
    before = await challenges.get("chl:1")
    claimed = await outbox.claim(ID, NOW, NOW + SECOND)
    assert before is not None
    assert claimed is not None
    assert await outbox.sent(claimed, NOW)
    assert await challenges.replace(before, before.model_copy(update={"tries": 1}))
    found = await outbox.get(ID)
    assert found is not None
    assert found.state == "sent"


async def test_a_newer_mail_takes_the_place_of_an_older_one(outbox: Outbox, challenges: Challenges) -> None:
    claimed = await outbox.claim(ID, NOW, NOW + SECOND)
    before = await challenges.get("chl:1")
    assert before is not None
    assert claimed is not None
    newer = a_mail(outbox_id_of("challenges", "chl:1", 2))
    assert await challenges.replace(before, before.model_copy(update={"mails": 2, "mail": newer}))
    assert not await outbox.sent(claimed, NOW)
    assert await outbox.get(newer.outbox_id) == newer


async def test_the_sweep_finds_what_no_job_came_for(outbox: Outbox) -> None:
    assert await outbox.due(NOW + JOB_SECONDS * SECOND - 1, 10) == []
    due_at = NOW + JOB_SECONDS * SECOND
    assert await outbox.due(due_at, 10) == [ID]
    await outbox.swept([ID], due_at)
    assert await outbox.due(due_at + SWEPT_SECONDS * SECOND - 1, 10) == []
    assert await outbox.due(due_at + SWEPT_SECONDS * SECOND, 10) == [ID]


async def test_the_sweep_finds_what_the_dead_had_claimed(outbox: Outbox) -> None:
    until = NOW + 15 * SECOND
    assert await outbox.claim(ID, NOW, until) is not None
    assert await outbox.due(until - 1, 10) == []
    assert await outbox.due(until, 10) == [ID]


async def test_the_sweep_leaves_a_try_to_its_job_and_what_is_over_alone(outbox: Outbox) -> None:
    claimed = await outbox.claim(ID, NOW, NOW + SECOND)
    assert claimed is not None
    await outbox.failed(claimed, NOW + 60 * SECOND, "down")
    assert await outbox.due(NOW + 64 * SECOND, 10) == []
    assert await outbox.due(NOW + 65 * SECOND, 10) == [ID]
    mail = await outbox.get(ID)
    assert mail is not None
    await outbox.refused(mail, "no such mailbox")
    assert await outbox.due(NOW + 3_600 * SECOND, 10) == []


async def test_the_sweep_looks_everywhere_and_takes_no_more_than_asked(outbox: Outbox, database: Database) -> None:
    for number in range(4):
        notice = Notice(notice_id=f"ntc_{number}", mail=a_mail(outbox_id_of("notices", f"ntc_{number}", 1)))
        assert await Notices(database).insert(notice)
    assert len(await outbox.due(NOW + LIFE, 10)) == 5
    assert len(await outbox.due(NOW + LIFE, 3)) == 3
    assert await outbox.due(NOW + LIFE, 1) == [ID]


async def test_what_is_long_over_is_dropped(outbox: Outbox, challenges: Challenges, database: Database) -> None:
    await challenges.insert(a_challenge(None, "chl_2").model_copy(update={"expires_at": NOW + 9 * LIFE}))
    await Notices(database).insert(Notice(notice_id="ntc_1", mail=a_mail("notices:ntc_1:1")))
    outlived = Outlived(database)
    assert await outlived.challenges(NOW + LIFE) == 0
    assert await outlived.challenges(NOW + LIFE + 1) == 1
    assert await challenges.get("chl_2") is not None
    assert await outlived.notices(NOW) == 0
    assert await outlived.notices(NOW + 1) == 1
    assert await outlived.sessions(NOW) == 0
