"""Passwords: what may be chosen, what is kept, what is compared."""

import asyncio

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.errors import HubError
from storage.passwords import MOST_WAITING, Passwords, problem_of, standard_hasher

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
EMAIL = "ada@acme.example"


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(CHEAP)


async def test_only_the_password_that_was_kept_matches(passwords: Passwords) -> None:
    kept = await passwords.hash("correct horse battery")
    assert kept.startswith("$argon2id$")
    assert "horse" not in kept
    assert await passwords.verify(kept, "correct horse battery")
    assert not await passwords.verify(kept, "correct horse batterx")
    assert kept != await passwords.hash("correct horse battery")


async def test_nobody_and_what_is_no_hash_match_nothing(passwords: Passwords) -> None:
    assert not await passwords.verify(None, "nobody has this password")
    assert not await passwords.verify("no hash at all", "x")


async def test_another_keyboard_composes_the_same_password(passwords: Passwords) -> None:
    kept = await passwords.hash("pässwörter ﬁnden")
    assert await passwords.verify(kept, "pa\u0308sswo\u0308rter finden")


def test_the_standard_is_argon2id_and_other_parameters_are_outdated() -> None:
    standard = standard_hasher()
    kept = standard.hash("x")
    assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert not Passwords(standard).is_outdated(kept)
    assert Passwords(standard).is_outdated(CHEAP.hash("x"))


async def test_no_more_wait_than_may(passwords: Passwords) -> None:
    asked = [asyncio.create_task(passwords.hash("x")) for _ in range(MOST_WAITING + 5)]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, HubError)]
    assert [error.code for error in refused] == ["system.unavailable"] * 5
    assert await passwords.hash("x")


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("seven77", "too short"),
        ("x" * 129, "too long"),
        ("password", "one of the commonest passwords"),
        ("PassWord", "one of the commonest passwords"),
        ("qwertyuiop", "one of the commonest passwords"),
        ("iloveyou", "one of the commonest passwords"),
        ("my-ADA@acme.Example!", "contains the e-mail address"),
        ("correct horse", None),
        ("p" * 8, None),
        ("パスワードを決める", None),
        ("ｐａｓｓｗｏｒｄ", "one of the commonest passwords"),
        ("ⅰloveyou", "one of the commonest passwords"),
        ("ａda@acme.example!", "contains the e-mail address"),
        ("e\u0301" * 4, "too short"),
    ],
)
def test_which_passwords_may_be_chosen(password: str, reason: str | None) -> None:
    problem = problem_of(password, EMAIL)
    assert (problem.reason if problem else None) == reason


def test_a_password_is_not_the_address_before_the_at() -> None:
    problem = problem_of("Lovelace.Ada", "lovelace.ada@acme.example")
    assert problem is not None
    assert problem.reason == "contains the e-mail address"


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=128))
def test_no_refusal_repeats_the_password(password: str) -> None:
    problem = problem_of(password, EMAIL)
    assert problem is None or password not in problem.reason + problem.expected
