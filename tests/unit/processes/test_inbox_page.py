"""The inbox on the ops port: what scripts read, and what people see."""

from ops.processes.inbox_page import add_inbox
from ops.processes.ops_server import build_ops_app
from ops.runtime.health import Health
from ops.runtime.metrics import Metrics
from workers.mail.rendering import RenderedMail
from workers.mail.transport import InboxTransport


def a_mail(number: int, code: str | None = "042137") -> RenderedMail:
    return RenderedMail(
        message_id=f"<{number}@omniaxs.example>",
        to=f"ann{number}@example.com",
        subject="Your <login> code",
        language="en-US",
        text="042137\n",
        html='<p onclick="x">042137</p>',
        code=code,
    )


async def test_scripts_read_the_newest_mail_first() -> None:
    inbox = InboxTransport()
    app = build_ops_app(Health(), Metrics())
    add_inbox(app, inbox)
    client = app.test_client()
    empty = await client.get("/inbox")
    assert (empty.status_code, await empty.get_json()) == (200, [])
    await inbox.send(a_mail(1))
    await inbox.send(a_mail(2, None))
    answer = await client.get("/inbox")
    assert answer.headers["Cache-Control"] == "no-store"
    newest, oldest = await answer.get_json()
    assert newest["to"] == "ann2@example.com"
    assert newest["code"] is None
    assert oldest == {
        "to": "ann1@example.com",
        "subject": "Your <login> code",
        "text": "042137\n",
        "html": '<p onclick="x">042137</p>',
        "code": "042137",
        "language": "en-US",
        "message_id": "<1@omniaxs.example>",
    }


async def test_people_see_mails_in_frames_that_run_nothing() -> None:
    inbox = InboxTransport()
    app = build_ops_app(Health(), Metrics())
    add_inbox(app, inbox)
    await inbox.send(a_mail(1))
    answer = await app.test_client().get("/inbox.html")
    page = await answer.get_data(as_text=True)
    assert "Your &lt;login&gt; code" in page
    assert "<code>042137</code>" in page
    assert "&lt;p onclick=" in page
    assert "<p onclick" not in page
    assert "<iframe sandbox" in page
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
