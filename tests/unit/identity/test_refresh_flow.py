"""Refreshing: each token once, and an old one ends the session."""

import asyncio
import random
from typing import Any, cast

import pytest

from gateway.identity.people.asker import Asker
from gateway.identity.ports import SessionStore
from gateway.identity.sessions.opening import Opened
from gateway.identity.sessions.refresh_tokens import RefreshTokens
from ops.runtime.errors import HubError
from storage.models.sessions import Session
from storage.sealing import KeyRing
from tests.unit.identity.identity_desk import KEY_RING, SECOND, Desk, code_of, desk_of
from tests.unit.identity.test_login_flow import begin, verify


async def opened(desk: Desk) -> Opened:
    await desk.verified()
    return await verify(desk, await begin(desk), await desk.code())


async def refresh(desk: Desk, token: str, asker: Asker | None = None) -> Opened:
    return await desk.flows.refreshing.refresh(desk.users, token, asker or desk.asker())


async def session_of(desk: Desk) -> Session:
    user = await desk.parts.users.by_email("ada@acme.example")
    assert user is not None
    document = await desk.parts.sessions._collection.find_one({"subject_id": user.user_id})  # type: ignore[attr-defined]
    found = await desk.parts.sessions.get(document["_id"])
    assert found is not None
    return found


async def test_a_token_is_rotated_and_lives_on(desk: Desk) -> None:
    first = await opened(desk)
    desk.clock.advance(900)
    second = await refresh(desk, first.refresh_token)
    assert second.refresh_token != first.refresh_token
    session = await session_of(desk)
    assert (session.generation, session.last_used_at) == (2, desk.clock.now())
    assert session.expires_at == desk.clock.now() + 30 * 86_400 * SECOND
    claims = desk.parts.access_tokens.read(second.access_token, "user", desk.clock.now())  # type: ignore[attr-defined]
    assert claims.session_id == session.session_id
    assert second.person["user_id"] == session.subject_id


async def test_an_old_token_ends_the_session_and_mails_once(desk: Desk) -> None:
    first = await opened(desk)
    second = await refresh(desk, first.refresh_token)
    third = await refresh(desk, second.refresh_token)
    mails = len(desk.jobs.mails)
    with pytest.raises(HubError, match=r"auth\.refresh_reused"):
        await refresh(desk, first.refresh_token)
    for token in (first, second, third):
        with pytest.raises(HubError, match=r"auth\.session_ended"):
            await refresh(desk, token.refresh_token)
    session = await session_of(desk)
    assert session.ended_reason == "refresh_reused"
    assert desk.told.told[-1] == f"session:{session.session_id}"
    mail = await desk.mail()
    assert (mail.template, mail.values["ip"]) == ("refresh_reused", "198.51.100.7")
    assert len(desk.jobs.mails) == mails + 1


async def test_of_two_that_overlap_one_wins_and_the_session_lives() -> None:
    always = random.Random(1)  # noqa: S311
    desk = await desk_of(around=lambda sessions: cast("SessionStore", Hesitant(sessions, always)))
    first = await opened(desk)
    outcomes = await asyncio.gather(*(refresh(desk, first.refresh_token) for _ in range(2)), return_exceptions=True)
    won = [outcome for outcome in outcomes if isinstance(outcome, Opened)]
    assert len(won) == 1
    lost = [code_of(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]
    assert lost == ["auth.refresh_invalid"]
    assert await refresh(desk, won[0].refresh_token)


async def test_one_that_was_on_its_way_at_the_rotation_ends_nothing(desk: Desk) -> None:
    first = await opened(desk)
    on_its_way = desk.asker()
    desk.clock.advance(0.05)
    second = await refresh(desk, first.refresh_token)
    with pytest.raises(HubError, match=r"auth\.refresh_invalid"):
        await refresh(desk, first.refresh_token, on_its_way)
    assert (await session_of(desk)).ended_at is None
    assert await refresh(desk, second.refresh_token)
    with pytest.raises(HubError, match=r"auth\.refresh_reused"):
        await refresh(desk, first.refresh_token, on_its_way)


async def test_what_we_did_not_make_ends_nothing(desk: Desk) -> None:
    first = await opened(desk)
    session = await session_of(desk)
    forged, _ = RefreshTokens(KeyRing.parse("test:another-secret-than-the-tests")).make(session.session_id, 1)
    unnewest, _ = RefreshTokens(KEY_RING).make(session.session_id, 1)
    ahead, _ = RefreshTokens(KEY_RING).make(session.session_id, 7)
    nowhere, _ = RefreshTokens(KEY_RING).make("ses_unknown", 1)
    changed = first.refresh_token[:-1] + ("0" if first.refresh_token[-1] != "0" else "1")
    for token in (forged, unnewest, ahead, nowhere, changed, "pmr_" + "x" * 40, first.access_token[:512]):
        with pytest.raises(HubError, match=r"auth\.refresh_invalid"):
            await refresh(desk, token)
    with pytest.raises(HubError, match=r"auth\.refresh_invalid"):
        await desk.flows.refreshing.refresh(desk.admins, first.refresh_token, desk.asker())
    assert await refresh(desk, first.refresh_token)


async def test_an_unused_session_expires(desk: Desk) -> None:
    first = await opened(desk)
    desk.clock.advance(30 * 86_400)
    with pytest.raises(HubError, match=r"auth\.session_ended"):
        await refresh(desk, first.refresh_token)


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_who_may_not_be_logged_in_is_not_refreshed(desk: Desk, status: str) -> None:
    first = await opened(desk)
    user = await desk.parts.users.by_email("ada@acme.example")
    assert user is not None
    await desk.change(user, status=status)
    with pytest.raises(HubError, match=rf"auth\.{status}"):
        await refresh(desk, first.refresh_token)


async def test_a_token_outlives_the_rotation_of_the_keys(desk: Desk) -> None:
    first = await opened(desk)
    presented = RefreshTokens(KeyRing.parse("new:a-new-secret-of-the-tests,test:a-secret-of-the-tests-alone")).read(
        first.refresh_token
    )
    assert presented is not None
    assert presented.generation == 1
    assert RefreshTokens(KeyRing.parse("new:a-new-secret-of-the-tests")).read(first.refresh_token) is None


class Hesitant:
    """A session store that lets others run before each call, more or less long."""

    def __init__(self, sessions: SessionStore, drawn: random.Random) -> None:
        self._sessions, self._drawn = sessions, drawn

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._sessions, name)
        if name.startswith("_"):
            return found

        async def hesitating(*arguments: object) -> object:
            for _ in range(self._drawn.randrange(4)):
                await asyncio.sleep(0)
            return await found(*arguments)

        return hesitating


@pytest.mark.parametrize("seed", range(40))
async def test_whatever_is_sent_in_whatever_order_one_generation_lives(seed: int) -> None:
    """Bursts of refreshes with old and new tokens at once: at most one token ever made can still be used."""
    drawn = random.Random(seed)  # noqa: S311
    desk = await desk_of(around=lambda sessions: cast("SessionStore", Hesitant(sessions, drawn)))
    made = [(await opened(desk)).refresh_token]
    succeeded: list[str] = []
    reused = False
    for _ in range(15):
        ended = reused
        desk.clock.advance(drawn.choice((0.0, 0.01, 5.0)))
        burst = [drawn.choice(made[-3:] if drawn.random() < 0.4 else made[-1:]) for _ in range(drawn.randint(1, 3))]
        outcomes = await asyncio.gather(*(refresh(desk, token) for token in burst), return_exceptions=True)
        for token, outcome in zip(burst, outcomes, strict=True):
            if isinstance(outcome, Opened):
                assert not ended
                succeeded.append(token)
                made.append(outcome.refresh_token)
            else:
                reused = reused or code_of(outcome) == "auth.refresh_reused"
    assert len(succeeded) == len(set(succeeded)), "a token was taken twice"
    assert (await session_of(desk)).generation == len(succeeded) + 1
    assert ((await session_of(desk)).ended_at is not None) == reused
    session = await session_of(desk)
    tokens = RefreshTokens(KEY_RING)
    assert sum(tokens.is_newest(token, session) for token in made) == 1
