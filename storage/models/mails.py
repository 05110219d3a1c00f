"""Mails that wait to be sent: a part of the document that caused them, so that neither is kept without the other."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from storage.models.people import PreferredLanguage

MailTemplate = Literal[
    "verification_code", "login_code", "password_reset_code", "invitation",
    "account_locked", "refresh_reused", "password_changed", "admin_activated",
    "application_rejected", "application_active", "alert",
]  # fmt: skip
MailState = Literal["pending", "sending", "sent", "expired", "refused"]
MAIL_COLLECTIONS: Final = ("challenges", "notices", "invitations", "access_applications")


class Mail(BaseModel):
    """`values` fill the template; those that are secret (a code, a link's token) are JSON in `sealed`, sealed by the key
    ring for the context `outbox_id`, and dropped once the mail is sent or given up. Times are nanoseconds.

    A mail is never sent at or after `expires_at`. `claimed_until`: somebody is sending it until then.
    `swept_at`: when a sweep last asked for a job for it.
    """

    model_config = ConfigDict(frozen=True)

    outbox_id: str
    to: str
    template: MailTemplate
    language: PreferredLanguage
    values: dict[str, str] = {}
    sealed: str | None = None
    state: MailState = "pending"
    created_at: int
    expires_at: int
    attempts: int = 0
    next_try_at: int = 0
    swept_at: int = 0
    claimed_until: int = 0
    sent_at: int | None = None
    last_error: str | None = None


class Notice(BaseModel):
    """A mail that tells a person what happened. The same `notice_id` is told once."""

    model_config = ConfigDict(frozen=True)

    notice_id: str
    mail: Mail


def outbox_id_of(collection: str, document_id: str, number: int) -> str:
    """The id of the `number`th mail (from 1) of a document: it says where the mail stands. Collections: `MAIL_COLLECTIONS`."""
    return f"{collection}:{document_id}:{number}"
