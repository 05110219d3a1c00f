"""Sessions: what one login has opened, a family of refresh tokens of which only the newest counts. Times are nanoseconds."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from storage.models.people import Audience

EndedReason = Literal["logout", "logout_all", "refresh_reused", "password_changed", "status_changed", "role_changed"]
REFRESH_SECONDS: Final = 30 * 86_400
ACCESS_SECONDS: Final = 900


class Session(BaseModel):
    """`generation` counts the rotations; `refresh_hash` is the keyed hash of the refresh token of that generation.

    An access token of the session counts until its own end or until `ended_at`.
    """

    model_config = ConfigDict(frozen=True)

    session_id: str
    audience: Audience
    subject_id: str
    generation: int = 1
    refresh_hash: str
    created_at: int
    last_used_at: int
    expires_at: int
    ended_at: int | None = None
    ended_reason: EndedReason | None = None
    ip: str
    user_agent: str
