"""What trading needs from outside: the read models that tell what became of commands long ago."""

from collections.abc import Iterable
from typing import Protocol

from storage.models.order_requests import OrderRequest
from storage.models.orders import Order
from storage.models.read_models import CommandAnswer


class RequestStore(Protocol):
    """`storage.mongo.order_requests.OrderRequests`."""

    async def claim(self, request: OrderRequest) -> OrderRequest: ...
    async def get(self, identity: str) -> OrderRequest | None: ...


class AnswerSource(Protocol):
    """`storage.mongo.command_answers.CommandAnswers`."""

    async def get(self, command_ids: Iterable[str]) -> dict[str, CommandAnswer]: ...


class OrderSource(Protocol):
    """`storage.mongo.orders.Orders`."""

    async def get_many(self, account_id: str, order_ids: Iterable[str]) -> dict[str, Order]: ...
    async def open_of(self, account_id: str) -> list[Order]: ...


class ProgressSource(Protocol):
    """`storage.mongo.accounts.Accounts`."""

    async def as_of(self, account_id: str) -> int: ...
