"""Invitations: made by the owner, accepted once by who got the mail."""

import asyncio
from typing import Any

import pytest

from storage.mongo.connect import Store
from tests.integration.self_service.self_desk import DAY, PASSWORD, Answered, Calling, SelfDesk

INVITATIONS = "/v1/user/invitations"
BOB = {"email": "bob@example.com"}


async def invited(desk: SelfDesk, ada: Calling, email: str = "Bob@Example.com") -> str:
    """The token that was mailed."""
    assert (await ada.post(INVITATIONS, {"email": email})).code == "ok"
    return desk.secret_in(await desk.newest_mail())["token"]


async def accept(desk: SelfDesk, token: str, **changes: Any) -> Answered:
    body = {"token": token, "email": "bob@example.com", "password": PASSWORD, "display_name": "Bob"}
    return await desk.ask("invitations/accept", {**body, **changes})


async def test_an_invitation_is_mailed_with_its_token(desk: SelfDesk, ada: Calling) -> None:
    data = (await ada.post(INVITATIONS, {"email": "Bob@Example.com"})).data
    assert sorted(data) == ["created_at", "email", "expires_at", "invitation_id", "status"]
    assert (data["email"], data["status"]) == ("bob@example.com", "pending")
    mail = await desk.newest_mail()
    assert (mail.to, mail.template, mail.language) == ("bob@example.com", "invitation", "ja-JP")
    assert mail.values == {"company_name": "Analytical Engines", "inviter": "Ada"}
    assert mail.expires_at == desk.clock.now() + 7 * DAY * 10**9
    token = desk.secret_in(mail)["token"]
    assert token.partition(".")[2] not in await desk.all_text()
    assert [(event.action, event.target_id) for event in await desk.told()] == [
        ("invitation.create", data["invitation_id"])
    ]


async def test_who_accepts_is_a_member_at_once(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    data = (await accept(desk, token, preferred_language="zh-CN", country_region="CN")).data
    bob = await desk.users.by_email("bob@example.com")
    assert bob is not None
    assert data == {"user_id": bob.user_id, "tenant_id": "ten_ada", "email": "bob@example.com", "status": "active"}
    assert (bob.tenant_id, bob.tenant_role, bob.status, bob.verified_at) == (
        "ten_ada", "member", "active", desk.clock.now(),
    )  # fmt: skip
    assert (bob.company_name, bob.country_region, bob.preferred_language) == ("Analytical Engines", "CN", "zh-CN")
    assert await desk.passwords.verify(bob.password_hash, PASSWORD)
    calling = await desk.logged_in(bob)
    assert (await calling.get("/v1/user/me")).data["account_ids"] == ["acc_ten_ada"]
    assert [(event.action, event.actor_id) for event in await desk.told()][1:] == [("invitation.accept", bob.user_id)]
    [item] = (await ada.get(INVITATIONS)).data["items"]
    assert item["status"] == "accepted"


async def test_what_is_not_said_is_the_inviters(desk: SelfDesk, ada: Calling) -> None:
    await accept(desk, await invited(desk, ada))
    bob = await desk.users.by_email("bob@example.com")
    assert bob is not None
    assert (bob.country_region, bob.preferred_language) == ("GB", "en-US")


async def test_a_token_counts_once_and_for_its_address(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    identity, _, secret = token.partition(".")
    for refused in (
        await accept(desk, token, email="eve@example.com"),
        await accept(desk, f"{identity}.{secret[:-1]}"),
        await accept(desk, f"inv_nothing.{secret}"),
        await accept(desk, identity + "." * 20),
    ):
        assert refused.code == "invitation.invalid"
    assert (await accept(desk, token)).code == "ok"
    assert (await accept(desk, token)).code == "invitation.invalid"


async def test_an_old_token_counts_no_more(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    desk.clock.advance(7 * DAY)
    assert (await accept(desk, token)).code == "invitation.invalid"
    ada = await desk.logged_in(ada.user)
    assert [item["status"] for item in (await ada.get(INVITATIONS)).data["items"]] == ["expired"]
    assert (await ada.post(INVITATIONS, BOB)).code == "ok"


async def test_many_who_accept_at_once_are_one_user(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    passwords = [f"a password of try {number}" for number in range(5)]
    answers = await asyncio.gather(*(accept(desk, token, password=password) for password in passwords))
    assert sorted(answer.code for answer in answers) == ["invitation.invalid"] * 4 + ["ok"]
    won = next(password for password, answer in zip(passwords, answers, strict=True) if answer.code == "ok")
    bob = await desk.users.by_email("bob@example.com")
    assert bob is not None
    assert await desk.passwords.verify(bob.password_hash, won)


async def test_an_acceptance_that_dies_is_completed_by_the_same_password(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    invitation = (await desk.invitations.of_tenant("ten_ada"))[0]
    first = (await accept(desk, token)).data
    reopened = {"$unset": {"ended_at": "", "accepted_by": ""}}  # as a gateway leaves it that dies behind the user
    await desk.database["invitations"].update_one({"_id": invitation.invitation_id}, reopened)
    assert (await accept(desk, token, password="somebody else's guess")).code == "invitation.invalid"
    assert (await accept(desk, token)).data == first
    assert (await accept(desk, token)).code == "invitation.invalid"
    assert [event.action for event in await desk.told()] == ["invitation.create", "invitation.accept"]


async def test_only_the_owner_invites_and_sees(desk: SelfDesk, ada: Calling) -> None:
    member = await desk.caller("member", tenant_id="ten_ada", tenant_role="member")
    assert (await member.post(INVITATIONS, BOB)).code == "user.owner_required"
    assert (await member.get(INVITATIONS)).code == "user.owner_required"
    assert desk.jobs.asked == []


async def test_who_has_an_account_is_not_invited(desk: SelfDesk, ada: Calling) -> None:
    await desk.user("bob")
    assert (await ada.post(INVITATIONS, BOB)).code == "user.email_taken"


async def test_who_registered_meanwhile_has_an_account(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    await desk.user("bob")
    assert (await accept(desk, token)).code == "user.email_taken"


async def test_a_pending_invitation_is_not_sent_again(desk: SelfDesk, ada: Calling) -> None:
    await invited(desk, ada)
    assert (await ada.post(INVITATIONS, BOB)).code == "invitation.pending"
    eve = await desk.caller("eve")
    assert (await eve.post(INVITATIONS, BOB)).code == "ok"
    assert [item["email"] for item in (await eve.get(INVITATIONS)).data["items"]] == ["bob@example.com"]


async def test_an_invitation_that_dies_is_completed_by_the_next_try(desk: SelfDesk, ada: Calling) -> None:
    desk.trail.away = True
    assert (await ada.post(INVITATIONS, BOB, key="dies-once")).status == 503
    token = desk.secret_in(await desk.newest_mail())["token"]
    desk.trail.away = False
    assert (await ada.post(INVITATIONS, BOB, key="dies-once")).code == "ok"
    assert len(await desk.invitations.of_tenant("ten_ada")) == 1
    assert len({argument for _name, argument in desk.jobs.asked}) == 1
    assert (await accept(desk, token)).code == "ok"


async def test_a_token_of_a_dropped_key_counts_no_more(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    dropped = {"$set": {"token_hash": "h1.dropped.00"}}
    await desk.database["invitations"].update_one({"_id": token.partition(".")[0]}, dropped)
    assert (await accept(desk, token)).code == "invitation.invalid"


async def test_a_suspended_tenant_takes_nobody(desk: SelfDesk, ada: Calling) -> None:
    token = await invited(desk, ada)
    await desk.database["tenants"].update_one({"_id": "ten_ada"}, {"$set": {"status": "suspended"}})
    assert (await accept(desk, token)).code == "invitation.invalid"


async def test_the_list_comes_newest_first_and_in_pages(desk: SelfDesk, ada: Calling) -> None:
    for number in range(5):
        await ada.post(INVITATIONS, {"email": f"p{number}@example.com"})
        desk.clock.advance(1 if number % 2 else 0)
    whole = [item["invitation_id"] for item in (await ada.get(INVITATIONS)).data["items"]]
    page = (await ada.get(f"{INVITATIONS}?page_size=2")).data
    rest = (await ada.get(f"{INVITATIONS}?page_size=9&page_token={page['next_page_token']}")).data
    assert [item["invitation_id"] for item in page["items"] + rest["items"]] == whole
    assert page["items"][0]["email"] == "p4@example.com"


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        ({"password": "short"}, {"password": "too short"}),
        ({"password": "xx bob@example.com"}, {"password": "contains the e-mail address"}),
        ({"display_name": ""}, {"display_name": "empty"}),
        ({"token": "short"}, {"token": "too short"}),
        ({"preferred_language": "fr-FR"}, {"preferred_language": "not one of the known values"}),
        ({"tenant_role": "owner"}, {"tenant_role": "unknown field"}),
    ],
)
async def test_a_bad_acceptance_is_refused_by_its_fields(
    desk: SelfDesk, ada: Calling, changes: dict[str, object], problems: object
) -> None:
    token = await invited(desk, ada)
    assert (await accept(desk, **({"token": token} | changes))).fields == problems
    assert (await accept(desk, token)).code == "ok"


async def test_a_tenant_sends_so_many_a_minute(store: Store) -> None:
    desk = SelfDesk(store, auth_per_minute=2)
    await desk.set_up()
    ada = await desk.caller()
    answers = [(await ada.post(INVITATIONS, {"email": f"p{number}@example.com"})).code for number in range(3)]
    assert answers == ["ok", "ok", "rate.limited"]
    desk.clock.advance(60)
    assert (await ada.post(INVITATIONS, {"email": "p3@example.com"})).code == "ok"
