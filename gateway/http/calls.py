"""What a handler is given, and what it gives back: between the edge and a feature's handlers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from gateway.callers import Caller, Principal
from gateway.http.answer import Field
from gateway.http.query import Query
from ops.runtime.errors import HubError
from ops.runtime.languages import Language


@dataclass(frozen=True, slots=True)
class PublicCall:
    """What a handler without a caller gets: `now` is the arrival in nanoseconds since the epoch."""

    query: Query
    now: int
    language: Language


class SignedCall(msgspec.Struct, frozen=True):
    """What a handler gets once signature, scope and limit have let the request through.

    `path` are the parameters of the route, `raw_path` the path as it was sent; `headers` all request headers by
    lower-case name; `idempotency_key` is "" where none was sent (never on a signed write). `effect_id` as in `BearerCall`,
    "" where none is kept (reads, and writes that become commands).
    """

    query: Query
    now: int
    language: Language
    caller: Caller
    method: str
    raw_path: str
    path: Mapping[str, str]
    body: bytes
    idempotency_key: str
    headers: Mapping[bytes, bytes]
    trace_id: str
    effect_id: str = ""

    def header(self, name: bytes) -> str | None:
        """A request header as latin-1 text, None when absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class OpenCall:
    """What a handler of a write without credentials gets. `now` is the arrival in nanoseconds since the epoch;
    `accept_language` the header as it was sent, for a mail whose receiver's language is known later.
    """

    query: Query
    now: int
    language: Language
    client_ip: str
    user_agent: str
    trace_id: str
    operation: str
    accept_language: str | None = None


@dataclass(frozen=True, slots=True)
class BearerCall:
    """What a handler gets once token, role and limit have let the request through. `path` are the route's parameters.

    `effect_id` is the same for every try of one write that carries an `Idempotency-Key`, also after a crash, and a new one
    where it carries none ("" of a read): derive from it the ids of whatever is made, so that a second try finds what the
    first one has made and answers the same. `idempotency_key` is "" where none was sent. `now` is the arrival of this try.
    """

    query: Query
    now: int
    language: Language
    principal: Principal
    path: Mapping[str, str]
    client_ip: str
    user_agent: str
    trace_id: str
    effect_id: str
    idempotency_key: str
    headers: Mapping[bytes, bytes]
    operation: str = ""

    def header(self, name: bytes) -> str | None:
        """A request header as latin-1 text, None when absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class FirstAnswer(NamedTuple):
    """Under which trace and in which language a request was answered first, so that a repeat has the same bytes."""

    trace_id: str
    language: Language


class Reply(NamedTuple):
    """The JSON of `data` with header fields of its own (names in lower case); `first` where it is the answer of before.

    `secret`: the answer shows a secret, so that it is sealed where it is kept for repeats.
    """

    data: bytes
    fields: tuple[Field, ...] = ()
    first: FirstAnswer | None = None
    secret: bool = False


class Refusal(HubError):
    """A `HubError` with header fields of its own; `first` and `upstream_code` (the venue's own code) where there are any."""

    def __init__(
        self,
        code: str,
        details: Mapping[str, Any] | None = None,
        *,
        fields: tuple[Field, ...] = (),
        first: FirstAnswer | None = None,
        upstream_code: str | None = None,
    ) -> None:
        super().__init__(code, details)
        self.fields = fields
        self.first = first
        self.upstream_code = upstream_code


PublicHandler = Callable[[PublicCall], Awaitable[bytes]]
SignedHandler = Callable[[SignedCall], Awaitable[bytes | Reply]]
WriteHandler = Callable[[SignedCall, dict[str, Any]], Awaitable[bytes | Reply]]
"""Given the call and its body, one JSON object."""
OpenHandler = Callable[[OpenCall, dict[str, Any]], Awaitable[bytes | Reply]]
"""Given the call and its body, one JSON object."""
BearerHandler = Callable[[BearerCall], Awaitable[bytes | Reply]]
BearerWrite = Callable[[BearerCall, dict[str, Any]], Awaitable[bytes | Reply]]
"""Given the call and its body, one JSON object ({} where none was sent)."""
Weigh = Callable[[str], int]
"""What one read costs, given its raw query."""
Cost = Callable[[Mapping[str, Any]], int]
"""What one write costs, given its body."""
