"""A mail of the outbox -> what is sent: subject, HTML and text in its language. What people call themselves stays text."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from ops.runtime.languages import Language
from storage.models.mails import Mail
from workers.mail.words import FOOT, GREETING, NAMELESS_GREETING, MailWords

_TEMPLATES: Final = Path(__file__).parent / "templates"
_LONGEST_VALUE: Final = 120
_LOOKS_LIKE_A_LINK: Final = re.compile(r"(?<=\w)([.@:/])(?=[\w/])")
_ZERO_WIDTH_SPACE: Final = "\u200b"
_CODES: Final = ("code", "token")
_MOMENT: Final = "at"
_TO_THE_MINUTE: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)[0-9:.]*Z")
_PEOPLE_WROTE: Final = frozenset({"name", "company_name", "inviter"})
TEMPLATES_WITH_CODE: Final = frozenset({"verification_code", "login_code", "password_reset_code", "invitation"})


class Unrenderable(Exception):
    """The mail lacks a value that its template needs; the text names it. No later try would do better."""


@dataclass(frozen=True, slots=True)
class RenderedMail:
    """What a transport sends. `message_id` is the same whenever the same mail is sent, `code` what its reader needs."""

    message_id: str
    to: str
    subject: str
    language: Language
    text: str
    html: str
    code: str | None


class MailRenderer:
    """Renders all templates in all languages; `domain` is the sender's."""

    def __init__(self, words: MailWords, domain: str) -> None:
        self._words, self._domain = words, domain
        environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
        )
        self._html, self._text = environment.get_template("mail.html"), environment.get_template("mail.txt")

    def render(self, mail: Mail, secrets: Mapping[str, str]) -> RenderedMail:
        """The mail as it is sent. `secrets` is what was sealed. Raises `Unrenderable`."""
        values = {name: _plain(name, value) for name, value in {**mail.values, **secrets}.items()}
        code = next((values[name] for name in _CODES if name in secrets), None)

        def say(name: str) -> str:
            try:
                return self._words.of(mail.language, name).format_map(values)
            except KeyError as missing:
                raise Unrenderable(f"{mail.template} has no value {missing} for {name}") from None

        fields = {
            "language": mail.language,
            "subject": say(f"mail.{mail.template}.subject"),
            "greeting": say(GREETING if "name" in values else NAMELESS_GREETING),
            "intro": say(f"mail.{mail.template}.intro"),
            "code": code,
            "note": say(f"mail.{mail.template}.note"),
            "foot": say(FOOT),
        }
        if code is None and mail.template in TEMPLATES_WITH_CODE:
            raise Unrenderable(f"{mail.template} has no code or token")
        return RenderedMail(
            message_id=message_id_of(mail.outbox_id, self._domain),
            to=mail.to,
            subject=str(fields["subject"]),
            language=mail.language,
            text=self._text.render(fields),
            html=self._html.render(fields),
            code=code,
        )


def message_id_of(outbox_id: str, domain: str) -> str:
    """The Message-ID (RFC 5322, 3.6.4) of a mail: the same at each try, so that whoever gets it twice can tell."""
    return f"<{hashlib.sha256(outbox_id.encode()).hexdigest()[:32]}@{domain}>"


def _plain(name: str, value: str) -> str:
    """One line of bounded length; what people wrote is no link either, or our mails would carry theirs."""
    line = " ".join("".join(_visible(character) for character in value).split())
    if name == _MOMENT:
        return _TO_THE_MINUTE.sub(r"\1 \2 UTC", line)
    if name not in _PEOPLE_WROTE:
        return line
    shown = line if len(line) <= _LONGEST_VALUE else line[: _LONGEST_VALUE - 1] + "…"
    return _LOOKS_LIKE_A_LINK.sub(rf"\1{_ZERO_WIDTH_SPACE}", shown)


def _visible(character: str) -> str:
    """Control and format characters (line feeds, right-to-left overrides) become spaces."""
    return " " if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} else character
