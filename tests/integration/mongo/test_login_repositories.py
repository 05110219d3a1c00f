"""Sessions, challenges and notices over both adapters."""

import asyncio

import pytest

from storage.models.challenges import Challenge
from storage.models.mails import Mail, Notice, outbox_id_of
from storage.models.sessions import Session
from storage.mongo.challenges import COLLECTION, Challenges
from storage.mongo.documents import Database
from storage.mongo.failures import AlreadyStored
from storage.mongo.notices import Notices
from storage.mongo.sessions import Sessions

NOW = 1_700_000_000_123_456_789
SESSION = Session(
    session_id="ses_1", audience="user", subject_id="usr_1", refresh_hash="h1", created_at=NOW, last_used_at=NOW,
    expires_at=NOW + 100, ip="10.0.0.1", user_agent="curl",
)  # fmt: skip
MAIL = Mail(
    outbox_id=outbox_id_of("challenges", "chl_1", 1), to="ada@acme.example", template="login_code", language="ja-JP",
    values={"name": "Ada", "minutes": "5"}, sealed="v1.demo.AAAA", created_at=NOW, expires_at=NOW + 300,
)  # fmt: skip
CHALLENGE = Challenge(
    challenge_id="chl_1", kind="login", audience="user", subject_id="usr_1", email="ada@acme.example", code_hash="h1.demo.00",
    created_at=NOW, expires_at=NOW + 300, resend_at=NOW + 30, mail=MAIL,
)  # fmt: skip


def session(number: int, **changes: object) -> Session:
    """The example under another id; younger with a higher number."""
    return SESSION.model_copy(update={"session_id": f"ses_{number}", "created_at": NOW + number, **changes})


def challenge(**changes: object) -> Challenge:
    """The example with changes."""
    return CHALLENGE.model_copy(update=changes)


@pytest.fixture
def sessions(database: Database) -> Sessions:
    return Sessions(database)


@pytest.fixture
def challenges(database: Database) -> Challenges:
    return Challenges(database)


async def test_sessions_come_back_in_every_field(sessions: Sessions) -> None:
    ended = session(2, ended_at=NOW + 5, ended_reason="logout")
    await sessions.insert(SESSION)
    await sessions.insert(ended)
    assert (await sessions.get("ses_1"), await sessions.get("ses_9")) == (SESSION, None)
    assert await sessions.get_many(["ses_1", "ses_2", "ses_9"]) == {"ses_1": SESSION, "ses_2": ended}
    with pytest.raises(AlreadyStored, match="sessions already holds 'ses_1'"):
        await sessions.insert(SESSION)


async def test_of_simultaneous_rotations_of_a_generation_one_wins(sessions: Sessions) -> None:
    await sessions.insert(SESSION)
    outcomes = await asyncio.gather(*(sessions.rotate("ses_1", 1, f"n{n}", NOW + 9, NOW + 200) for n in range(6)))
    assert sum(outcomes) == 1
    winner = f"n{outcomes.index(True)}"
    changes = {"generation": 2, "refresh_hash": winner, "last_used_at": NOW + 9, "expires_at": NOW + 200}
    assert await sessions.get("ses_1") == SESSION.model_copy(update=changes)


async def test_what_has_ended_is_not_rotated_and_keeps_its_reason(sessions: Sessions) -> None:
    await sessions.insert(SESSION)
    assert await sessions.end("ses_1", "refresh_reused", NOW + 3)
    assert not await sessions.end("ses_1", "logout", NOW + 4)
    assert not await sessions.end("ses_9", "logout", NOW + 4)
    assert not await sessions.rotate("ses_1", 1, "new", NOW + 5, NOW + 200)
    stored = await sessions.get("ses_1")
    assert stored is not None
    assert (stored.ended_at, stored.ended_reason, stored.refresh_hash) == (NOW + 3, "refresh_reused", "h1")


async def test_all_of_a_person_end_but_one(sessions: Sessions) -> None:
    for number in (1, 2, 3):
        await sessions.insert(session(number))
    await sessions.insert(session(4, ended_at=NOW, ended_reason="logout"))
    await sessions.insert(session(5, subject_id="usr_2"))
    assert await sessions.end_all("usr_1", "password_changed", NOW + 9, except_session="ses_2") == 2
    assert [each.session_id for each in await sessions.active_of("usr_1", NOW)] == ["ses_2"]
    assert await sessions.end_all("usr_1", "logout_all", NOW + 9) == 1
    assert [each.session_id for each in await sessions.active_of("usr_2", NOW)] == ["ses_5"]


async def test_expired_sessions_are_not_active(sessions: Sessions) -> None:
    await sessions.insert(session(1, expires_at=NOW + 10))
    await sessions.insert(session(2, expires_at=NOW + 11))
    await sessions.insert(session(3, expires_at=NOW + 12))
    assert [each.session_id for each in await sessions.active_of("usr_1", NOW + 10)] == ["ses_3", "ses_2"]


async def test_challenges_come_back_in_every_field(challenges: Challenges) -> None:
    by_device = challenge(challenge_id="chl_2", channel="totp", code_hash=None, mail=None, mails=0)
    await challenges.insert(CHALLENGE)
    await challenges.insert(by_device)
    assert (await challenges.get("chl_1"), await challenges.get("chl_9")) == (CHALLENGE, None)
    assert await challenges.get("chl_2") == by_device
    with pytest.raises(AlreadyStored, match="challenges already holds 'chl_1'"):
        await challenges.insert(CHALLENGE)


async def test_the_newest_of_a_kind_is_found(challenges: Challenges) -> None:
    for number in (1, 2):
        await challenges.insert(challenge(challenge_id=f"chl_{number}", created_at=NOW + number))
    await challenges.insert(challenge(challenge_id="chl_3", created_at=NOW + 3, kind="verification"))
    await challenges.insert(challenge(challenge_id="chl_4", created_at=NOW + 4, audience="admin"))
    await challenges.insert(challenge(challenge_id="chl_5", created_at=NOW + 5, subject_id="usr_2"))
    found = await challenges.newest("login", "user", "usr_1")
    assert found is not None
    assert found.challenge_id == "chl_2"
    assert await challenges.newest("password_reset", "user", "usr_1") is None


async def test_the_last_ones_of_a_kind_are_found_newest_first(challenges: Challenges) -> None:
    for number in (1, 3, 2):
        await challenges.insert(challenge(challenge_id=f"chl_{number}", created_at=NOW + number))
    await challenges.insert(challenge(challenge_id="chl_4", created_at=NOW + 4, kind="verification"))
    found = await challenges.newest_of("login", "user", "usr_1", 2)
    assert [each.challenge_id for each in found] == ["chl_3", "chl_2"]
    assert await challenges.newest_of("login", "user", "usr_2", 2) == []


async def test_all_challenges_of_a_person_end_and_who_tries_one_finds_it_changed(challenges: Challenges) -> None:
    await challenges.insert(CHALLENGE)
    await challenges.insert(challenge(challenge_id="chl_2", kind="password_reset"))
    await challenges.insert(challenge(challenge_id="chl_3", ended_at=NOW))
    await challenges.insert(challenge(challenge_id="chl_4", subject_id="usr_2"))
    assert await challenges.end_all("usr_1", NOW + 5) == 2
    ended = {number: await challenges.get(f"chl_{number}") for number in (1, 2, 3, 4)}
    assert [each and each.ended_at for each in ended.values()] == [NOW + 5, NOW + 5, NOW, None]
    assert not await challenges.replace(CHALLENGE, challenge(ended_at=NOW + 6))


async def test_of_simultaneous_tries_one_is_counted_at_a_time(challenges: Challenges) -> None:
    await challenges.insert(CHALLENGE)
    outcomes = await asyncio.gather(*(challenges.replace(CHALLENGE, challenge(tries=1)) for _ in range(6)))
    assert sum(outcomes) == 1
    assert await challenges.get("chl_1") == challenge(tries=1)


async def test_what_was_changed_since_is_not_overwritten(challenges: Challenges) -> None:
    await challenges.insert(CHALLENGE)
    ended = challenge(ended_at=NOW + 5)
    assert await challenges.replace(CHALLENGE, ended)
    assert not await challenges.replace(CHALLENGE, challenge(tries=1))
    assert not await challenges.replace(CHALLENGE, challenge(mails=2))
    assert not await challenges.replace(challenge(challenge_id="chl_9"), challenge(challenge_id="chl_9", tries=1))
    assert await challenges.get("chl_1") == ended


async def test_a_try_leaves_the_mail_to_who_sends_it(challenges: Challenges, database: Database) -> None:
    await challenges.insert(CHALLENGE)
    await database[COLLECTION].update_one({"_id": "chl_1"}, {"$set": {"mail.state": "sent"}})
    assert await challenges.replace(CHALLENGE, challenge(tries=1))
    stored = await challenges.get("chl_1")
    assert stored is not None
    assert stored.mail is not None
    assert (stored.tries, stored.mail.state) == (1, "sent")


async def test_a_resend_puts_the_new_mail_in_the_place_of_the_old(challenges: Challenges) -> None:
    await challenges.insert(CHALLENGE)
    second = MAIL.model_copy(update={"outbox_id": outbox_id_of("challenges", "chl_1", 2)})
    resent = challenge(mails=2, mail=second, code_hash="h1.demo.11")
    assert await challenges.replace(CHALLENGE, resent)
    assert await challenges.get("chl_1") == resent


async def test_a_notice_is_told_once(database: Database) -> None:
    notices = Notices(database)
    mail = MAIL.model_copy(update={"outbox_id": outbox_id_of("notices", "locked:1", 1), "template": "account_locked"})
    assert await notices.insert(Notice(notice_id="locked:1", mail=mail))
    assert not await notices.insert(Notice(notice_id="locked:1", mail=mail.model_copy(update={"to": "x@x.example"})))
    assert await notices.insert(Notice(notice_id="locked:2", mail=mail))
    stored = await database["notices"].find_one({"_id": "locked:1"})
    assert stored is not None
    assert stored["mail"]["to"] == "ada@acme.example"
