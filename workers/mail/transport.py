"""Where rendered mails go: a mail server (workers/mail/smtp.py), or in the local profile an inbox that shows them."""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

from workers.mail.rendering import RenderedMail

MOST_KEPT: Final = 200


class MailTrouble(Exception):
    """The mail was not taken now, or nobody knows whether it was; it may be tried again. Names no person."""


class MailRefused(Exception):
    """The mail will never be taken: the recipient or the content was refused for good. Names no person."""


class MailTransport(Protocol):
    """Sends mails."""

    async def send(self, mail: RenderedMail) -> None:
        """Return once whoever delivers it has taken it. Raises `MailTrouble` or `MailRefused`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class InboxTransport:
    """The inbox of the local profile: the last 200 mails (older ones are forgotten), each shown as it comes."""

    def __init__(self, show: Callable[[RenderedMail], None] | None = None) -> None:
        self._mails: deque[RenderedMail] = deque(maxlen=MOST_KEPT)
        self._show = show

    async def send(self, mail: RenderedMail) -> None:
        """Keep it, once: a mail that is sent again takes its own place."""
        known = next((kept for kept in self._mails if kept.message_id == mail.message_id), None)
        if known is not None:
            self._mails.remove(known)
        self._mails.appendleft(mail)
        if self._show is not None:
            self._show(mail)

    async def close(self) -> None:
        """Nothing is open."""

    def mails(self) -> list[RenderedMail]:
        """What came, newest first."""
        return list(self._mails)
