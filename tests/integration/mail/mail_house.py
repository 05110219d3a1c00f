"""A real SMTP server that keeps what it is given and misbehaves as a test asks: refuses, waits, breaks off, is away."""

import asyncio
import datetime
import ipaddress
import ssl
from collections import Counter
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class MailHouse:
    """On 127.0.0.1. `recipients_answer` and `data_answer` are SMTP replies; `hold` lets a mail's answer wait.

    `tls` is for STARTTLS, or from the first byte where `at_once`.
    """

    def __init__(
        self, tls: ssl.SSLContext | None = None, password: str | None = None, *, at_once: bool = False
    ) -> None:
        self.received: list[EmailMessage] = []
        self.recipients_answer: dict[str, str] = {}
        self.data_answer: list[str] = []
        self.break_off_after_data = 0
        self.hold: asyncio.Event | None = None
        self.given = asyncio.Event()
        self.connections = 0
        self.port = 0
        self._tls, self._password, self._at_once = tls, password, at_once
        self._server: asyncio.Server | None = None

    async def open(self) -> "MailHouse":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._protocol, "127.0.0.1", self.port, ssl=self._tls if self._at_once else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def close(self) -> None:
        """Away: nobody listens; who is connected stays so until `SMTP` notices."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def subjects(self) -> Counter[str]:
        return Counter(message["Subject"] for message in self.received)

    def message_ids(self) -> Counter[str]:
        return Counter(message["Message-ID"] for message in self.received)

    async def handle_RCPT(  # noqa: N802  (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := self.recipients_answer.get(address)) is not None:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        if self.data_answer:
            return self.data_answer.pop(0)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        self.given.set()
        if self.break_off_after_data:
            self.break_off_after_data -= 1
            assert server.transport is not None
            server.transport.abort()
        if self.hold is not None:
            await self.hold.wait()
        return "250 taken"

    def _authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data.password == (self._password or "").encode()
        return AuthResult(success=right, handled=False)

    def _protocol(self) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=None if self._at_once else self._tls,
            require_starttls=self._tls is not None and not self._at_once,
            auth_require_tls=not self._at_once,
            authenticator=self._authenticate if self._password else None,
            auth_required=self._password is not None,
        )


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server on 127.0.0.1 shows, and what a client that trusts it uses."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.test")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())
