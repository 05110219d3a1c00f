"""Mails to a mail server over SMTP (RFC 5321), on few connections that are used again.

The server's answer to the mail's content is waited for long: a mail that is sent again because its answer came late
arrives twice (RFC 5321, 4.5.3.2.6).
"""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Final
from urllib.parse import unquote, urlsplit

import aiosmtplib
from email_validator import EmailNotValidError, validate_email

from ops.runtime.clock import Clock
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from workers.mail.rendering import RenderedMail
from workers.mail.transport import MailRefused, MailTrouble

ANSWER_SECONDS: Final = 120.0
"""For the answer to the content."""
MOST_CONNECTIONS: Final = 4
IDLE_SECONDS: Final = 20.0
"""A connection that was not used for longer is given up: servers close idle ones, and a mail would be tried in vain."""
_OURS: Final = frozenset({500, 501, 502, 503, 504, 530, 534, 535, 538})
"""Codes that say that we talk wrongly or may not talk to this server, whoever the recipient is."""
_ENHANCED: Final = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
_PORTS: Final = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class MailServer:
    """A mail server and how to talk to it. `starttls` is required where it is set; `tls` from the first byte."""

    host: str
    port: int
    starttls: bool
    tls: bool
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, url: str) -> "MailServer":
        """From `smtp://`, `smtp+starttls://` or `smtps://` `[user:password@]host[:port]`. Raises `ValueError`, without
        showing what was given: it holds a password.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise ValueError("the mail URL's port must be a number from 1 to 65535") from None
        if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query:
            raise ValueError(
                "the mail URL must be smtp://, smtp+starttls:// or smtps:// with [user:password@]host[:port]"
            )
        if parts.password and parts.scheme == "smtp":
            raise ValueError("smtp:// would send the password in the clear: use smtp+starttls:// or smtps://")
        if bool(parts.username) != bool(parts.password):
            raise ValueError("the mail URL needs both user and password, or neither")
        return cls(
            host=parts.hostname,
            port=port or _PORTS[parts.scheme],
            starttls=parts.scheme == "smtp+starttls",
            tls=parts.scheme == "smtps",
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


class SmtpTransport:
    """`MailTransport` to one server, from `sender` (an address, with or without a name).

    `timeout_seconds` bounds each step but the last, which has `answer_seconds`. Certificates are checked by `tls_context`
    (default: the machine's authorities).
    """

    def __init__(
        self,
        server: MailServer,
        sender: str,
        clock: Clock,
        timeout_seconds: float,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        self._server, self._clock = server, clock
        self._sender = sender_of(sender)
        self._timeout, self._answer = timeout_seconds, answer_seconds
        self._tls_context = tls_context
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []
        self._free = asyncio.Semaphore(MOST_CONNECTIONS)

    async def send(self, mail: RenderedMail) -> None:
        """See `MailTransport`. An address outside ASCII is refused where the server cannot take such (RFC 6531)."""
        to = deliverable(mail.to)
        message = message_of(mail, to, self._sender, self._clock)
        async with self._connected() as client:
            try:
                await self._deliver(client, to.addr_spec, message)
            except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPRecipientRefused, aiosmtplib.SMTPDataError) as answer:
                raise _judged(answer) from None

    async def probe(self) -> None:
        """Whether the server answers us, and takes our password: `MailTrouble` when not. Nothing is sent."""
        async with self._connected():
            pass

    async def close(self) -> None:
        """Say goodbye on what is open."""
        while self._idle:
            _, client = self._idle.pop()
            await self._quit(client)

    async def _deliver(self, client: aiosmtplib.SMTP, to: str, message: EmailMessage) -> None:
        international = not to.isascii()
        if international and not client.supports_extension("smtputf8"):
            raise MailRefused("the mail server takes no addresses outside ASCII")
        options, encoding = (["SMTPUTF8"], "utf-8") if international else ([], "ascii")
        await client.mail(self._sender.addr_spec, options=options, encoding=encoding)
        await client.rcpt(to, encoding=encoding)
        await client.data(message.as_bytes(), timeout=self._answer)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[aiosmtplib.SMTP]:
        """A connection that answers, alone. After a refusal it is ready for the next mail; after trouble it is closed."""
        async with self._free:
            client = await self._opened()
            keep = False
            try:
                yield client
                keep = True
            except (MailRefused, MailTrouble):
                keep = await self._reset(client)
                raise
            except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
                raise MailTrouble(_said(error)) from None
            finally:
                if keep and client.is_connected:
                    self._idle.append((self._clock.monotonic(), client))
                else:
                    client.close()

    async def _opened(self) -> aiosmtplib.SMTP:
        while self._idle:
            used_at, client = self._idle.pop()
            if self._clock.monotonic() - used_at <= IDLE_SECONDS and await self._reset(client):
                return client
            client.close()
        client = self._client()
        try:
            await client.connect()
            await client.ehlo()
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            client.close()
            raise MailTrouble(f"no connection: {_said(error)}") from None
        return client

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            timeout=self._timeout,
            use_tls=server.tls,
            start_tls=server.starttls,
            tls_context=self._tls_context or (ssl.create_default_context() if server.tls or server.starttls else None),
        )

    async def _reset(self, client: aiosmtplib.SMTP) -> bool:
        """Whether the connection answers and awaits a new mail."""
        try:
            await client.rset()
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            return False
        return True

    async def _quit(self, client: aiosmtplib.SMTP) -> None:
        try:
            await client.quit(timeout=1)
        except (aiosmtplib.SMTPException, OSError, TimeoutError):
            client.close()


def sender_of(text: str) -> Address:
    """The sender of `Name <local@domain>` or `local@domain`. Raises `ValueError`."""
    name, address = parseaddr(text)
    if not address or "@" not in address:
        raise ValueError(f"the mail sender must be an address, with or without a name before it, not {text!r}")
    return Address(display_name=name, addr_spec=address)


def deliverable(address: str) -> Address:
    """The recipient; a domain outside ASCII in its IDNA form, which every server takes. Raises `MailRefused`."""
    try:
        valid = validate_email(address, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise MailRefused("the recipient's address is not one") from None
    return Address(username=valid.local_part, domain=valid.ascii_domain)


def message_of(mail: RenderedMail, to: Address, sender: Address, clock: Clock) -> EmailMessage:
    """The message (RFC 5322) with a text and an HTML part, marked as sent by a machine (RFC 3834)."""
    message = EmailMessage(policy=SMTP if to.addr_spec.isascii() else SMTPUTF8)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(clock.now() / NANOSECONDS_PER_SECOND, UTC))
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    message["Content-Language"] = mail.language
    return message


_Answer = aiosmtplib.SMTPSenderRefused | aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError


def _judged(answer: _Answer) -> MailRefused | MailTrouble:
    """For good: a 5xx for this recipient or this content. What is wrong with us may be mended, and is tried again."""
    permanent = answer.code >= 500 and answer.code not in _OURS
    if permanent and not isinstance(answer, aiosmtplib.SMTPSenderRefused):
        return MailRefused(_said(answer))
    return MailTrouble(_said(answer))


def _said(error: Exception) -> str:
    """The error without the server's own words, which often repeat the recipient's address."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        enhanced = _ENHANCED.search(str(error.message))
        return f"{type(error).__name__} {error.code}{f' {enhanced[0]}' if enhanced else ''}"
    return type(error).__name__
