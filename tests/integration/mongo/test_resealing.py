"""Every stored secret is sealed anew by the first key, beside whoever writes meanwhile; and each key's use is told."""

import pytest

from gateway.http.idempotency import GivenAnswer, IdempotencyBook
from gateway.identity.proofs.totp_codes import TotpCodes
from ops.runtime.clock import ManualClock
from ops.runtime.identifiers import SystemIdentifiers
from storage.models.mails import Mail, Notice, outbox_id_of
from storage.models.people import User
from storage.models.sessions import Session
from storage.models.tenants import ApiKey
from storage.mongo.api_keys import ApiKeys
from storage.mongo.documents import Database
from storage.mongo.idempotency import IdempotencyRecords
from storage.mongo.notices import Notices
from storage.mongo.sealed_fields import HASHED_FIELDS, SEALED_FIELDS
from storage.mongo.sealed_secrets import SealedSecrets
from storage.mongo.sessions import Sessions
from storage.mongo.users import Users
from storage.resealing import reseal_all
from storage.sealing import KeyRing

OLD = KeyRing.parse("old:sixteen characters or more")
NEW = KeyRing.parse("new:another sixteen characters,old:sixteen characters or more")
ONLY_NEW = KeyRing.parse("new:another sixteen characters")
NOW = 1_723_127_400_000_000_000
FIELDS = {field.name: field for field in (*SEALED_FIELDS, *HASHED_FIELDS)}


def api_key(key_id: str, ring: KeyRing) -> ApiKey:
    sealed = ring.seal(b"its secret", key_id.encode())
    return ApiKey(key_id=key_id, tenant_id="ten_1", label="x", scopes=(), sealed_secret=sealed, created_at=NOW)


def user(user_id: str, ring: KeyRing) -> tuple[User, str]:
    totp, secret = TotpCodes(ring).make(user_id, NOW)
    person = User(
        user_id=user_id, tenant_id="ten_1", email=f"{user_id}@example.com", display_name="A", company_name="B",
        country_region="DE", password_hash="x", created_at=NOW, totp=totp,
    )  # fmt: skip
    return person, secret


def notice(notice_id: str, ring: KeyRing) -> Notice:
    outbox_id = outbox_id_of("notices", notice_id, 1)
    mail = Mail(
        outbox_id=outbox_id, to="a@example.com", template="login_code", language="en-US", created_at=NOW,
        expires_at=NOW, sealed=ring.seal(b'{"code": "123456"}', outbox_id.encode()),
    )  # fmt: skip
    return Notice(notice_id=notice_id, mail=mail)


def session(session_id: str, ring: KeyRing, **change: object) -> Session:
    return Session(
        session_id=session_id, audience="user", subject_id="usr_1", created_at=NOW, last_used_at=NOW, ip="", user_agent="",
        refresh_hash=ring.keyed_hash(b"token", session_id.encode()), **{"expires_at": NOW + 1, **change},
    )  # fmt: skip


async def secret_answer(database: Database, ring: KeyRing, identity: str) -> None:
    """An idempotent write whose answer shows a secret, as the edge keeps it."""
    book = IdempotencyBook(IdempotencyRecords(database), ring, SystemIdentifiers(), ManualClock(NOW))
    record = await book.begin(identity, b"asked")
    assert not isinstance(record, GivenAnswer)
    answer = GivenAnswer(200, "ok", b'{"api_secret": "shown"}', (), "trace", "en-US")
    assert await book.finish(record, answer, secret=True) is None


async def reports(database: Database, ring: KeyRing) -> dict[str, tuple[int, int, int, int]]:
    """By field: resealed, current, changed, unopened; fields without anything are left out."""
    found = [became async for became in reseal_all(SealedSecrets(database), ring)]
    assert [became.name for became in found] == [field.name for field in SEALED_FIELDS]
    counts = {became.name: (became.resealed, became.current, became.changed, became.unopened) for became in found}
    return {name: count for name, count in counts.items() if any(count)}


async def filled(database: Database) -> str:
    """A store with a secret of each kind under the old key; the secret of the user's time-based codes."""
    await ApiKeys(database).insert(api_key("pmk_1", OLD))
    person, secret = user("usr_1", OLD)
    await Users(database).insert(person)
    await Notices(database).insert(notice("ntc_1", OLD))
    await secret_answer(database, OLD, "usr_1 POST /v1/user/api-keys key-1")
    return secret


async def test_every_kind_of_secret_opens_with_the_new_key_alone(database: Database):
    secret = await filled(database)
    once = (1, 0, 0, 0)
    assert await reports(database, NEW) == {
        "api_keys.sealed_secret": once,
        "users.totp.sealed_secret": once,
        "notices.mail.sealed": once,
        "idempotency_records.answer.sealed": once,
    }
    key = (await ApiKeys(database).get_many(["pmk_1"]))["pmk_1"]
    assert ONLY_NEW.open(key.sealed_secret, b"pmk_1") == b"its secret"
    kept = await Users(database).get("usr_1")
    assert kept is not None
    assert kept.totp is not None
    assert ONLY_NEW.open(kept.totp.sealed_secret, b"totp:usr_1").decode() == secret
    told = await database["notices"].find_one({"_id": "ntc_1"})
    assert ONLY_NEW.open(told["mail"]["sealed"], b"notices:ntc_1:1") == b'{"code": "123456"}'
    book = IdempotencyBook(IdempotencyRecords(database), NEW, SystemIdentifiers(), ManualClock(NOW))
    again = await book.begin("usr_1 POST /v1/user/api-keys key-1", b"asked")
    assert isinstance(again, GivenAnswer)
    assert again.body == b'{"api_secret": "shown"}'


async def test_a_second_run_finds_everything_current(database: Database):
    await filled(database)
    await reports(database, NEW)
    assert set((await reports(database, NEW)).values()) == {(0, 1, 0, 0)}


async def test_more_than_a_page_is_sealed_anew(database: Database):
    for number in range(450):
        await ApiKeys(database).insert(api_key(f"pmk_{number:04}", OLD if number % 2 else NEW))
    assert await reports(database, NEW) == {"api_keys.sealed_secret": (225, 225, 0, 0)}


async def test_what_cannot_be_opened_is_named_and_left(database: Database):
    await ApiKeys(database).insert(api_key("pmk_1", OLD))
    strange = api_key("pmk_2", OLD).sealed_secret
    await ApiKeys(database).insert(api_key("pmk_3", OLD).model_copy(update={"sealed_secret": strange}))
    found = [became async for became in reseal_all(SealedSecrets(database), ONLY_NEW, SEALED_FIELDS[:1])]
    assert found[0].unopened == 2
    assert [reason.partition(":")[0] for reason in found[0].reasons] == ["pmk_1", "pmk_3"]
    found = [became async for became in reseal_all(SealedSecrets(database), NEW, SEALED_FIELDS[:1])]
    assert (found[0].resealed, found[0].unopened) == (1, 1)
    kept = (await ApiKeys(database).get_many(["pmk_3"]))["pmk_3"]
    assert kept.sealed_secret == strange


async def test_a_text_that_somebody_writes_meanwhile_stays(database: Database):
    secrets, field = SealedSecrets(database), FIELDS["users.totp.sealed_secret"]
    person, _ = user("usr_1", OLD)
    await Users(database).insert(person)
    [read] = await secrets.page(field, "", 10)
    other, _ = user("usr_1", NEW)
    assert await Users(database).replace(other.model_copy(update={"version": 2}))
    assert not await secrets.replace(field, read, NEW.reseal(read.text, read.context))
    kept = await Users(database).get("usr_1")
    assert kept is not None
    assert kept.totp == other.totp
    assert await Users(database).replace(kept.model_copy(update={"version": 3, "totp": None}))
    assert not await secrets.replace(field, read, NEW.reseal(read.text, read.context))
    assert await secrets.page(field, "", 10) == []


async def test_the_use_of_each_key_is_counted(database: Database):
    secrets = SealedSecrets(database)
    for number in range(3):
        await ApiKeys(database).insert(api_key(f"pmk_{number}", OLD if number else NEW))
    use = await secrets.sealed_by(FIELDS["api_keys.sealed_secret"], ["new", "old"])
    assert (use.by_key, use.unknown) == ({"new": 1, "old": 2}, ())
    use = await secrets.sealed_by(FIELDS["api_keys.sealed_secret"], ["new", "ol"])
    assert (use.by_key, use.unknown) == ({"new": 1, "ol": 0}, ("old",))


@pytest.mark.parametrize("dead", [{"ended_at": NOW - 1, "ended_reason": "logout"}, {"expires_at": NOW}])
async def test_hashes_that_nobody_asks_for_again_do_not_count(database: Database, dead: dict):
    await Sessions(database).insert(session("ses_1", OLD))
    await Sessions(database).insert(session("ses_2", OLD, **dead))
    use = await SealedSecrets(database).hashed_by(FIELDS["sessions.refresh_hash"], ["new", "old"], NOW)
    assert (use.by_key, use.unknown) == ({"new": 0, "old": 1}, ())
