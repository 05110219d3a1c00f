"""The three languages: which one a caller gets, and what our messages say in it.

Messages stand in English in the code; the other languages are Babel catalogues in `ops/runtime/locale/`, read once when
`load_languages` is called. A message is found by its context (an error's code, `label.<name>`) and its English text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, Literal

from babel.messages.pofile import read_po
from werkzeug.http import parse_accept_header

from ops.runtime import field_reasons
from ops.runtime.errors import CATALOGUE, HubError

Language = Literal["en-US", "zh-CN", "ja-JP"]
LANGUAGES: Final[tuple[Language, ...]] = ("en-US", "zh-CN", "ja-JP")
DEFAULT_LANGUAGE: Final[Language] = "en-US"
LABELS: Final[Mapping[str, str]] = {
    "label.status.operational": "All systems operational",
    "label.status.degraded": "Some systems are degraded",
    "label.status.outage": "Service outage",
    "label.waitlist.submitted": "Submitted successfully",
    "label.application.submitted": "Submitted",
    "label.application.reviewing": "Under review",
    "label.application.approved": "Approved",
    "label.application.rejected": "Rejected",
    "label.application.provisioning": "Being set up",
    "label.application.active": "Active",
    "label.binding.pending": "Pending",
    "label.binding.active": "Active",
    "label.binding.failed": "Failed",
    "label.binding.suspended": "Suspended",
}
_BY_PRIMARY_TAG: Final[Mapping[str, Language]] = {language[:2]: language for language in LANGUAGES}
_FOLDER: Final = Path(__file__).parent / "locale"
_LONGEST_HEADER: Final = 512


class _KeepUnknown(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return "{" + name + "}"


@dataclass(frozen=True, slots=True)
class Languages:
    """All messages of all languages, by language and context."""

    messages: Mapping[Language, Mapping[str, str]]

    def error(self, error: HubError, language: Language) -> str:
        """The message of a refusal, its braces filled from the details."""
        template = self.messages[language][error.code]
        return template.format_map(_KeepUnknown(error.details or {})) if "{" in template else template

    def label(self, name: str, language: Language) -> str:
        """A label's text; `name` is a key of `LABELS`."""
        return self.messages[language][name]

    def details(self, details: Mapping[str, Any] | None, language: Language) -> Mapping[str, Any] | None:
        """The details of a refusal with the reason of each of its `fields` in that language. What is no reason of ours, and
        whatever else they say, stays as it is.
        """
        fields = None if details is None or language == DEFAULT_LANGUAGE else details.get("fields")
        if details is None or not isinstance(fields, list):
            return details
        return {**details, "fields": [self._field(field, language) for field in fields]}

    def _field(self, field: Any, language: Language) -> Any:
        reason = field.get("reason") if isinstance(field, dict) else None
        known = field_reasons.parsed(reason) if isinstance(reason, str) else None
        if known is None:
            return field
        context, value = known
        return {**field, "reason": self.messages[language][context].replace("{value}", value)}

    def of_code(self, code: str) -> dict[str, str]:
        """The message template of an error code in every language."""
        return {language: self.messages[language][code] for language in LANGUAGES}


def sources() -> dict[str, str]:
    """Every English message that needs a translation, by its context."""
    return {**{code: kind.message for code, kind in CATALOGUE.items()}, **LABELS, **field_reasons.sources()}


def catalogue_path(language: Language) -> Path:
    """The Babel catalogue of a language other than English."""
    return _FOLDER / language.replace("-", "_") / "LC_MESSAGES" / "messages.po"


@cache
def load_languages() -> Languages:
    """Read all catalogues, once a process. Raises `ValueError`, naming file and message, where a translation is missing or outdated."""
    english = sources()
    messages: dict[Language, Mapping[str, str]] = {DEFAULT_LANGUAGE: english}
    for language in LANGUAGES:
        if language != DEFAULT_LANGUAGE:
            messages[language] = _translations(language, english)
    return Languages(messages)


def _translations(language: Language, english: Mapping[str, str]) -> dict[str, str]:
    path = catalogue_path(language)
    with path.open("rb") as file:
        catalogue = read_po(file, locale=language.replace("-", "_"))
    found = {}
    for context, text in english.items():
        message = catalogue.get(text, context=context)
        if message is None or not message.string or message.fuzzy:
            raise ValueError(f"{path.name} of {language} has no translation of {context!r}: {text!r}")
        found[context] = str(message.string)
    return found


def negotiate(accept_language: str | None, profile: str | None = None) -> Language:
    """The language of an answer: the best of an `Accept-Language` header by q-values (RFC 9110, 12.5.4; any region of
    a language counts, so `ja` and `zh-TW` do), then the caller's own `profile`, then en-US.
    """
    preferred = profile if profile in LANGUAGES else DEFAULT_LANGUAGE
    if not accept_language:
        return preferred
    if len(accept_language) > _LONGEST_HEADER:
        accept_language = accept_language[:_LONGEST_HEADER].rpartition(",")[0]
    return _negotiated(accept_language, preferred)


@lru_cache(maxsize=1024)
def _negotiated(accept_language: str, preferred: Language) -> Language:
    accepted: dict[str, float] = {}
    for value, quality in parse_accept_header(accept_language):
        primary = value.replace("_", "-").partition("-")[0].lower()
        accepted[primary] = max(quality, accepted.get(primary, 0.0))
    named = [_BY_PRIMARY_TAG[tag] for tag in accepted if tag in _BY_PRIMARY_TAG]
    anything = accepted.get("*", 0.0)
    qualities = {language: accepted.get(language[:2], anything) for language in (*named, preferred, *LANGUAGES)}
    best = max(qualities, key=lambda language: qualities[language])  # the first of equals: as the caller ordered them
    return best if qualities[best] > 0 else preferred
