"""Invitations to a tenant. Times are nanoseconds since the epoch."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from storage.models.mails import Mail

ALIVE_SECONDS: Final = 7 * 86_400
InvitationStatus = Literal["pending", "accepted", "expired"]


class Invitation(BaseModel):
    """Somebody may join the tenant by the token that was mailed to `email` (normalised), once and before `expires_at`.

    `token_hash` is the token's keyed hash, bound to the invitation. `company_name` and `country_region` are the owner's at
    that time, for who joins. Accepted once `ended_at` is set; `accepted_by` is the user then.
    """

    model_config = ConfigDict(frozen=True)

    invitation_id: str
    tenant_id: str
    invited_by: str
    email: str
    company_name: str
    country_region: str
    token_hash: str
    created_at: int
    expires_at: int
    ended_at: int | None = None
    accepted_by: str | None = None
    mail: Mail | None = None


def status_of(invitation: Invitation, now: int) -> InvitationStatus:
    """What has become of it at `now` (ns)."""
    if invitation.ended_at is not None:
        return "accepted"
    return "pending" if now < invitation.expires_at else "expired"
