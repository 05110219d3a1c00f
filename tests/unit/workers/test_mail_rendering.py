"""Every mail in every language: complete, translated, and with what people wrote kept as text."""

import string
from pathlib import Path
from typing import get_args

import pytest
import yaml

from ops.runtime.languages import LANGUAGES
from storage.models.alert_codes import ALERT_CODES
from storage.models.alerts import SEVERITIES, TellingKind
from storage.models.mails import Mail
from workers.mail.rendering import TEMPLATES_WITH_CODE, MailRenderer, RenderedMail, Unrenderable, message_id_of
from workers.mail.words import SOURCES, TEMPLATES, MailWords, load_words

PARTS = ("subject", "intro", "note")
RULES = Path(__file__).resolve().parents[3] / "ops/deploy/prometheus/rules"
CODES_OF_RULES = {
    rule["labels"]["code"]
    for path in RULES.glob("*.yml")
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
}
VALUES = {
    "name": "Ann Example",
    "minutes": "5",
    "ip": "203.0.113.9",
    "at": "2026-11-23T04:00:00Z",
    "company_name": "Example Trading",
    "inviter": "Bob Owner",
    "application_id": "app_1",
    "exchanges": "XNAS, BINANCE",
    "reason": "the licence is missing",
    "alert_id": "alt_1",
    "code": "margin.call",
    "severity": "critical",
    "state": "New",
    "title": "Margin call",
    "about": "acc_1",
    "message": "The equity of acc_1 is below its maintenance margin.",
    "count": "3",
    "runbook": "docs/operating.md#alert-margin-call",
}


@pytest.fixture(scope="module")
def words() -> MailWords:
    return load_words()


@pytest.fixture(scope="module")
def renderer(words: MailWords) -> MailRenderer:
    return MailRenderer(words, "omniaxs.example")


def a_mail(template: str, language: str = "en-US", **values: str) -> Mail:
    return Mail(
        outbox_id="challenges:chl_1:1",
        to="ann@example.com",
        template=template,
        language=language,
        values=VALUES | values,
        created_at=1,
        expires_at=2,
    )


def secrets_of(template: str) -> dict[str, str]:
    if template == "invitation":
        return {"token": "inv_" + "k" * 43}
    return {"code": "042137"} if template in TEMPLATES_WITH_CODE else {}


def rendered(renderer: MailRenderer, template: str, language: str = "en-US", **values: str) -> RenderedMail:
    return renderer.render(a_mail(template, language, **values), secrets_of(template))


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize("part", PARTS)
def test_every_mail_has_every_part_in_three_languages_that_differ(words: MailWords, template: str, part: str) -> None:
    texts = {language: words.of(language, f"mail.{template}.{part}") for language in LANGUAGES}
    assert len(set(texts.values())) == 3, texts


def test_there_are_no_other_words_and_what_all_mails_share_is_translated_too(words: MailWords) -> None:
    wanted = {f"mail.{template}.{part}" for template in TEMPLATES for part in PARTS}
    wanted |= {"mail.greeting", "mail.greeting.nameless", "mail.foot"}
    wanted |= {f"mail.alert.state.{kind}" for kind in get_args(TellingKind)}
    wanted |= {f"mail.alert.severity.{severity}" for severity in SEVERITIES}
    wanted |= {f"mail.alert.title.{code}" for code in {*ALERT_CODES, *CODES_OF_RULES}}
    assert set(SOURCES) == wanted
    for name in SOURCES:
        assert not {words.of(language, name) for language in ("zh-CN", "ja-JP")} & {SOURCES[name]}, name
    for name in ("mail.greeting", "mail.greeting.nameless", "mail.foot"):
        assert len({words.of(language, name) for language in LANGUAGES}) == 3


@pytest.mark.parametrize("name", SOURCES)
def test_a_translation_says_the_same_values(words: MailWords, name: str) -> None:
    def fields(text: str) -> set[str | None]:
        return {field for _, field, _, _ in string.Formatter().parse(text) if field is not None}

    for language in LANGUAGES:
        assert fields(words.of(language, name)) == fields(SOURCES[name]), language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("template", TEMPLATES)
def test_every_mail_renders_whole(renderer: MailRenderer, template: str, language: str) -> None:
    mail = rendered(renderer, template, language)
    secret = next(iter(secrets_of(template).values()), None)
    assert mail.code == secret
    assert mail.subject == load_words().of(mail.language, f"mail.{template}.subject").format_map(VALUES)
    assert "\n" not in mail.subject
    assert "{" not in mail.text
    assert f'<html lang="{language}">' in mail.html
    for body in (mail.text, mail.html):
        assert VALUES["name"] in body
        if secret is not None:
            assert secret in body
    assert "src=" not in mail.html, "no external images, no tracking"
    assert "http" not in mail.html
    assert "<script" not in mail.html


def test_what_people_wrote_is_text_and_not_markup(renderer: MailRenderer) -> None:
    mail = rendered(renderer, "invitation", name="<script>alert(1)</script>", inviter='"><img src=x onerror=y>')
    assert "<script" not in mail.html
    assert "<img" not in mail.html
    assert "&lt;script&gt;" in mail.html
    assert "<script>" in mail.text


@pytest.mark.parametrize("written", ["Ann\r\nBcc: all@example.com", "Ann\nSubject: x", "Ann\u2028x", "Ann\x00\x1bx"])
def test_a_line_feed_in_a_name_stays_in_its_line(renderer: MailRenderer, written: str) -> None:
    mail = rendered(renderer, "verification_code", name=written)
    greeting = mail.text.splitlines()[0]
    assert greeting.startswith("Hello Ann ")
    assert greeting.endswith(",")


@pytest.mark.parametrize(
    "written", ["evil.example.com", "https://evil.example", "me@evil.example", "www.evil.example/x"]
)
def test_a_name_is_no_link(renderer: MailRenderer, written: str) -> None:
    mail = rendered(renderer, "invitation", company_name=written)
    assert written not in mail.text
    assert written not in mail.html
    assert mail.text.replace("\u200b", "").count(written) == 1, "and reads as it was written"


@pytest.mark.parametrize(
    ("language", "greeting"), [("en-US", "Hello,"), ("zh-CN", "您好："), ("ja-JP", "こんにちは。")]
)
def test_whose_name_is_not_known_is_greeted_without_one(renderer: MailRenderer, language: str, greeting: str) -> None:
    mail = Mail(
        outbox_id="invitations:inv_1:1", to="bob@example.com", template="invitation", language=language,
        values={"company_name": "Example Trading", "inviter": "Ann"}, created_at=0, expires_at=1,
    )  # fmt: skip
    sent = renderer.render(mail, {"token": "inv_1.secret"})
    assert greeting in sent.text.splitlines()
    assert greeting in sent.html
    assert "bob" not in sent.text + sent.html


def test_a_company_with_a_point_is_called_by_its_name(renderer: MailRenderer) -> None:
    assert "Example Inc. & Co" in rendered(renderer, "invitation", company_name="Example Inc. & Co").text


def test_a_time_is_told_to_the_minute(renderer: MailRenderer) -> None:
    mail = rendered(renderer, "password_changed", at="2026-11-23T04:05:06.789012345Z")
    assert "from 203.0.113.9 at 2026-11-23 04:05 UTC." in mail.text


def test_a_long_name_is_cut(renderer: MailRenderer) -> None:
    assert len(rendered(renderer, "login_code", name="n" * 10_000).text) < 1_000


def test_braces_in_a_name_are_not_filled(renderer: MailRenderer) -> None:
    mail = rendered(renderer, "login_code", name="{code} {name.__class__}")
    assert mail.text.splitlines()[0].replace("\u200b", "") == "Hello {code} {name.__class__},"


def test_a_mail_that_lacks_a_value_names_it(renderer: MailRenderer) -> None:
    mail = a_mail("account_locked").model_copy(update={"values": {"name": "Ann", "minutes": "15"}})
    with pytest.raises(Unrenderable, match="account_locked has no value 'ip'"):
        renderer.render(mail, {})
    with pytest.raises(Unrenderable, match="login_code has no code"):
        renderer.render(a_mail("login_code"), {})


def test_the_same_mail_has_the_same_message_id() -> None:
    first = message_id_of("challenges:chl_1:1", "omniaxs.example")
    assert first == message_id_of("challenges:chl_1:1", "omniaxs.example")
    assert first != message_id_of("challenges:chl_1:2", "omniaxs.example")
    assert first.startswith("<")
    assert first.endswith("@omniaxs.example>")
    assert "chl_1" not in first
