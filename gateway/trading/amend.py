"""`PATCH /v1/orders/{order_id}`: answered when the order has its new terms, or keeps the old ones, else not at all."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from gateway.http.calls import Reply, SignedCall
from gateway.http.fields import LONGEST_TEXT
from gateway.trading.deciding import POLL_SECONDS, Deciding
from gateway.trading.outcomes import Answered, answered, order_reply, refuse, refuse_unknown
from gateway.trading.ports import AnswerSource, OrderSource
from gateway.trading.requests import Begun, OrderRequestBook, account_of
from gateway.trading.shape import new_terms
from ops.runtime.errors import HubError
from ops.runtime.timestamps import parse_timestamp
from storage.decisions.decisions import DECISION_SECONDS
from storage.decisions.watch import DecisionsLost, Watch
from storage.models.order_answers import amend_outcome
from storage.models.order_commands import AmendOrder
from storage.models.order_events import AmendRejected, FirstAnswer, OrderAmended
from storage.models.order_records import OrderRecord
from storage.models.read_models import amend_outcome_id
from storage.mongo.failures import StoreUnavailable

_ASKED: Final = "AmendRequested"


class Amending:
    """Amends orders."""

    def __init__(self, book: OrderRequestBook, deciding: Deciding, answers: AnswerSource, orders: OrderSource) -> None:
        self._book = book
        self._deciding = deciding
        self._answers = answers
        self._orders = orders

    async def one(self, call: SignedCall, body: dict[str, Any]) -> Reply:
        """`data`: the order with its new terms. Raises what it was refused for, `order.outcome_unknown` when nobody says."""
        account_id, order_id = account_of(call), call.path["order_id"]
        terms = new_terms(body)
        if len(order_id) > LONGEST_TEXT:
            raise HubError("order.not_found", {"order_id": order_id[:LONGEST_TEXT]})
        begun = await self._book.begin(call, account_id, (True,), makes_orders=False)
        deadline = asyncio.get_running_loop().time() + DECISION_SECONDS
        with self._deciding.watch(account_id) as watch:
            command = AmendOrder(
                command_id=begun.request.command_ids[0],
                account_id=account_id,
                issued_at=begun.request.issued_at,
                order_id=order_id,
                valid_until=begun.request.valid_until,
                **msgspec.structs.asdict(terms),
            )
            decided = await self._deciding.decide(begun, [command], watch)
            asked = answered(begun, decided.get(command.command_id), {"order_id": order_id})
            answer = asked.answer
            if answer.kind == _ASKED:
                answer = await self._outcome(begun, order_id, asked, watch, deadline)
        if answer.code == "order.not_found" and await self._is_of_before(account_id, order_id, answer, deadline):
            answer = msgspec.structs.replace(answer, code="order.already_final")
        if answer.code is not None:
            refuse(begun, answer, order_id)
        return order_reply(begun, answer, order_id)

    async def _outcome(
        self, begun: Begun, order_id: str, asked: Answered, watch: Watch, deadline: float
    ) -> FirstAnswer:
        """What the venue says of the amend that it was asked for. Raises `order.outcome_unknown`."""
        request_seq = asked.answer.seq
        try:
            async with asyncio.timeout_at(deadline):
                waits = [asyncio.ensure_future(_heard(watch, order_id, request_seq))]
                if asked.remembered:
                    waits.append(asyncio.ensure_future(self._kept(begun.account_id, request_seq)))
                return await first_of(waits)
        except (TimeoutError, DecisionsLost, StoreUnavailable):
            refuse_unknown({"order_id": order_id})

    async def _kept(self, account_id: str, request_seq: int) -> FirstAnswer:
        """What the venue said, once the read models have it."""
        identity = amend_outcome_id(account_id, request_seq)
        while True:
            kept = (await self._answers.get([identity])).get(identity)
            if kept is not None:
                return kept.answer
            await asyncio.sleep(POLL_SECONDS)

    async def _is_of_before(self, account_id: str, order_id: str, answer: FirstAnswer, deadline: float) -> bool:
        """Whether the account had the order before `answer`: the core keeps no denied order, and others for 10 minutes after
        their end. Asked of read models that have that answer, so that a repeat is told the same. Raises
        `order.outcome_unknown` when they cannot be asked in time.
        """
        try:
            async with asyncio.timeout_at(deadline):
                await self._deciding.reached(account_id, answer.seq)
                order = (await self._orders.get_many(account_id, [order_id])).get(order_id)
        except (TimeoutError, StoreUnavailable):
            refuse_unknown({"order_id": order_id})
        return order is not None and parse_timestamp(order.created_at) <= parse_timestamp(answer.ts)


async def first_of(waits: "Sequence[asyncio.Future[FirstAnswer]]") -> FirstAnswer:
    """The first answer that one of them has; where none has any, why the last of them failed."""
    left = set(waits)
    try:
        while True:
            done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
            answers = [wait for wait in done if wait.exception() is None]
            if answers or not left:
                return (answers or list(done))[0].result()
    finally:
        for wait in waits:
            wait.cancel()


async def _heard(watch: Watch, order_id: str, request_seq: int) -> FirstAnswer:
    async for record in watch:
        outcome = _outcome_in(record, order_id, request_seq)
        if outcome is not None:
            return outcome
    raise AssertionError("a watch does not end by itself")


def _outcome_in(record: OrderRecord, order_id: str, request_seq: int) -> FirstAnswer | None:
    for event in record.events:
        if isinstance(event, OrderAmended | AmendRejected) and event.request_seq == request_seq:
            order = next((order for order in record.orders if order.order_id == order_id), None)
            return amend_outcome(record, event, order)
    return None
