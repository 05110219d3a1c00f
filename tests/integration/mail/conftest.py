"""A mail server, an outbox and the job that empties it, by a clock that the test moves."""

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from ops.runtime.clock import ManualClock
from ops.runtime.metrics import Metrics
from storage.models.mails import Mail, Notice, outbox_id_of
from storage.mongo.connect import Store, connect
from storage.mongo.notices import Notices
from storage.mongo.outbox import Outbox
from storage.sealing import KeyRing
from tests.integration.mail.mail_house import MailHouse
from workers.jobs import TryAgain
from workers.mail.rendering import MailRenderer
from workers.mail.report import MailReport
from workers.mail.sending import MailSending
from workers.mail.smtp import MailServer, SmtpTransport
from workers.mail.transport import MailTransport
from workers.mail.words import load_words

SECOND = 1_000_000_000


@dataclass
class PostOffice:
    """Writes mails into an outbox and runs the job for them, waiting by the clock as Dramatiq would."""

    store: Store
    outbox: Outbox
    clock: ManualClock
    key_ring: KeyRing
    transport: MailTransport
    sending: MailSending
    report: MailReport
    metrics: Metrics

    async def put(self, number: int = 1, *, to: str = "ann@example.com", life_seconds: int = 300) -> str:
        """A login code that waits to be sent; its outbox id."""
        outbox_id = outbox_id_of("notices", f"ntc_{number}", 1)
        sealed = self.key_ring.seal(json.dumps({"code": f"{number:06d}"}).encode(), outbox_id.encode())
        mail = Mail(
            outbox_id=outbox_id,
            to=to,
            template="login_code",
            language="en-US",
            values={"name": "Ann", "minutes": "5"},
            sealed=sealed,
            created_at=self.clock.now(),
            expires_at=self.clock.now() + life_seconds * SECOND,
        )
        assert await Notices(self.store.database).insert(Notice(notice_id=f"ntc_{number}", mail=mail))
        return outbox_id

    async def work(self, outbox_id: str, *, most_seconds: float = 3_600) -> float:
        """Run the job and its repeats; the seconds, by the clock, until there was no other try."""
        began = self.clock.monotonic()
        while self.clock.monotonic() - began < most_seconds:
            try:
                await self.sending.send(outbox_id)
            except TryAgain as again:
                self.clock.advance(again.seconds)
            else:
                break
        return self.clock.monotonic() - began

    async def kept(self, outbox_id: str) -> Mail:
        mail = await self.outbox.get(outbox_id)
        assert mail is not None
        return mail


@pytest.fixture
async def mail_house() -> AsyncIterator[MailHouse]:
    house = await MailHouse().open()
    yield house
    await house.close()


@pytest.fixture
async def office(mail_house: MailHouse) -> AsyncIterator[PostOffice]:
    clock = ManualClock()
    server = MailServer("127.0.0.1", mail_house.port, starttls=False, tls=False)
    transport = SmtpTransport(server, "Hub <no-reply@omniaxs.example>", clock, 2.0)
    office = post_office(clock, transport)
    yield office
    await transport.close()
    office.store.close()


def post_office(clock: ManualClock, transport: MailTransport) -> PostOffice:
    store = connect("mongomock://", f"test_{secrets.token_hex(6)}")
    outbox, metrics, report = Outbox(store.database), Metrics(), MailReport(clock)
    key_ring = KeyRing.parse("test:a-key-of-tests-alone")
    renderer = MailRenderer(load_words(), "omniaxs.example")
    sending = MailSending(outbox, renderer, transport, key_ring, clock=clock, metrics=metrics, report=report)
    return PostOffice(store, outbox, clock, key_ring, transport, sending, report, metrics)
