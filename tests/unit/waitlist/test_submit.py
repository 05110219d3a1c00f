"""The waitlist: consent, where people are, one lead an address."""

import json
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from gateway.http.calls import OpenCall
from gateway.waitlist.submit import AddressBook, GeoFence, Submit
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import Language, load_languages
from storage.address_countries import open_address_countries
from storage.countries import load_countries
from storage.models.leads import Lead

NOW = 1_700_000_000_000_000_000
BODY = {"work_email": "Ada@Example.COM", "country_region": "US", "consent": True}
COUNTRIES, LANGUAGES = load_countries(), load_languages()


class FakeLeads:
    """Leads by address."""

    def __init__(self) -> None:
        self.kept: dict[str, Lead] = {}

    async def submit(self, lead: Lead) -> Lead:
        first = self.kept.get(lead.work_email, lead)
        self.kept[lead.work_email] = lead.model_copy(update={"lead_id": first.lead_id})
        return self.kept[lead.work_email]


@pytest.fixture
def leads() -> FakeLeads:
    return FakeLeads()


@pytest.fixture(scope="module")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> AddressBook:
    """Iran has 5.160.0.0/16 and 2001:df0::/32, the United States 8.8.8.0/24."""
    writer = MMDBWriter(6, "test", ipv4_compatible=True)
    writer.insert_network(IPSet(["5.160.0.0/16", "2001:df0::/32"]), {"country_code": "IR"})
    writer.insert_network(IPSet(["8.8.8.0/24"]), {"country_code": "US"})
    path = tmp_path_factory.mktemp("countries") / "countries.mmdb"
    writer.to_db_file(str(path))
    return open_address_countries(Path(path))


def submit_to(leads: FakeLeads, addresses: AddressBook | None = None) -> Submit:
    return Submit(
        leads=leads,
        countries=COUNTRIES,
        fence=GeoFence(("ir", "CU"), addresses),
        identifiers=SystemIdentifiers(),
        languages=LANGUAGES,
    )


def call(client_ip: str = "8.8.8.8", language: Language = "en-US", now: int = NOW) -> OpenCall:
    return OpenCall({}, now, language, client_ip, "test", "0" * 32, "submitWaitlist")


async def refusal(submit: Submit, body: dict[str, Any], client_ip: str = "8.8.8.8") -> HubError:
    with pytest.raises(HubError) as caught:
        await submit.handle(call(client_ip), body)
    return caught.value


async def test_a_lead_is_kept_as_it_was_sent(leads: FakeLeads) -> None:
    body = BODY | {
        "country_region": "日本",
        "institution_type": "fund",
        "contact_handle": "",
        "preferred_language": "ja-JP",
        "utm_source": "news",
        "utm_campaign": "spring",
    }
    data = json.loads(await submit_to(leads).handle(call(), body))
    assert data == {
        "lead_id": leads.kept["ada@example.com"].lead_id,
        "message": "Submitted successfully",
        "estimated_contact_time_hours": 24,
    }
    assert leads.kept["ada@example.com"] == Lead(
        lead_id=data["lead_id"],
        work_email="ada@example.com",
        country="JP",
        consented_at=NOW,
        created_at=NOW,
        preferred_language="ja-JP",
        institution_type="fund",
        utm_source="news",
        utm_campaign="spring",
    )
    assert data["lead_id"].startswith("ld_")


async def test_the_same_address_has_the_same_lead(leads: FakeLeads) -> None:
    submit = submit_to(leads)
    first = json.loads(await submit.handle(call(), BODY))
    again = json.loads(await submit.handle(call(), BODY | {"work_email": "ADA@example.com", "country_region": "DE"}))
    assert first["lead_id"] == again["lead_id"]
    assert leads.kept["ada@example.com"].country == "DE"


@pytest.mark.parametrize(
    ("language", "message"),
    [("en-US", "Submitted successfully"), ("zh-CN", "提交成功"), ("ja-JP", "送信が完了しました")],
)
async def test_the_answer_speaks_the_callers_language(leads: FakeLeads, language: Language, message: str) -> None:
    assert json.loads(await submit_to(leads).handle(call(language=language), BODY))["message"] == message


async def test_without_consent_nothing_is_kept(leads: FakeLeads) -> None:
    assert (await refusal(submit_to(leads), BODY | {"consent": False})).code == "waitlist.consent_required"
    assert leads.kept == {}


async def test_every_bad_field_is_named(leads: FakeLeads) -> None:
    error = await refusal(submit_to(leads), {"work_email": "nobody", "prefered_language": "ja-JP", "utm_source": 1})
    assert error.code == "request.invalid"
    assert {field["name"]: field["reason"] for field in (error.details or {})["fields"]} == {
        "work_email": "not an e-mail address",
        "country_region": "missing",
        "consent": "missing",
        "utm_source": "not a string",
        "prefered_language": "unknown field",
    }


async def test_an_unknown_country_is_named(leads: FakeLeads) -> None:
    error = await refusal(submit_to(leads), BODY | {"country_region": "Atlantis"})
    assert error.code == "waitlist.unknown_country"
    assert (error.details or {})["fields"][0]["name"] == "country_region"


@pytest.mark.parametrize("declared", ["IR", "ir", "IRN", "Iran", "イラン", "伊朗", "Iran, Islamic Republic of", "ＩＲ"])
async def test_a_declared_country_is_blocked_by_any_of_its_names(leads: FakeLeads, declared: str) -> None:
    error = await refusal(submit_to(leads), BODY | {"country_region": declared})
    assert (error.code, error.details) == ("waitlist.geo_blocked", {"by": "country_region"})
    assert leads.kept == {}


@pytest.mark.parametrize("address", ["5.160.7.7", "::ffff:5.160.7.7", "2001:df0::1", "2001:df0::1%eth0"])
async def test_an_address_in_a_blocked_country_is_refused(
    leads: FakeLeads, addresses: AddressBook, address: str
) -> None:
    error = await refusal(submit_to(leads, addresses), BODY, address)
    assert (error.code, error.details) == ("waitlist.geo_blocked", {"by": "address"})
    assert leads.kept == {}


@pytest.mark.parametrize("address", ["8.8.8.8", "10.0.0.1", "127.0.0.1", "::1", "fd00::1", "9.9.9.9", "", "unix:"])
async def test_other_and_unknown_addresses_are_let_in(leads: FakeLeads, addresses: AddressBook, address: str) -> None:
    await submit_to(leads, addresses).handle(call(address), BODY)
    assert list(leads.kept) == ["ada@example.com"]


async def test_without_a_database_only_what_is_declared_counts(leads: FakeLeads) -> None:
    await submit_to(leads).handle(call("5.160.7.7"), BODY)
    assert list(leads.kept) == ["ada@example.com"]
