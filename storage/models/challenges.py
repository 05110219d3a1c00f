"""Challenges: a code was asked for, and whoever has it may go on. Times are nanoseconds since the epoch."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from storage.models.mails import Mail
from storage.models.people import Audience

ChallengeKind = Literal["verification", "login", "password_reset"]
Channel = Literal["email", "totp"]
MOST_TRIES: Final = 5
MOST_RESENDS: Final = 5
RESEND_AFTER_SECONDS: Final = 30
MOST_RESETS: Final = 6
RESETS_SECONDS: Final = 1_800
"""Of forgotten passwords at most `MOST_RESETS` challenges of a person begin in so many seconds."""
ALIVE_SECONDS: Final = {"verification": 1_800, "login": 300, "password_reset": 300}


class Challenge(BaseModel):
    """`code_hash` is the keyed hash of the code, bound to the challenge (None with TOTP). Dead once `ended_at` is set, at
    `expires_at`, and after `MOST_TRIES` tries. `mail` is the newest code's mail; `mails` counts them.
    """

    model_config = ConfigDict(frozen=True)

    challenge_id: str
    kind: ChallengeKind
    audience: Audience
    subject_id: str
    email: str
    channel: Channel = "email"
    code_hash: str | None = None
    created_at: int
    expires_at: int
    resend_at: int
    tries: int = 0
    mails: int = 1
    ended_at: int | None = None
    mail: Mail | None = None
