"""Between the edge and the handler of a write with an `Idempotency-Key`: runs it once, or answers as it was answered before.

The road of such a write: edge.py (who asks, the body) -> here -> idempotency.py (the record, or the answer of before) -> the
feature's handler, by the record's effect id -> here -> idempotency.py (keeps the answer) -> the caller.
"""

from collections.abc import Awaitable, Callable
from typing import cast

from gateway.http.answer import Answer
from gateway.http.answers import JSON, Answers
from gateway.http.calls import Refusal, Reply
from gateway.http.exchange import Exchange
from gateway.http.idempotency import REPLAYED, GivenAnswer, IdempotencyBook, is_decided
from ops.runtime.errors import HubError
from ops.runtime.languages import Language
from storage.models.idempotency import IdempotencyRecord

Run = Callable[[str], Awaitable[bytes | Reply]]
"""A handler with all but the effect id, which it is given."""
Succeed = Callable[[Exchange, bytes | Reply], Answer]


class OneEffect:
    """Every write of people goes through one of these; `succeed` makes the answer of what a handler says."""

    def __init__(self, book: IdempotencyBook, answers: Answers, succeed: Succeed) -> None:
        self._book, self._answers, self._succeed = book, answers, succeed

    def new_effect_id(self) -> str:
        """The effect id of a write without a key."""
        return self._book.new_effect_id()

    async def answer(self, exchange: Exchange, identity: str, asked: bytes, run: Run) -> Answer:
        """The answer of `run`, or the one that another try of the same write was given.

        Raises what `IdempotencyBook.begin` raises, and refusals that are no answer for good (401, 422, 429, 5xx).
        """
        begun = await self._book.begin(identity, asked)
        if not isinstance(begun, IdempotencyRecord):
            return self._repeated(exchange, begun)
        try:
            said = await run(begun.effect_id)
        except HubError as refusal:
            if not is_decided(refusal):
                await self._book.release(begun, refusal)
                raise
            return await self._refused(exchange, begun, refusal)
        except BaseException:
            await self._book.release(begun, None)
            raise
        answer = self._succeed(exchange, said)
        reply = said if isinstance(said, Reply) else Reply(said)
        given = GivenAnswer(answer.status, "ok", answer.body, reply.fields, exchange.trace_id, exchange.language)
        return await self._kept(exchange, begun, answer, given, secret=reply.secret)

    async def _refused(self, exchange: Exchange, begun: IdempotencyRecord, refusal: HubError) -> Answer:
        answer = self._answers.failure(exchange, refusal)
        fields = refusal.fields if isinstance(refusal, Refusal) else ()
        exchange.code = refusal.code
        given = GivenAnswer(answer.status, refusal.code, answer.body, fields, exchange.trace_id, exchange.language)
        return await self._kept(exchange, begun, answer, given, secret=False)

    async def _kept(
        self, exchange: Exchange, begun: IdempotencyRecord, answer: Answer, given: GivenAnswer, *, secret: bool
    ) -> Answer:
        other = await self._book.finish(begun, given, secret=secret)
        return answer if other is None else self._repeated(exchange, other)

    def _repeated(self, exchange: Exchange, given: GivenAnswer) -> Answer:
        exchange.code = given.code
        exchange.answer_as(given.trace_id, cast("Language", given.language))
        return self._answers.raw(exchange, given.body, JSON, status=given.status, headers=(*given.fields, REPLAYED))
