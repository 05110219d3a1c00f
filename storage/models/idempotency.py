"""What one write with an `Idempotency-Key` was and came to, so that a repeat gets its answer. Pure. Times are nanoseconds."""

from typing import Final, Literal

import msgspec

KEPT_SECONDS: Final = 24 * 3_600
LEASE_SECONDS: Final = 10


class KeptAnswer(msgspec.Struct, frozen=True):
    """A decided answer: `body` as it was sent, or `sealed` by the key ring where it shows a secret, under the trace and in
    the language of the first try; `fields` are header fields of its own; `code` is `ok` or the refusal's.
    """

    status: int
    code: str
    body: bytes | None
    sealed: str | None
    fields: tuple[tuple[str, str], ...]
    trace_id: str
    language: str


class IdempotencyRecord(msgspec.Struct, frozen=True):
    """One (actor, method, path, key). `body_hash` is a keyed hash, since bodies may hold passwords and codes.

    `effect_id` is the same for every try; `holder` names the newest try, `tries` counts them. Until `lease_until` nobody
    else may try; what is in progress after it was left by somebody who died, or released (0).
    """

    identity: str
    body_hash: str
    effect_id: str
    holder: str
    tries: int
    lease_until: int
    created_at: int
    state: Literal["in_progress", "done"] = "in_progress"
    answer: KeptAnswer | None = None
