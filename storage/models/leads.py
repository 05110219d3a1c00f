"""Leads: who would like to be written to, and where they are. Times are nanoseconds since the epoch."""

from pydantic import BaseModel, ConfigDict

from storage.models.people import PreferredLanguage


class Lead(BaseModel):
    """One person on the waitlist, known by `work_email` (normalised). `country` is ISO 3166-1 alpha-2.

    `consented_at`: when consent was given last; nobody is on the list without it.
    """

    model_config = ConfigDict(frozen=True)

    lead_id: str
    work_email: str
    country: str
    consented_at: int
    created_at: int
    preferred_language: PreferredLanguage = "en-US"
    institution_type: str | None = None
    contact_handle: str | None = None
    utm_source: str | None = None
    utm_campaign: str | None = None
