"""The job `send_mail`: claim -> render -> send -> sent. A mail is sent while its code is alive, by one worker at a time.

A second mail can go only where nobody can know whether the first did: a worker that dies between the server's answer and
`sent`, or a connection that breaks before the answer (docs/decisions/0108).
"""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Final, Protocol, get_args

from ops.runtime.clock import Clock
from ops.runtime.metrics import MAIL_DURATION, MAILS_TOTAL, Metrics
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.mails import Mail, MailTemplate
from storage.models.pauses import pause_after
from storage.mongo.failures import StoreUnavailable
from storage.sealing import KeyRing, UnknownKey, Unreadable
from workers.jobs import TryAgain
from workers.mail.claims import HeldClaim, claimed_until
from workers.mail.rendering import MailRenderer, RenderedMail, Unrenderable
from workers.mail.report import MailReport
from workers.mail.transport import MailRefused, MailTransport, MailTrouble

_log = logging.getLogger(__name__)
LONGEST_PAUSE_SECONDS: Final = 15
_RECORD_PAUSE_SECONDS: Final = 0.5
_OUTCOMES: Final = ("sent", "retried", "refused", "expired")


class MailOutbox(Protocol):
    """`storage.mongo.outbox.Outbox`, which says what each promises."""

    async def get(self, outbox_id: str) -> Mail | None: ...
    async def claim(self, outbox_id: str, now: int, until: int) -> Mail | None: ...
    async def renew(self, mail: Mail, until: int) -> Mail | None: ...
    async def sent(self, mail: Mail, now: int) -> bool: ...
    async def failed(self, mail: Mail, next_try_at: int, error: str) -> bool: ...
    async def refused(self, mail: Mail, error: str) -> bool: ...
    async def expired(self, mail: Mail) -> bool: ...


class MailSending:
    """The body of the job."""

    def __init__(
        self,
        outbox: MailOutbox,
        renderer: MailRenderer,
        transport: MailTransport,
        key_ring: KeyRing,
        *,
        clock: Clock,
        metrics: Metrics,
        report: MailReport,
    ) -> None:
        self._outbox, self._renderer, self._transport = outbox, renderer, transport
        self._key_ring, self._clock, self._report = key_ring, clock, report
        self._counter, self._seconds = metrics.counter(MAILS_TOTAL), metrics.histogram(MAIL_DURATION)
        for template in get_args(MailTemplate):
            for outcome in _OUTCOMES:
                self._counter.labels(template=template, outcome=outcome)  # one that begins at 1 has no increase there

    async def send(self, outbox_id: str) -> None:
        """Send the mail unless it was sent, is being sent, or is over. Raises `TryAgain` after trouble that may pass, and
        `StoreUnavailable`.
        """
        now = self._clock.now()
        mail = await self._outbox.get(outbox_id)
        if mail is None or mail.state not in {"pending", "sending"}:
            return
        if now >= mail.expires_at:
            await self._expire(mail)
            return
        claimed = await self._outbox.claim(outbox_id, now, claimed_until(now))
        if claimed is not None:
            await self._try(claimed)

    async def _try(self, mail: Mail) -> None:
        try:
            rendered = self._renderer.render(mail, self._secrets(mail))
            held = HeldClaim(self._outbox, mail, self._clock)
            async with held.meanwhile():
                await self._transport.send(rendered)
        except Unrenderable as error:
            _log.error("mail %s cannot be rendered: %s", mail.outbox_id, error)
            await self._give_up(mail, str(error))
        except MailRefused as error:
            self._report.failed(str(error))
            await self._give_up(mail, str(error))
        except (UnknownKey, Unreadable) as error:
            await self._later(mail, str(error))
        except MailTrouble as error:
            self._report.failed(str(error))
            await self._later(held.mail, str(error))
        else:
            await self._done(mail, rendered)

    def _secrets(self, mail: Mail) -> Mapping[str, str]:
        if mail.sealed is None:
            return {}
        opened: dict[str, str] = json.loads(self._key_ring.open(mail.sealed, mail.outbox_id.encode()))
        return opened

    async def _done(self, mail: Mail, rendered: RenderedMail) -> None:
        """Write it down, and again while the store is away: nobody can claim the mail meanwhile either."""
        self._report.worked()
        now = self._clock.now()
        self._count(mail, "sent")
        self._seconds.labels(template=mail.template).observe(max(0, now - mail.created_at) / NANOSECONDS_PER_SECOND)
        _log.info("mail %s sent as %s", mail.outbox_id, rendered.message_id)
        while True:
            try:
                await self._outbox.sent(mail, now)
            except StoreUnavailable as error:
                _log.warning("mail %s was sent, which is not recorded yet: %s", mail.outbox_id, error)
            else:
                return
            if self._clock.now() >= mail.expires_at:
                return  # and nobody would send it any more
            await asyncio.sleep(_RECORD_PAUSE_SECONDS)

    async def _later(self, mail: Mail, reason: str) -> None:
        pause = pause_after(mail.attempts, LONGEST_PAUSE_SECONDS)
        next_try_at = self._clock.now() + pause * NANOSECONDS_PER_SECOND
        if next_try_at >= mail.expires_at:
            await self._expire(mail)
            return
        self._count(mail, "retried")
        _log.warning("mail %s not sent at try %d: %s", mail.outbox_id, mail.attempts, reason)
        if await self._outbox.failed(mail, next_try_at, reason):
            raise TryAgain(reason, pause)

    async def _give_up(self, mail: Mail, reason: str) -> None:
        self._count(mail, "refused")
        _log.warning("mail %s given up: %s", mail.outbox_id, reason)
        await self._outbox.refused(mail, reason)

    async def _expire(self, mail: Mail) -> None:
        if await self._outbox.expired(mail):
            self._count(mail, "expired")
            _log.warning("mail %s expired before it was sent", mail.outbox_id)

    def _count(self, mail: Mail, outcome: str) -> None:
        self._counter.labels(template=mail.template, outcome=outcome).inc()
