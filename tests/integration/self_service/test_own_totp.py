"""Time-based codes in place of mailed ones."""

import pyotp
import pytest

from tests.integration.self_service.self_desk import PASSWORD, Calling, SelfDesk

TOTP = "/v1/user/totp"
BEGIN = {"current_password": PASSWORD}


def code_of(desk: SelfDesk, secret: str, later: int = 0) -> str:
    return pyotp.TOTP(secret).at(desk.clock.now() // 10**9 + later)


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06d}"


async def begun(ada: Calling) -> str:
    return str((await ada.post(TOTP, BEGIN)).data["secret"])


async def enabled(desk: SelfDesk, ada: Calling) -> str:
    secret = await begun(ada)
    assert (await ada.post(f"{TOTP}/confirm", {"otp_code": code_of(desk, secret)})).data == {"totp_enabled": True}
    desk.clock.advance(30)
    return secret


async def test_the_first_code_enables_it(desk: SelfDesk, ada: Calling) -> None:
    shown = (await ada.post(TOTP, BEGIN)).data
    assert shown["otpauth_uri"].startswith("otpauth://totp/OMNIAXS:ada%40example.com?secret=" + shown["secret"])
    assert (await ada.get("/v1/user/me")).data["totp_enabled"] is False
    assert shown["secret"] not in await desk.all_text()
    confirmed = await ada.post(f"{TOTP}/confirm", {"otp_code": code_of(desk, shown["secret"])})
    assert confirmed.data == {"totp_enabled": True}
    assert (await ada.get("/v1/user/me")).data["totp_enabled"] is True
    stored = (await ada.stored()).totp
    assert stored is not None
    assert (stored.confirmed_at, stored.last_step) == (desk.clock.now(), desk.clock.now() // 30_000_000_000)
    assert [(event.action, event.after) for event in await desk.told()] == [("user.totp", {"totp_enabled": True})]


async def test_beginning_needs_the_password(ada: Calling) -> None:
    assert (await ada.post(TOTP, {"current_password": "another one"})).code == "auth.password_wrong"
    assert (await ada.post(TOTP, {})).fields == {"current_password": "missing"}
    assert (await ada.stored()).totp is None


async def test_beginning_again_forgets_the_secret_before(desk: SelfDesk, ada: Calling) -> None:
    first, second = await begun(ada), await begun(ada)
    assert (await ada.post(f"{TOTP}/confirm", {"otp_code": code_of(desk, first)})).code == "auth.code_invalid"
    assert (await ada.post(f"{TOTP}/confirm", {"otp_code": code_of(desk, second)})).code == "ok"


async def test_a_secret_is_shown_again_to_who_lost_the_answer(ada: Calling) -> None:
    first = await ada.post(TOTP, BEGIN, key="once-and-again")
    assert (await ada.post(TOTP, BEGIN, key="once-and-again")).body == first.body


async def test_what_is_enabled_is_not_begun_or_confirmed_again(desk: SelfDesk, ada: Calling) -> None:
    secret = await enabled(desk, ada)
    assert (await ada.post(TOTP, BEGIN)).code == "totp.already_enabled"
    confirmed = await ada.post(f"{TOTP}/confirm", {"otp_code": code_of(desk, secret, 30)})
    assert confirmed.code == "totp.already_enabled"


async def test_nothing_is_confirmed_that_was_not_begun(ada: Calling) -> None:
    assert (await ada.post(f"{TOTP}/confirm", {"otp_code": "123456"})).code == "totp.not_enabled"
    assert (await ada.post(f"{TOTP}/confirm", {"otp_code": 123456})).fields == {"otp_code": "not a code"}


async def test_a_confirmation_that_dies_is_completed_by_the_next_try(desk: SelfDesk, ada: Calling) -> None:
    body = {"otp_code": code_of(desk, await begun(ada))}
    desk.trail.away = True
    assert (await ada.post(f"{TOTP}/confirm", body, key="dies-once")).status == 503
    desk.trail.away = False
    assert (await ada.post(f"{TOTP}/confirm", body, key="dies-once")).data == {"totp_enabled": True}
    assert [event.action for event in await desk.told()] == ["user.totp"]


async def test_ten_wrong_codes_lock(desk: SelfDesk, ada: Calling) -> None:
    code = code_of(desk, await begun(ada))
    answers = [(await ada.post(f"{TOTP}/confirm", {"otp_code": wrong(code)})).code for _ in range(11)]
    assert answers == ["auth.code_invalid"] * 10 + ["rate.limited"]
    assert (await ada.post(f"{TOTP}/confirm", {"otp_code": code})).code == "rate.limited"


async def test_it_is_given_up_with_password_and_code(desk: SelfDesk, ada: Calling) -> None:
    secret = await enabled(desk, ada)
    code = code_of(desk, secret)
    body = {"current_password": PASSWORD, "otp_code": code}
    assert (await ada.send("DELETE", TOTP, body | {"current_password": "another one"})).code == "auth.password_wrong"
    assert (await ada.send("DELETE", TOTP, body | {"otp_code": wrong(code)})).code == "auth.code_invalid"
    assert (await ada.send("DELETE", TOTP, {})).fields == {"current_password": "missing", "otp_code": "missing"}
    assert (await ada.get("/v1/user/me")).data["totp_enabled"] is True
    assert (await ada.send("DELETE", TOTP, body)).data == {"totp_enabled": False}
    assert (await ada.stored()).totp is None
    assert (await ada.send("DELETE", TOTP, body)).data == {"totp_enabled": False}


async def test_a_code_that_was_taken_gives_nothing_up(desk: SelfDesk, ada: Calling) -> None:
    secret = await begun(ada)
    code = code_of(desk, secret)
    await ada.post(f"{TOTP}/confirm", {"otp_code": code})
    refused = await ada.send("DELETE", TOTP, {"current_password": PASSWORD, "otp_code": code})
    assert refused.code == "auth.code_invalid"


@pytest.mark.parametrize("key", ["", None])
async def test_a_key_is_honoured_but_not_required(ada: Calling, key: str | None) -> None:
    assert (await ada.post(TOTP, BEGIN, key)).code == "ok"
