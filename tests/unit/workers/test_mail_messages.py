"""The message that goes over the wire, the mail server of a URL, and the inbox."""

from email import message_from_bytes
from email.policy import default

import pytest

from ops.runtime.clock import ManualClock
from workers.mail.rendering import RenderedMail
from workers.mail.report import MailReport
from workers.mail.smtp import MailServer, deliverable, message_of, sender_of
from workers.mail.transport import MOST_KEPT, InboxTransport, MailRefused

SENDER = sender_of("OMNIAXS Global Hub <no-reply@omniaxs.example>")


def a_rendered(number: int = 1, to: str = "ann@example.com") -> RenderedMail:
    return RenderedMail(
        f"<{number}@omniaxs.example>", to, "認証コード", "ja-JP", "コード 042137\n", "<p>042137</p>", "042137"
    )


def test_a_message_reads_back_as_it_was_meant() -> None:
    mail = a_rendered()
    message = message_of(mail, deliverable(mail.to), SENDER, ManualClock())
    read = message_from_bytes(message.as_bytes(), policy=default)
    assert read["From"] == "OMNIAXS Global Hub <no-reply@omniaxs.example>"
    assert (read["To"], read["Subject"], read["Message-ID"]) == (mail.to, mail.subject, mail.message_id)
    assert (read["Auto-Submitted"], read["Content-Language"]) == ("auto-generated", "ja-JP")
    assert read["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    plain, html = read.get_body(("plain",)), read.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().strip() == "コード 042137"
    assert html.get_content().strip() == "<p>042137</p>"


@pytest.mark.parametrize(
    "address", ["ann@example.com\r\nBcc: all@example.com", "ann", "", "a b@example.com", "x@-é..é"]
)
def test_an_address_that_is_none_is_refused_and_makes_no_header(address: str) -> None:
    with pytest.raises(MailRefused, match="is not one"):
        deliverable(address)


def test_a_domain_outside_ascii_goes_in_its_idna_form() -> None:
    assert deliverable("ann@bücher.example").addr_spec == "ann@xn--bcher-kva.example"
    assert deliverable("änn@example.com").addr_spec == "änn@example.com"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://localhost", MailServer("localhost", 25, starttls=False, tls=False)),
        ("smtp+starttls://mail.example", MailServer("mail.example", 587, starttls=True, tls=False)),
        (
            "smtps://user%40a:p%3Aw%2F@mail.example:4465",
            MailServer("mail.example", 4465, starttls=False, tls=True, username="user@a", password="p:w/"),
        ),
    ],
)
def test_the_server_of_a_url(url: str, server: MailServer) -> None:
    assert MailServer.parse(url) == server


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://mail.example", "must be smtp://"),
        ("smtp://", "must be smtp://"),
        ("smtp://mail.example/folder", "must be smtp://"),
        ("smtp://mail.example:port", "port must be a number"),
        ("smtp://mail.example:99999", "port must be a number"),
        ("smtp://user:hunter2@mail.example", "in the clear"),
        ("smtps://user@mail.example", "both user and password"),
    ],
)
def test_a_url_that_is_no_mail_server_is_refused_without_its_password(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        MailServer.parse(url)
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(MailServer.parse("smtps://user:hunter2@mail.example"))


@pytest.mark.parametrize("sender", ["", "nobody", "Name <>"])
def test_a_sender_without_an_address_is_refused(sender: str) -> None:
    with pytest.raises(ValueError, match="mail sender"):
        sender_of(sender)


async def test_the_inbox_shows_the_newest_first_forgets_the_oldest_and_keeps_a_mail_once() -> None:
    shown: list[RenderedMail] = []
    inbox = InboxTransport(shown.append)
    for number in range(MOST_KEPT + 5):
        await inbox.send(a_rendered(number))
    await inbox.send(a_rendered(100))
    kept = inbox.mails()
    assert len(kept) == MOST_KEPT
    assert [mail.message_id for mail in kept[:2]] == ["<100@omniaxs.example>", f"<{MOST_KEPT + 4}@omniaxs.example>"]
    assert len({mail.message_id for mail in kept}) == MOST_KEPT
    assert len(shown) == MOST_KEPT + 6


def test_the_report_says_the_last_success_and_failure() -> None:
    clock = ManualClock()
    report = MailReport(clock)
    assert set(report.details().values()) == {None}
    report.failed("no connection: ConnectionRefusedError")
    assert report.details()["worked"] is False
    clock.advance(1)
    report.worked()
    assert report.details() == {
        "last_success_at": clock.now(),
        "last_error_at": clock.now() - 1_000_000_000,
        "last_error": "no connection: ConnectionRefusedError",
        "worked": True,
        "reachable": True,
        "reachable_at": clock.now(),
    }
    report.reached(trouble="no connection: TimeoutError")
    assert report.details()["reachable"] is False
    report.reached()
    assert report.details()["reachable"] is True
