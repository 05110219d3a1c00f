"""Why a field is refused, in English: what `details.fields[].reason` may say. Translated as messages are (languages.py). Pure.

What stands in braces is the caller's own word, repeated as it is.
"""

import re
from typing import Final

CONTEXT: Final = "reason: "
"""What the context of a reason begins with in the catalogues; its English follows."""
REASONS: Final[tuple[str, ...]] = (
    "missing",
    "unknown field",
    "null",
    "empty",
    "empty or too long",
    "too short",
    "too long",
    "too large",
    "too many",
    "too many parameters",
    "given more than once",
    "a control character in it",
    "not valid UTF-8",
    "not a string",
    "not a boolean",
    "not an array",
    "not an array of strings",
    "not an object",
    "not a whole number",
    "not a whole number in that range",
    "out of range",
    "not one of the known values",
    "not a decimal number in a string",
    "not such a number",
    "not above 0",
    "below 0",
    "not an e-mail address",
    "not a code",
    "its codes are made by the person's own device",
    "one of the commonest passwords",
    "contains the e-mail address",
    "no such scope: {value}",
    "not an address or network: {value}",
    "an address with a zone, which is another on each machine",
    "unknown: {value}",
    "not a known country or region",
    "not the code of a currency",
    "not an asset class",
    "not a date",
    "not after start",
    "not an RFC 3339 date-time with Z or an offset",
    "no such time of day",
    "an empty symbol",
    "{value} symbols",
    "not order ids",
    "not an id",
    "not the id of the path",
    "not such an array",
    "reserved",
    "given beside notional",
    "given for a {value} order",
    "given with {value}",
    "the target is missing",
    "there is no {value}",
    "a halt of the platform has no target, not {value}",
)
_KNOWN: Final = frozenset(REASONS)
_WITH_VALUE: Final = tuple(
    (re.compile(re.escape(reason).replace(r"\{value\}", "(.*)"), re.DOTALL), reason)
    for reason in REASONS
    if "{value}" in reason
)


def sources() -> dict[str, str]:
    """Every reason by its context."""
    return {CONTEXT + reason: reason for reason in REASONS}


def parsed(text: str) -> tuple[str, str] | None:
    """The context of a reason as it was given, and its value ("" where it has none); None for one that is not known."""
    if text in _KNOWN:
        return CONTEXT + text, ""
    for form, reason in _WITH_VALUE:
        match = form.fullmatch(text)
        if match is not None:
            return CONTEXT + reason, match[1]
    return None
