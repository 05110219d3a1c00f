"""Countries and regions by what people call them: ISO 3166-1 codes, and names in English, Chinese and Japanese."""

import gettext
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

import pycountry
from babel import Locale
from babel.core import get_global

_LANGUAGES: Final = {"en": None, "zh": "zh_CN", "ja": "ja"}
"""Babel's name of each language, and that of its translations in pycountry."""
_USER_ASSIGNED: Final = ("XK",)
"""Kosovo: in general use, and in databases of addresses, but never assigned by ISO 3166-1."""


@dataclass(frozen=True, slots=True)
class Countries:
    """All countries and regions; `codes` are alpha-2 codes by every name that a library knows, in a form to compare by."""

    codes: Mapping[str, str]

    def code_of(self, text: str) -> str | None:
        """The alpha-2 code of `text`, which is a code of two or three letters or a name; None for one that nobody knows.

        Case, width, accents on Latin letters, blanks and punctuation do not matter.
        """
        return self.codes.get(_comparable(text))


@cache
def load_countries() -> Countries:
    """Read the names (some 50 ms), once a process. A code counts before a name, and English before other languages."""
    codes: dict[str, str] = {}
    for name, code in _names():
        codes.setdefault(_comparable(name), code)
    return Countries(codes)


def _names() -> Iterator[tuple[str, str]]:
    formal = [(name, country.alpha_2) for country in pycountry.countries for name in _formal_names(country)]
    known = (*(country.alpha_2 for country in pycountry.countries), *_USER_ASSIGNED)
    yield from zip(known, known, strict=True)
    yield from _aliases(known)
    for language, translations in _LANGUAGES.items():
        territories = Locale(language).territories
        yield from ((territories[code], code) for code in known)
        translated = _translation(translations)
        yield from ((translated(name), code) for name, code in formal)


def _aliases(known: Collection[str]) -> Iterator[tuple[str, str]]:
    """Codes of three letters, and codes of two that are in use for, or have become, one country (`UK`)."""
    for alias, codes in get_global("territory_aliases").items():
        if alias.isalpha() and len(codes) == 1 and codes[0] in known:
            yield alias, codes[0]


def _formal_names(country: object) -> list[str]:
    """Not every country has all three."""
    fields: Mapping[str, str] = dict(country)  # type: ignore[call-overload]
    return [fields[name] for name in ("name", "official_name", "common_name") if name in fields]


def _translation(language: str | None) -> Callable[[str], str]:
    if language is None:
        return str
    return gettext.translation("iso3166-1", pycountry.LOCALES_DIR, [language]).gettext


def _comparable(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(_plain(character) for character in folded if character.isalnum())


def _plain(character: str) -> str:
    """A Latin letter without its accent; what is no Latin letter stays (in Japanese the marks are part of the letter)."""
    base = unicodedata.normalize("NFD", character)[0]
    return base if base.isascii() else character
