"""What is written to people: mails with a code, and notices of what happened. Nothing is sent here (workers/mail)."""

import json
from collections.abc import Mapping
from typing import Final

from gateway.identity.ports import NoticeStore
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.jobs import SEND_MAIL, Jobs
from storage.models.challenges import ALIVE_SECONDS, ChallengeKind
from storage.models.mails import Mail, MailTemplate, Notice, outbox_id_of
from storage.models.people import Person, PreferredLanguage, audience_of, subject_of
from storage.sealing import KeyRing

NOTICE_SECONDS: Final = 86_400
_TEMPLATES: Final[Mapping[ChallengeKind, MailTemplate]] = {
    "verification": "verification_code",
    "login": "login_code",
    "password_reset": "password_reset_code",
}


def code_mail(
    key_ring: KeyRing,
    *,
    kind: ChallengeKind,
    person: Person,
    language: PreferredLanguage,
    outbox_id: str,
    code: str,
    now: int,
    expires_at: int,
) -> Mail:
    """The mail with a code: the code is sealed for this mail, which is worth nothing once the code is dead."""
    return Mail(
        outbox_id=outbox_id,
        to=person.email,
        template=_TEMPLATES[kind],
        language=language,
        values={"name": person.display_name, "minutes": str(ALIVE_SECONDS[kind] // 60)},
        sealed=key_ring.seal(json.dumps({"code": code}).encode(), outbox_id.encode()),
        created_at=now,
        expires_at=expires_at,
    )


class Notices:
    """Tells people by mail what happened, each thing once, in the language of their profile."""

    def __init__(self, notices: NoticeStore, jobs: Jobs) -> None:
        self._notices, self._jobs = notices, jobs

    async def tell(
        self, notice_id: str, person: Person, template: MailTemplate, values: Mapping[str, str], now: int
    ) -> None:
        """Keep the notice and ask for its mail. The same `notice_id` again does nothing."""
        mail = Mail(
            outbox_id=outbox_id_of("notices", notice_id, 1),
            to=person.email,
            template=template,
            language=person.preferred_language,
            values={"name": person.display_name, **values},
            created_at=now,
            expires_at=now + NOTICE_SECONDS * NANOSECONDS_PER_SECOND,
        )
        if await self._notices.insert(Notice(notice_id=notice_id, mail=mail)):
            await self._jobs.enqueue(SEND_MAIL, mail.outbox_id)

    async def tell_locked(self, person: Person, locked_until: int, ip: str, now: int) -> None:
        """Too many wrong passwords came from `ip`: the address is locked until that Unix second."""
        minutes = max(1, -(-(locked_until * NANOSECONDS_PER_SECOND - now) // (60 * NANOSECONDS_PER_SECOND)))
        notice_id = f"account_locked:{audience_of(person)}:{subject_of(person)}:{locked_until}"
        await self.tell(notice_id, person, "account_locked", {"minutes": str(minutes), "ip": ip}, now)
