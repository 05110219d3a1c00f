"""A dead letter: the bytes of a record that no processor could take, why, and where it stood. Pure.

Its JSON is the value on topic `dead-letters`; key, value and header values are base64 there (msgspec's form of bytes).
"""

import hashlib
import uuid
from typing import Final

import msgspec

SCHEMA: Final = b"dead-letter.1"
UNDECODABLE: Final = "dead_letter.undecodable"
_NAMESPACE: Final = uuid.UUID("6f0c6b1e-6c0f-5b7c-9d43-2f4b0f3a7d11")
_HASH_DIGITS: Final = 16


class DeadLetter(msgspec.Struct, frozen=True):
    """`topic`, `partition` and `offset` say where the record stands; `reason` is a stable code (`late`),
    `text` says it in words, `stack_hash` is the same for all letters of one fault. `ts` is when it was given up,
    RFC 3339 UTC.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    reason: str
    text: str
    stack_hash: str
    processor: str
    ts: str

    @property
    def event_id(self) -> str:
        """A UUID that is the same whenever the same processor gives up the same record, so a refold repeats it."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.processor}/{self.topic}/{self.partition}/{self.offset}"))


def stack_hash(processor: str, reason: str, error: BaseException | None = None) -> str:
    """16 hex digits that letters of one fault share: of the exception's type and the functions that it came through, or,
    where a rule refused the record, of that rule (`processor` and `reason`).

    Line numbers and texts are left out: they change from record to record and from edit to edit.
    """
    frames = [f"{processor}/{reason}"] if error is None else [type(error).__qualname__]
    trace = None if error is None else error.__traceback__
    while trace is not None:
        frames.append(f"{trace.tb_frame.f_globals.get('__name__')}.{trace.tb_frame.f_code.co_qualname}")
        trace = trace.tb_next
    return hashlib.sha256("\n".join(frames).encode()).hexdigest()[:_HASH_DIGITS]


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(DeadLetter).decode
