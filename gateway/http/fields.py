"""Bodies of writes: read field by field, unknown fields refused, every problem reported at once. Pure."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import islice
from typing import Any, Final

from ops.runtime.errors import HubError
from storage.models.emails import normalised
from storage.models.money import LONGEST_NUMBER, parse_number

LONGEST_TEXT: Final = 128
MOST_UNKNOWN: Final = 32
"""Unknown fields that are named: a body of thousands of them is not worth an answer twenty times its size."""
LONGEST_ADDRESS: Final = 254
AN_ADDRESS: Final = f"an e-mail address of at most {LONGEST_ADDRESS} characters"
A_PASSWORD: Final = f"a string of 1 to {LONGEST_TEXT} characters"
A_NUMBER: Final = f'a string with a decimal number above 0, e.g. "0.25", at most {LONGEST_NUMBER} characters'
A_CODE: Final = "a string of 6 digits"
_CODE: Final = re.compile(r"[0-9]{6}")
AN_AMOUNT: Final = f'a string with a decimal number of at least 0, e.g. "1000000", at most {LONGEST_NUMBER} characters'
LONGEST_PROSE: Final = 2_000
MOST_TEXTS: Final = 64
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_PROSE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Mc", "Me", "Mn", "Zl", "Zp", "Zs"})
"""Unicode categories of what shows nothing by itself: controls, formats (zero width), marks, spaces."""
_BLANK_LETTERS: Final = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Fillers of Hangul and the empty Braille cell: letters and symbols by their category, and nothing to see."""


class BodyReader:
    """Reads the fields of one JSON object. What is absent or was refused is None; `finish` raises one `request.invalid`
    that names every bad field. `null` is a value, and refused unless a field says otherwise.
    """

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._body = body
        self._known: dict[str, None] = {}
        self.problems: list[dict[str, str]] = []

    def refuse(self, name: str, reason: str, expected: str) -> None:
        """Note a problem."""
        self.problems.append({"name": name, "reason": reason, "expected": expected})

    def has(self, name: str) -> bool:
        """Whether the field was sent."""
        return name in self._body

    def text(
        self, name: str, *, required: bool = False, nullable: bool = False, least: int = 1, most: int = LONGEST_TEXT
    ) -> str | None:
        """A text of `least` to `most` characters, none of them a control character: those cannot be asked for by a path."""
        expected = _a_text(least, most)
        value = self._value(name, expected, required=required)
        if value is None or value is _ABSENT or isinstance(value, str):
            return self._sized(name, value, expected, nullable=nullable, least=least, most=most)
        self.refuse(name, "not a string", expected)
        return None

    def name(self, name: str, *, most: int = LONGEST_TEXT) -> str | None:
        """What people call themselves: a text as above, in which something can be seen; it must be there."""
        expected = (
            f"a string of 1 to {most} characters, one of them at least a visible one, none of them a control character"
        )
        value = self._value(name, expected, required=True)
        if isinstance(value, str) and not any(_is_visible(character) for character in value):
            self.refuse(name, "empty", expected)
        elif isinstance(value, str):
            return self._sized(name, value, expected, nullable=False, least=1, most=most)
        elif value is not _ABSENT:
            self.refuse(name, "not a string", expected)
        return None

    def email(self, name: str) -> str | None:
        """An e-mail address, normalised; it must be there."""
        value = self._value(name, AN_ADDRESS, required=True)
        if value is _ABSENT:
            return None
        if isinstance(value, str) and len(value) <= LONGEST_ADDRESS:
            try:
                return normalised(value)
            except ValueError:
                self.refuse(name, "not an e-mail address", AN_ADDRESS)
                return None
        self.refuse(name, "too long" if isinstance(value, str) else "not a string", AN_ADDRESS)
        return None

    def password(self, name: str) -> str | None:
        """Whatever a person typed as a password: any characters, as they are; it must be there. Not a rule for new ones."""
        value = self._value(name, A_PASSWORD, required=True)
        if value is _ABSENT:
            return None
        if isinstance(value, str) and 1 <= len(value) <= LONGEST_TEXT:
            return value
        self.refuse(name, "not a string" if not isinstance(value, str) else "empty or too long", A_PASSWORD)
        return None

    def opaque(self, name: str, most: int, *, required: bool = False, nullable: bool = False) -> str | None:
        """A text of 1 to `most` characters, whichever they are; what was sent is not repeated."""
        expected = f"a string of 1 to {most} characters"
        value = self._value(name, expected, required=required)
        if value is _ABSENT or (value is None and nullable):
            return None
        if isinstance(value, str) and 1 <= len(value) <= most:
            return value
        self.refuse(name, "not a string" if not isinstance(value, str) else "empty or too long", expected)
        return None

    def code(self, name: str) -> str | None:
        """A one-time code; it must be there. What was sent is not repeated."""
        value = self._value(name, A_CODE, required=True)
        if value is _ABSENT:
            return None
        if isinstance(value, str) and _CODE.fullmatch(value):
            return value
        self.refuse(name, "not a code", A_CODE)
        return None

    def number(self, name: str) -> str | None:
        """A decimal number above 0, as a string in the contract's form."""
        value = self._value(name, A_NUMBER)
        if value is _ABSENT:
            return None
        parsed = parse_number(value) if isinstance(value, str) else None
        if parsed is None:
            self.refuse(name, "not a decimal number in a string", A_NUMBER)
        elif parsed <= 0:
            self.refuse(name, "not above 0", A_NUMBER)
        else:
            return str(value)
        return None

    def amount(self, name: str) -> str | None:
        """A decimal number of at least 0, as a string in the contract's form."""
        value = self._value(name, AN_AMOUNT)
        if value is _ABSENT:
            return None
        parsed = parse_number(value) if isinstance(value, str) else None
        if parsed is not None and parsed >= 0:
            return str(value)
        self.refuse(name, "not a decimal number in a string" if parsed is None else "below 0", AN_AMOUNT)
        return None

    def prose(self, name: str) -> str | None:
        """What somebody wrote, of at most `LONGEST_PROSE` characters: line feeds and tabs are its only control characters."""
        expected = (
            f"a string of at most {LONGEST_PROSE} characters, without control characters other than line feeds and tabs"
        )
        value = self._value(name, expected)
        if value is _ABSENT:
            return None
        if not isinstance(value, str):
            self.refuse(name, "not a string", expected)
        elif len(value) > LONGEST_PROSE:
            self.refuse(name, "too long", expected)
        elif _CONTROL_IN_PROSE.search(value):
            self.refuse(name, "a control character in it", expected)
        else:
            return value
        return None

    def texts(self, name: str, *, required: bool = False, least: int = 1, most: int = MOST_TEXTS) -> list[str]:
        """An array of `least` to `most` texts of 1 to 128 characters, each once, in their order; empty where it is absent."""
        expected = f"an array of {least} to {most} strings of 1 to {LONGEST_TEXT} characters"
        value = self._value(name, expected, required=required)
        if value is _ABSENT:
            return []
        if not isinstance(value, list) or not all(_is_text(one) for one in value):
            self.refuse(name, "not an array of strings", expected)
        elif not least <= len(value) <= most:
            self.refuse(name, "too many" if value else "empty", expected)
        else:
            return list(dict.fromkeys(value))
        return []

    def choice(self, name: str, choices: Sequence[str], *, required: bool = False) -> str | None:
        """One of `choices`."""
        expected = _one_of(tuple(choices))
        value = self._value(name, expected, required=required)
        if value is _ABSENT:
            return None
        if isinstance(value, str) and value in choices:
            return value
        self.refuse(name, "not one of the known values", expected)
        return None

    def flag(self, name: str) -> bool:
        """true or false; false when absent."""
        value = self._value(name, "true or false")
        if value is _ABSENT or isinstance(value, bool):
            return value is True
        self.refuse(name, "not a boolean", "true or false")
        return False

    def whole(self, name: str, least: int, most: int, *, required: bool = True, nullable: bool = False) -> int | None:
        """A whole JSON number from `least` to `most`."""
        expected = f"a whole number from {least} to {most}"
        value = self._value(name, expected, required=required)
        if value is _ABSENT or (value is None and nullable):
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse(name, "not a whole number", expected)
        elif not least <= value <= most:
            self.refuse(name, "out of range", expected)
        else:
            return value
        return None

    def array(self, name: str, *, required: bool = False) -> list[Any] | None:
        """An array, of whatever it holds."""
        value = self._value(name, "an array", required=required)
        if isinstance(value, list):
            return value
        if value is not _ABSENT:
            self.refuse(name, "not an array", "an array")
        return None

    def mapping(self, name: str) -> dict[str, Any] | None:
        """A JSON object, of whatever it holds."""
        value = self._value(name, "an object")
        if isinstance(value, dict):
            return value
        if value is not _ABSENT:
            self.refuse(name, "not an object", "an object")
        return None

    def finish(self) -> None:
        """Raises `request.invalid` when a problem was noted, or a field was sent that nobody asked for."""
        if self.problems or not self._body.keys() <= self._known.keys():
            raise HubError("request.invalid", {"fields": self.all_problems()})

    def all_problems(self) -> list[dict[str, str]]:
        """What was noted, and every field that was sent and nobody asked for (the first 32): of an object within another one."""
        expected = "one of " + ", ".join(self._known)
        unknown = islice((name for name in self._body if name not in self._known), MOST_UNKNOWN)
        return self.problems + [
            {"name": name[:LONGEST_TEXT], "reason": "unknown field", "expected": expected} for name in unknown
        ]

    def _value(self, name: str, expected: str, *, required: bool = False) -> Any:
        self._known[name] = None
        value = self._body.get(name, _ABSENT)
        if value is _ABSENT and required:
            self.refuse(name, "missing", expected)
        return value

    def _sized(self, name: str, value: Any, expected: str, *, nullable: bool, least: int, most: int) -> str | None:
        if value is _ABSENT or (value is None and nullable):
            return None
        if value is None:
            self.refuse(name, "null", expected)
        elif not least <= len(value) <= most:
            self.refuse(name, _out_of(len(value), most), expected)
        elif not value.isprintable() and CONTROL.search(value):
            self.refuse(name, "a control character in it", expected)
        else:
            return str(value)
        return None


def no_fields(body: Mapping[str, Any]) -> None:
    """A body without any field. Raises `request.invalid`."""
    BodyReader(body).finish()


@cache
def _a_text(least: int, most: int) -> str:
    return f"a string of {least} to {most} characters, none of them a control character"


@cache
def _one_of(choices: tuple[str, ...]) -> str:
    return "one of " + ", ".join(choices)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= LONGEST_TEXT and CONTROL.search(value) is None


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in _INVISIBLE and character not in _BLANK_LETTERS


def _out_of(length: int, most: int) -> str:
    if length > most:
        return "too long"
    return "too short" if length else "empty"


_ABSENT: Final = object()
