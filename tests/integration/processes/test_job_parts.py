"""The jobs as a local process wires them: asked for on its loop, done on its loop, shown in its inbox."""

import asyncio
import json
import logging
from pathlib import Path

import pytest
from pydantic import SecretStr

from ops.processes.job_parts import open_workers
from ops.processes.lifetime import Background
from ops.processes.mail_parts import mail_settings
from ops.processes.platform import Platform, opened_platform
from ops.runtime.settings import Settings
from storage.jobs import SEND_MAIL, open_jobs
from storage.models.mails import Mail, Notice, outbox_id_of
from storage.mongo.notices import Notices
from storage.mongo.outbox import Outbox

SECOND = 1_000_000_000


async def put(platform: Platform, notice_id: str, *, age_seconds: int = 0) -> str:
    outbox_id = outbox_id_of("notices", notice_id, 1)
    created_at = platform.clock.now() - age_seconds * SECOND
    mail = Mail(
        outbox_id=outbox_id,
        to="ann@example.com",
        template="login_code",
        language="ja-JP",
        values={"name": "Ann", "minutes": "5"},
        sealed=platform.key_ring.seal(json.dumps({"code": "042137"}).encode(), outbox_id.encode()),
        created_at=created_at,
        expires_at=created_at + 300 * SECOND,
    )
    assert await Notices(platform.store.database).insert(Notice(notice_id=notice_id, mail=mail))
    return outbox_id


async def until_sent(platform: Platform, outbox_id: str) -> None:
    async with asyncio.timeout(20):
        while True:
            mail = await Outbox(platform.store.database).get(outbox_id)
            assert mail is not None
            if mail.state == "sent":
                return
            await asyncio.sleep(0.02)


async def test_a_mail_is_asked_for_sent_and_shown_and_one_without_a_job_too(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    stop = asyncio.Event()
    async with opened_platform(Settings(_env_file=None)) as platform:
        lost = await put(platform, "ntc_lost", age_seconds=6)
        background = Background(stop)
        jobs = open_jobs("memory://", platform.metrics)
        workers = open_workers(platform, background, jobs)
        assert workers.inbox is not None
        assert await workers.checks["jobs"]() is None
        await until_sent(platform, lost)
        asked = await put(platform, "ntc_asked")
        await jobs.enqueue(SEND_MAIL, asked)
        await until_sent(platform, asked)
        newest, _ = workers.inbox.mails()
        assert (newest.to, newest.code, newest.language) == ("ann@example.com", "042137", "ja-JP")
        assert workers.details()["mail"]["worked"] is True
        assert workers.details()["mail"]["configured"] is False
        swept = platform.metrics.registry.get_sample_value("omniaxs_swept_total", {"sweep": "outbox"})
        assert swept == 1
        await workers.stop(5)
        await background.end()
        jobs.close()
    assert not stop.is_set()
    printed = capfd.readouterr()
    written = caplog.text + printed.out + printed.err
    assert "ntc_asked" in written
    assert "042137" not in written, "no code in any log"
    assert "ann@example.com" not in written


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("inbox://", {"configured": False, "host": None, "port": None, "tls": None}),
        ("smtps://user:hunter2@mail.example", {"configured": True, "host": "mail.example", "port": 465, "tls": "tls"}),
        (
            "smtp+starttls://mail.example:25",
            {"configured": True, "host": "mail.example", "port": 25, "tls": "starttls"},
        ),
        ("smtp://localhost", {"configured": True, "host": "localhost", "port": 25, "tls": "none"}),
    ],
)
def test_how_mail_is_set_is_shown_without_its_password(url: str, shown: dict[str, object], tmp_path: Path) -> None:
    settings = Settings(_env_file=tmp_path / "none", mail_url=SecretStr(url), mail_sender="a@b.example")
    assert mail_settings(settings) == shown | {"sender": "a@b.example"}


def test_a_sender_or_url_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="mail sender"):
        mail_settings(Settings(_env_file=None, mail_sender="nobody"))
    with pytest.raises(ValueError, match="mail URL"):
        mail_settings(Settings(_env_file=None, mail_url=SecretStr("pigeon://hunter2")))
