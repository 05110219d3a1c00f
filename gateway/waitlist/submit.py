"""POST /public/v1/waitlist: one lead an address, with consent, and from where the service may be offered."""

from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

import msgspec

from gateway.http.calls import OpenCall
from gateway.http.fields import BodyReader
from ops.runtime.errors import HubError
from ops.runtime.identifiers import Identifiers
from ops.runtime.languages import LANGUAGES, Languages
from storage.models.leads import Lead

CONTACT_HOURS: Final = 24
_TEXTS: Final = ("institution_type", "contact_handle", "utm_source", "utm_campaign")
_LONGEST: Final = 256
_A_COUNTRY: Final = "an ISO 3166-1 code, or the name in English, Chinese or Japanese"


class LeadStore(Protocol):
    """Keeps leads (storage/mongo/leads.py)."""

    async def submit(self, lead: Lead) -> Lead: ...


class CountryNames(Protocol):
    """Knows countries by what people call them (storage/countries.py)."""

    def code_of(self, text: str) -> str | None: ...


class AddressBook(Protocol):
    """Knows which country an address is in (storage/address_countries.py)."""

    def code_of(self, address: str) -> str | None: ...


class GeoFence:
    """Where the service is not offered. `addresses` None: only what people say of themselves counts."""

    def __init__(self, blocked: Collection[str], addresses: AddressBook | None) -> None:
        self._blocked = frozenset(code.upper() for code in blocked)
        self._addresses = addresses

    def check(self, declared: str, client_ip: str) -> None:
        """Raises `waitlist.geo_blocked` when the declared country or that of the address is blocked."""
        if declared in self._blocked:
            raise HubError("waitlist.geo_blocked", {"by": "country_region"})
        if self._addresses is not None and self._addresses.code_of(client_ip) in self._blocked:
            raise HubError("waitlist.geo_blocked", {"by": "address"})


class Submit:
    """Takes leads."""

    def __init__(
        self,
        *,
        leads: LeadStore,
        countries: CountryNames,
        fence: GeoFence,
        identifiers: Identifiers,
        languages: Languages,
    ) -> None:
        self._leads = leads
        self._countries = countries
        self._fence = fence
        self._identifiers = identifiers
        self._languages = languages

    async def handle(self, call: OpenCall, body: dict[str, Any]) -> bytes:
        """The lead's id. The same address again brings its lead up to date and has the same id."""
        fields = _read(body)
        if not fields.pop("consent"):
            raise HubError("waitlist.consent_required")
        country = self._country(str(fields.pop("country_region")))
        self._fence.check(country, call.client_ip)
        lead = await self._leads.submit(
            Lead(
                lead_id=self._identifiers.new("ld"),
                country=country,
                consented_at=call.now,
                created_at=call.now,
                **fields,
            )
        )
        return msgspec.json.encode(
            {
                "lead_id": lead.lead_id,
                "message": self._languages.label("label.waitlist.submitted", call.language),
                "estimated_contact_time_hours": CONTACT_HOURS,
            }
        )

    def _country(self, declared: str) -> str:
        code = self._countries.code_of(declared)
        if code is None:
            problem = {"name": "country_region", "reason": "not a known country or region", "expected": _A_COUNTRY}
            raise HubError("waitlist.unknown_country", {"fields": [problem]})
        return code


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that were sent. Raises `request.invalid`."""
    reader = BodyReader(body)
    fields: dict[str, Any] = {
        "work_email": reader.email("work_email"),
        "country_region": reader.text("country_region", required=True, least=2, most=64),
        "consent": reader.flag("consent"),
        "preferred_language": reader.choice("preferred_language", LANGUAGES),
        **{name: reader.text(name, least=0, most=_LONGEST) or None for name in _TEXTS},
    }
    if not reader.has("consent"):
        reader.refuse("consent", "missing", "true")
    reader.finish()
    return {name: value for name, value in fields.items() if value is not None}
