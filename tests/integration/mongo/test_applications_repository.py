"""Applications and bindings over both adapters: kept once, replaced by version, found by filter and page, mailed from where they are."""

import asyncio

import pytest

from ops.runtime.clock import ManualClock
from storage.models.access_bindings import AccessBinding, binding_changed
from storage.models.application_mails import COLLECTION as MAILED_COLLECTION
from storage.models.application_mails import rejection_mail
from storage.models.applications import Application, ApplicationFilters, ProvisionPolicy, cursor_of, moved
from storage.mongo.access_bindings import AccessBindings
from storage.mongo.applications import COLLECTION, Applications
from storage.mongo.documents import Database
from storage.mongo.migrations import migrate
from storage.mongo.outbox import Outbox

NOW = 1_700_000_000_123_456_789
APPLICATION = Application(
    application_id="app_1",
    tenant_id="ten_1",
    contact_email="ada@acme.example",
    target_markets=("equity", "crypto"),
    target_exchanges=("XNAS", "BINANCE"),
    expected_monthly_volume="1000000.50",
    notes="soon,\nplease",
    preferred_language="zh-CN",
    status="approved",
    review_note="fine",
    reviewed_by="adm_1",
    policy=ProvisionPolicy(fallback_enabled=False, priority_exchanges=("BINANCE",)),
    provisioning_job_id="job_1",
    failure_code="connector.unavailable",
    failure_message="down",
    failure_details={"connector": "sim-a"},
    submitted_at=NOW,
    updated_at=NOW + 5,
    version=4,
)
BINDING = AccessBinding(
    tenant_id="ten_1", exchange_code="XNAS", connector="sim-a", application_id="app_1", job_id="job_1", updated_at=NOW
)


def numbered(number: int, **changes: object) -> Application:
    """The example as another application; younger with a higher number."""
    fields = {"application_id": f"app_{number}", "submitted_at": NOW + number}
    return APPLICATION.model_copy(update=fields | changes)


@pytest.fixture
async def applications(database: Database) -> Applications:
    await migrate(database, ManualClock(NOW))
    return Applications(database)


@pytest.fixture
async def bindings(database: Database) -> AccessBindings:
    await migrate(database, ManualClock(NOW))
    return AccessBindings(database)


async def test_an_application_comes_back_in_every_field(applications: Applications) -> None:
    bare = Application(
        application_id="app_2", tenant_id="ten_2", contact_email="b@x.example", target_markets=("fx",),
        target_exchanges=("OANDA",), submitted_at=NOW, updated_at=NOW,
    )  # fmt: skip
    assert await applications.insert(APPLICATION)
    assert await applications.insert(bare)
    assert not await applications.insert(bare.model_copy(update={"application_id": "app_1"}))
    assert await applications.get("app_1") == APPLICATION
    assert await applications.get("app_2") == bare
    assert await applications.get("app_9") is None


async def test_a_version_has_one_successor_also_among_simultaneous_ones(applications: Applications) -> None:
    reviewing = numbered(1, status="reviewing", version=1)
    await applications.insert(reviewing)
    decisions = [moved(reviewing, to, NOW + 1, review_note=str(number)) for number, to in
                 enumerate(["approved", "rejected"] * 4)]  # fmt: skip
    outcomes = await asyncio.gather(*(applications.replace(one) for one in decisions))
    assert sum(outcomes) == 1
    assert await applications.get("app_1") == decisions[outcomes.index(True)]
    assert not await applications.replace(numbered(7))


async def test_filters_find_what_names_the_exchange_or_market_among_others(applications: Applications) -> None:
    await applications.insert(numbered(1, tenant_id="ten_1", status="submitted"))
    await applications.insert(numbered(2, tenant_id="ten_2", target_exchanges=("XTKS",), target_markets=("equity",)))
    await applications.insert(numbered(3, tenant_id="ten_2", target_exchanges=("BINANCE", "XTKS")))

    async def found(**filters: str) -> list[str]:
        page = await applications.page(ApplicationFilters(**filters), None, 10)  # type: ignore[arg-type]
        return [one.application_id for one in page]

    assert await found() == ["app_3", "app_2", "app_1"]
    assert await found(tenant_id="ten_2") == ["app_3", "app_2"]
    assert await found(status="submitted") == ["app_1"]
    assert await found(exchange_code="XTKS") == ["app_3", "app_2"]
    assert await found(market="crypto") == ["app_3", "app_1"]
    assert await found(tenant_id="ten_2", exchange_code="BINANCE", market="crypto", status="approved") == ["app_3"]
    assert await found(exchange_code="XNA") == []


async def test_pages_stand_still_while_applications_come_in(applications: Applications) -> None:
    for number in range(5):
        await applications.insert(numbered(number, submitted_at=NOW))  # all at once: the id decides
    first = await applications.page(ApplicationFilters(), None, 2)
    await applications.insert(numbered(9))
    rest = await applications.page(ApplicationFilters(), cursor_of(first[-1]), 10)
    assert [one.application_id for one in first + rest] == ["app_4", "app_3", "app_2", "app_1", "app_0"]


async def test_the_mail_in_an_application_is_sent_from_there(applications: Applications, database: Database) -> None:
    assert MAILED_COLLECTION == COLLECTION
    reviewing = numbered(1, status="reviewing", version=1)
    await applications.insert(reviewing)
    mail = rejection_mail(reviewing, "Acme", "no licence", NOW)
    assert await applications.replace(moved(reviewing, "rejected", NOW, mail=mail))
    outbox, later = Outbox(database), NOW + 60_000_000_000
    assert await outbox.due(later, 10) == [mail.outbox_id]
    claimed = await outbox.claim(mail.outbox_id, later, later + 1)
    assert claimed is not None
    assert (claimed.to, claimed.template) == ("ada@acme.example", "application_rejected")
    assert await outbox.sent(claimed, later)
    stored = await applications.get("app_1")
    assert stored is not None
    assert stored.mail is not None
    assert (stored.mail.state, stored.status) == ("sent", "rejected")
    assert await outbox.due(later, 10) == []


async def test_a_tenant_has_one_binding_for_each_exchange(bindings: AccessBindings) -> None:
    active = binding_changed(BINDING, NOW + 1, status="active", activated_at=NOW + 1)
    assert await bindings.insert(BINDING)
    assert not await bindings.insert(BINDING.model_copy(update={"connector": "sim-b"}))
    assert await bindings.get("ten_1", "XNAS") == BINDING
    assert await bindings.replace(active)
    assert not await bindings.replace(active)
    assert await bindings.get("ten_1", "XNAS") == active
    assert await bindings.get("ten_2", "XNAS") is None


async def test_bindings_are_found_by_tenant_and_by_application(bindings: AccessBindings) -> None:
    for tenant_id, exchange_code, application_id in [
        ("ten_1", "XNAS", "app_1"), ("ten_1", "BINANCE", "app_2"), ("ten_2", "XNAS", "app_3"), ("ten_1", "XTKS", "app_1"),
    ]:  # fmt: skip
        named = {"tenant_id": tenant_id, "exchange_code": exchange_code, "application_id": application_id}
        await bindings.insert(BINDING.model_copy(update=named))
    assert [one.exchange_code for one in await bindings.of_tenant("ten_1")] == ["BINANCE", "XNAS", "XTKS"]
    assert [one.exchange_code for one in await bindings.of_application("app_1")] == ["XNAS", "XTKS"]
    grouped = await bindings.of_applications(["app_1", "app_3", "app_9"])
    assert {name: [one.exchange_code for one in found] for name, found in grouped.items()} == {
        "app_1": ["XNAS", "XTKS"], "app_3": ["XNAS"],
    }  # fmt: skip
