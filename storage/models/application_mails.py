"""What the contact of an application is told by mail: that it was rejected, or that access is active. Pure.

The mail is a part of the application's document, kept by the same write as the end that it tells of; whoever has written that
asks for the job `send_mail` of its `outbox_id`, and a sweep finds what no job came for.
"""

from collections.abc import Iterable
from typing import Final

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.applications import Application
from storage.models.mails import Mail, MailTemplate, outbox_id_of

COLLECTION: Final = "access_applications"
ALIVE_SECONDS: Final = 3 * 86_400


def rejection_mail(application: Application, name: str, reason: str, now: int) -> Mail:
    """That the application was rejected, and why. `name` is what the contact is greeted by."""
    return _mail(application, "application_rejected", name, application.target_exchanges, now, reason=reason)


def activation_mail(application: Application, name: str, exchanges: Iterable[str], now: int) -> Mail:
    """That the tenant may trade at `exchanges` from now on."""
    return _mail(application, "application_active", name, exchanges, now)


def _mail(
    application: Application, template: MailTemplate, name: str, exchanges: Iterable[str], now: int, **values: str
) -> Mail:
    return Mail(
        outbox_id=outbox_id_of(COLLECTION, application.application_id, 1),
        to=application.contact_email,
        template=template,
        language=application.preferred_language,
        values={
            "name": name,
            "application_id": application.application_id,
            "exchanges": ", ".join(exchanges),
            **values,
        },
        created_at=now,
        expires_at=now + ALIVE_SECONDS * NANOSECONDS_PER_SECOND,
    )
