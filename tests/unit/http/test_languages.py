"""Every message in three languages, and which one a caller gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.errors import CATALOGUE, HubError
from ops.runtime.languages import LANGUAGES, Languages, load_languages, negotiate, sources


@pytest.fixture(scope="module")
def languages() -> Languages:
    return load_languages()


@pytest.mark.parametrize("context", sources())
def test_every_message_is_translated_and_differs_from_english(languages, context):
    english = languages.messages["en-US"][context]
    for language in ("zh-CN", "ja-JP"):
        translated = languages.messages[language][context]
        assert translated != english
        assert not translated.isascii()
    assert languages.messages["zh-CN"][context] != languages.messages["ja-JP"][context]


@pytest.mark.parametrize("context", [context for context, text in sources().items() if "{" in text])
def test_braces_are_kept_in_every_language(languages, context):
    braces = sources()[context].split("{")[1].split("}")[0]
    assert all("{" + braces + "}" in languages.messages[language][context] for language in LANGUAGES)


@pytest.mark.parametrize(
    ("header", "profile", "language"),
    [
        (None, None, "en-US"),
        (None, "ja-JP", "ja-JP"),
        ("", "zh-CN", "zh-CN"),
        (None, "fr-FR", "en-US"),
        ("ja-JP", None, "ja-JP"),
        ("ja,en-US;q=0.9,en;q=0.8", None, "ja-JP"),
        ("en-GB,en;q=0.9,ja;q=0.8", None, "en-US"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "ja-JP", "zh-CN"),
        ("zh-Hant-TW,zh;q=0.9,en-US;q=0.8", None, "zh-CN"),
        ("de-DE,de;q=0.9,en;q=0.3,ja;q=0.6", None, "ja-JP"),
        ("fr-CH, fr;q=0.9, de;q=0.7, *;q=0.5", "ja-JP", "ja-JP"),
        ("de, fr;q=0.5", "zh-CN", "zh-CN"),
        ("ja;q=0, en;q=0.1", None, "en-US"),
        ("en;q=0, *;q=0.1", None, "zh-CN"),
        ("*", None, "en-US"),
        ("JA", None, "ja-JP"),
        ("ja;q=oops, zh;q=0.2", None, "zh-CN"),
        (";;;,,,=", None, "en-US"),
        ("en-US;q=0.5, ja-JP;q=0.5", None, "en-US"),
        ("ja-JP;q=0.5, en-US;q=0.5", None, "ja-JP"),
    ],
)
def test_negotiation(header, profile, language):
    assert negotiate(header, profile) == language


@given(header=st.text(max_size=2000))
def test_any_header_gives_a_language(header):
    assert negotiate(header) in LANGUAGES


def test_messages_are_filled_from_the_details(languages):
    error = HubError("auth.scope_missing", {"scope": "stream"})
    assert "stream" in languages.error(error, "ja-JP")
    assert "{scope}" in languages.error(HubError("auth.scope_missing"), "en-US")


def test_catalogue_is_well_formed():
    for code, kind in CATALOGUE.items():
        area, _, reason = code.partition(".")
        assert area
        assert reason
        assert 400 <= kind.status <= 599
        assert kind.message.endswith(".")
        assert kind.help.endswith(".")
        assert "\n" not in kind.help
