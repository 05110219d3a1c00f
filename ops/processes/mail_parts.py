"""Wires mail: where it goes by the settings, and how it is set, as admins are shown it."""

import sys
from typing import Any

from ops.processes.platform import Platform
from ops.runtime.settings import Settings
from workers.mail.rendering import RenderedMail
from workers.mail.smtp import MailServer, SmtpTransport, sender_of
from workers.mail.transport import InboxTransport, MailTransport


def open_transport(platform: Platform) -> MailTransport:
    """Where the settings send mails to; nothing is connected yet. Raises `ValueError`."""
    settings = platform.settings
    url = settings.mail_url.get_secret_value()
    if url == "inbox://":
        return InboxTransport(_show_in_terminal)
    server = MailServer.parse(url)
    return SmtpTransport(server, settings.mail_sender, platform.clock, settings.mail_timeout_seconds)


def mail_settings(settings: Settings) -> dict[str, Any]:
    """How mail is set, as `notifications/config` shows it: `configured, host, port, sender, tls`. Raises `ValueError`,
    without showing what was given, for a mail URL or sender that cannot be.
    """
    sender_of(settings.mail_sender)
    url = settings.mail_url.get_secret_value()
    shown: dict[str, Any] = {
        "configured": False,
        "host": None,
        "port": None,
        "sender": settings.mail_sender,
        "tls": None,
    }
    if url == "inbox://":
        return shown
    server = MailServer.parse(url)
    tls = "tls" if server.tls else "starttls" if server.starttls else "none"
    return {**shown, "configured": True, "host": server.host, "port": server.port, "tls": tls}


def _show_in_terminal(mail: RenderedMail) -> None:
    """To a person at the terminal, never into a file: mails hold codes, which no log may."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\n  mail to {mail.to}: {mail.subject}\n{mail.text}\n")
        sys.stderr.flush()
