"""A refusal before it has become an event: a stable code and the figures that it rests on. Pure."""

from typing import Any, NamedTuple


class Denial(NamedTuple):
    """`details` has the offending figure, what it was held against and, where they matter, the instrument's increments."""

    code: str
    details: dict[str, Any]
