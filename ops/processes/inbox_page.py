"""The inbox of `inbox://` on the ops port: `GET /inbox` as JSON, `GET /inbox.html` for people."""

import json
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from quart import Quart, Response

from workers.mail.rendering import RenderedMail
from workers.mail.transport import InboxTransport

_PAGE: Final = "inbox.html"
_HEADERS: Final = {"Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'"}  # fmt: skip


def add_inbox(app: Quart, inbox: InboxTransport) -> None:
    """Also show the mails: newest first, each with `to, subject, text, html, code` (and `message_id, language`)."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    page = environment.get_template(_PAGE)

    @app.get("/inbox")
    async def inbox_json() -> Response:
        body = json.dumps([_shown(mail) for mail in inbox.mails()], ensure_ascii=False)
        return Response(body, content_type="application/json", headers=_HEADERS)

    @app.get("/inbox.html")
    async def inbox_html() -> Response:
        body = page.render(mails=[_shown(mail) for mail in inbox.mails()])
        return Response(body, content_type="text/html; charset=utf-8", headers=_HEADERS)


def _shown(mail: RenderedMail) -> dict[str, Any]:
    return {
        "to": mail.to,
        "subject": mail.subject,
        "text": mail.text,
        "html": mail.html,
        "code": mail.code,
        "language": mail.language,
        "message_id": mail.message_id,
    }
