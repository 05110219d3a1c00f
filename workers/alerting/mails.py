"""Tells people of an alert: a notice for each recipient, in the language of the admin of that address, sent as every mail is."""

import hashlib
from collections.abc import Sequence
from typing import Final, Protocol

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND, format_timestamp
from storage.jobs import SEND_MAIL, Jobs
from storage.models.alerts import Alert, Telling
from storage.models.emails import normalised
from storage.models.mails import Mail, Notice, outbox_id_of
from storage.models.people import Admin, PreferredLanguage
from workers.mail.words import MailWords

ALIVE_SECONDS: Final = 86_400
_DIGITS: Final = 16


class NoticeStore(Protocol):
    """`storage.mongo.notices.Notices`."""

    async def insert(self, notice: Notice) -> bool: ...


class AdminStore(Protocol):
    """`storage.mongo.admins.Admins`."""

    async def by_email(self, email: str) -> Admin | None: ...


class AlertMails:
    """Writes the mails of alerts to `recipients` (addresses)."""

    def __init__(
        self, recipients: Sequence[str], *, notices: NoticeStore, admins: AdminStore, jobs: Jobs, words: MailWords
    ) -> None:
        self._recipients = tuple(dict.fromkeys(recipients))
        self._notices, self._admins, self._jobs, self._words = notices, admins, jobs, words

    async def tell(self, alert: Alert, telling: Telling) -> None:
        """Keep one mail for each recipient and ask for it to be sent. The same round again does nothing."""
        for recipient in self._recipients:
            admin = await self._admin(recipient)
            notice = self._notice(recipient, admin, alert, telling)
            if await self._notices.insert(notice):
                await self._jobs.enqueue(SEND_MAIL, notice.mail.outbox_id)

    async def _admin(self, recipient: str) -> Admin | None:
        """Whose address it is. None too for one that no admin could register with (`ops@mail.internal`)."""
        try:
            email = normalised(recipient)
        except ValueError:
            return None
        return await self._admins.by_email(email)

    def _notice(self, recipient: str, admin: Admin | None, alert: Alert, telling: Telling) -> Notice:
        language: PreferredLanguage = "en-US" if admin is None else admin.preferred_language
        whom = hashlib.sha256(recipient.encode()).hexdigest()[:_DIGITS]
        notice_id = f"alert:{alert.alert_id}:{telling.number}:{whom}"
        name = recipient.partition("@")[0] if admin is None else admin.display_name
        mail = Mail(
            outbox_id=outbox_id_of("notices", notice_id, 1),
            to=recipient,
            template="alert",
            language=language,
            values={"name": name, **self._values(language, alert, telling)},
            created_at=telling.at,
            expires_at=telling.at + ALIVE_SECONDS * NANOSECONDS_PER_SECOND,
        )
        return Notice(notice_id=notice_id, mail=mail)

    def _values(self, language: PreferredLanguage, alert: Alert, telling: Telling) -> dict[str, str]:
        titles = self._words.texts[language]
        return {
            "alert_id": alert.alert_id,
            "code": alert.code,
            "title": titles.get(f"mail.alert.title.{alert.code}", alert.code),
            "severity": titles[f"mail.alert.severity.{alert.severity}"],
            "state": titles[f"mail.alert.state.{telling.kind}"],
            "about": alert.subject,
            "message": alert.message,
            "count": str(alert.count),
            "at": format_timestamp(alert.first_seen_at),
            "runbook": alert.runbook,
        }
