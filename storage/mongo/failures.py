"""What goes wrong between us and the database, in words that callers outside this folder can catch."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Final, ParamSpec, TypeVar

from pymongo.errors import ConnectionFailure, ExecutionTimeout

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Repository = TypeVar("Repository")
REPLACE_TRIES: Final = 20
"""How often a write is tried that counts only where nobody else has written since: each failed try is another's success, and
twenty in a row are more writers of one document than there are.
"""


class StoreUnavailable(Exception):
    """The database cannot be reached or used; the text says why (and `ping` also where) in one readable line."""


class WriteRefused(Exception):
    """The database answered, but did not take a document; the text names the collection, the document and the reason."""


class AlreadyStored(Exception):
    """A document with that identity is there already."""

    def __init__(self, collection: str, identity: str) -> None:
        super().__init__(f"{collection} already holds {identity!r}")
        self.collection, self.identity = collection, identity


def first_reason(error: Exception) -> str:
    """The part of a driver's error that tells a person something: one line, without the topology's description."""
    line = (str(error) or type(error).__name__).splitlines()[0]
    return line.split(", Timeout:", maxsplit=1)[0].split(" (configured timeouts", maxsplit=1)[0]


def store_unavailable(call: Callable[Parameters, Awaitable[Result]]) -> Callable[Parameters, Awaitable[Result]]:
    """Decorator of a coroutine function: `StoreUnavailable` where the driver could not reach the server."""

    @functools.wraps(call)
    async def translated(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        try:
            return await call(*arguments, **named)
        except (ConnectionFailure, ExecutionTimeout) as error:
            raise StoreUnavailable(f"the database does not answer: {first_reason(error)}") from error

    return translated


def repository(kind: type[Repository]) -> type[Repository]:
    """Class decorator: every public coroutine method raises `StoreUnavailable` as `store_unavailable` says."""
    for name, member in list(vars(kind).items()):
        if not name.startswith("_") and inspect.iscoroutinefunction(member):
            setattr(kind, name, store_unavailable(member))
    return kind
