"""Query strings: parsed strictly once, read field by field, every problem reported at once. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl

from ops.runtime.errors import HubError

MOST_PARAMETERS: Final = 64
_CACHED_LENGTH: Final = 256
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")

Query = Mapping[str, str]


def invalid(name: str, reason: str, expected: str) -> HubError:
    """The refusal of one field."""
    return HubError("request.invalid", {"fields": [{"name": name, "reason": reason, "expected": expected}]})


def parse_query(raw: str) -> Query:
    """The parameters of a raw query string (without `?`), by name.

    Raises `request.invalid` for what is not UTF-8, for a parameter given twice and for more than 64 parameters.
    """
    return _parsed_before(raw) if len(raw) <= _CACHED_LENGTH else _parsed(raw)


def _parsed(raw: str) -> Query:
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise invalid("query", "not valid UTF-8", "percent-encoded UTF-8") from None
    except ValueError:
        raise invalid("query", "too many parameters", f"at most {MOST_PARAMETERS}") from None
    query = dict(pairs)
    if len(query) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise invalid(twice, "given more than once", "one value")
    return query


_parsed_before = lru_cache(maxsize=2048)(_parsed)


@dataclass(slots=True)
class QueryReader:
    """Reads the parameters of one request; `finish` raises one `request.invalid` that names every bad one."""

    query: Query
    problems: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, name: str, reason: str, expected: str) -> None:
        """Note a problem."""
        self.problems.append({"name": name, "reason": reason, "expected": expected})

    def text(self, name: str) -> str | None:
        """A free text, None when absent."""
        return self.query.get(name)

    def required(self, name: str, expected: str) -> str:
        """A text that must be there and not be empty; "" (and a problem) otherwise."""
        value = self.query.get(name)
        if value:
            return value
        self.refuse(name, "missing" if value is None else "empty", expected)
        return ""

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """One of `choices`, None when absent."""
        value = self.query.get(name)
        if value is not None and value not in choices:
            self.refuse(name, "not one of the known values", "one of " + ", ".join(choices))
            return None
        return value

    def whole(self, name: str, least: int, most: int, default: int) -> int:
        """A whole number from `least` to `most`; `default` when absent."""
        value = self.query.get(name)
        if value is None:
            return default
        expected = f"a whole number from {least} to {most}"
        if _WHOLE.fullmatch(value) is None:
            self.refuse(name, "not a whole number", expected)
            return default
        if not least <= int(value) <= most:
            self.refuse(name, "out of range", expected)
            return default
        return int(value)

    def finish(self) -> None:
        """Raises `request.invalid` when a problem was noted."""
        if self.problems:
            raise HubError("request.invalid", {"fields": self.problems})
