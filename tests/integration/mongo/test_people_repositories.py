"""Users and admins over both adapters."""

import asyncio

import pytest

from ops.runtime.clock import ManualClock
from storage.models.people import Admin, Totp, User, UserStatus
from storage.mongo.admins import Admins
from storage.mongo.admins import cursor_of as admin_cursor
from storage.mongo.documents import Database
from storage.mongo.failures import AlreadyStored
from storage.mongo.migrations import migrate
from storage.mongo.users import Users, cursor_of

NOW = 1_700_000_000_123_456_789
USER = User(
    user_id="usr_1",
    tenant_id="ten_1",
    email="ada@acme.example",
    display_name="Ada",
    company_name="Acme (Tokyo)",
    country_region="JP",
    preferred_language="ja-JP",
    status="active",
    password_hash="$argon2id$...",
    totp=Totp(sealed_secret="v1.demo.AAAA", created_at=NOW, confirmed_at=NOW + 1, last_step=7),
    created_at=NOW,
    verified_at=NOW + 1,
    last_login_at=NOW + 2,
)
ADMIN = Admin(
    admin_id="adm_1",
    role="ops_admin",
    email="root@omniaxs.example",
    display_name="Root",
    password_hash="$argon2id$...",
    created_at=NOW,
)


def user(number: int, status: UserStatus = "active", **changes: object) -> User:
    """The example as another person; younger with a higher number."""
    fields = {"user_id": f"usr_{number}", "email": f"u{number}@acme.example", "created_at": NOW + number}
    return USER.model_copy(update={**fields, "status": status, **changes})


@pytest.fixture
async def users(database: Database) -> Users:
    await migrate(database, ManualClock(NOW))
    return Users(database)


@pytest.fixture
async def admins(database: Database) -> Admins:
    await migrate(database, ManualClock(NOW))
    return Admins(database)


async def test_users_come_back_in_every_field(users: Users) -> None:
    bare = User(
        user_id="usr_2", tenant_id="ten_2", email="b@x.example", display_name="B", company_name="B", country_region="DE",
        password_hash="h", created_at=NOW,
    )  # fmt: skip
    await users.insert(USER)
    await users.insert(bare)
    assert await users.get("usr_1") == USER
    assert await users.by_email("ada@acme.example") == USER
    assert await users.get_many(["usr_1", "usr_2", "usr_9"]) == {"usr_1": USER, "usr_2": bare}
    assert (await users.get("usr_9"), await users.by_email("x@x.example"), await users.get_many([])) == (None, None, {})


async def test_an_address_and_an_id_are_taken_once(users: Users) -> None:
    await users.insert(USER)
    with pytest.raises(AlreadyStored, match="users already holds 'usr_2'"):
        await users.insert(USER.model_copy(update={"user_id": "usr_2"}))
    with pytest.raises(AlreadyStored):
        await users.insert(USER.model_copy(update={"email": "other@acme.example"}))
    assert await users.get_many(["usr_1", "usr_2"]) == {"usr_1": USER}


async def test_of_simultaneous_registrations_of_an_address_one_wins(users: Users) -> None:
    tries = [users.insert(user(number, email="same@acme.example")) for number in range(8)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AlreadyStored) for outcome in outcomes) == 7


async def test_a_version_is_replaced_once(users: Users) -> None:
    await users.insert(USER)
    first = USER.model_copy(update={"status": "suspended", "totp": None, "version": 2})
    second = USER.model_copy(update={"display_name": "B", "version": 2})
    outcomes = await asyncio.gather(users.replace(first), users.replace(second))
    assert sorted(outcomes) == [False, True]
    assert await users.get("usr_1") == (first if outcomes[0] else second)
    assert not await users.replace(user(9, version=2))


async def test_users_are_paged_newest_first(users: Users) -> None:
    people = [user(number) for number in range(1, 6)]
    for person in people:
        await users.insert(person)
    first = await users.page(None, None, None, 2)
    rest = await users.page(None, None, cursor_of(first[-1]), 9)
    assert [person.user_id for person in first] == ["usr_5", "usr_4"]
    assert [person.user_id for person in rest] == ["usr_3", "usr_2", "usr_1"]


@pytest.mark.parametrize(
    ("status", "keyword", "found"),
    [
        ("suspended", None, ["usr_2"]),
        (None, "TOKYO", ["usr_2", "usr_1"]),
        (None, "(tokyo)", ["usr_2", "usr_1"]),
        (None, "u3@", ["usr_3"]),
        (None, "grace", ["usr_3"]),
        (None, ".*", []),
        ("active", "tokyo", ["usr_1"]),
    ],
)
async def test_users_are_found_by_status_and_words(
    users: Users, status: UserStatus | None, keyword: str | None, found: list[str]
) -> None:
    await users.insert(user(1))
    await users.insert(user(2, status="suspended"))
    await users.insert(user(3, company_name="Other", display_name="Grace"))
    assert [person.user_id for person in await users.page(status, keyword, None, 9)] == found


async def test_words_and_pages_go_together(users: Users) -> None:
    for number in range(4):
        await users.insert(user(number, company_name="Acme" if number % 2 else "Other"))
    first = await users.page("active", "acme", None, 1)
    second = await users.page("active", "acme", cursor_of(first[0]), 1)
    # every address holds "acme", so all four fit
    assert [first[0].user_id, second[0].user_id] == ["usr_3", "usr_2"]


async def test_admins_come_back_in_every_field(admins: Admins) -> None:
    other = ADMIN.model_copy(
        update={"admin_id": "adm_2", "email": "b@x.example", "created_at": NOW - 1, "totp": USER.totp}
    )
    await admins.insert(ADMIN)
    await admins.insert(other)
    assert (await admins.get("adm_1"), await admins.by_email("b@x.example")) == (ADMIN, other)
    assert await admins.all() == [other, ADMIN]
    assert await admins.get_many(["adm_2", "adm_9"]) == {"adm_2": other}
    assert await admins.page(None, None, 1) == [ADMIN]
    assert await admins.page("pending_verification", admin_cursor(ADMIN), 9) == [other]
    assert await admins.page("active", None, 9) == []


async def test_an_admins_address_is_taken_once_and_a_version_replaced_once(admins: Admins) -> None:
    await admins.insert(ADMIN)
    with pytest.raises(AlreadyStored, match="admins already holds 'adm_2'"):
        await admins.insert(ADMIN.model_copy(update={"admin_id": "adm_2"}))
    active = ADMIN.model_copy(update={"status": "active", "version": 2})
    assert await admins.replace(active)
    assert not await admins.replace(ADMIN.model_copy(update={"status": "closed", "version": 2}))
    assert await admins.get("adm_1") == active
