"""Clients that place, amend and cancel at a pace, on any gateway, and insist on an answer to everything."""

import asyncio
import json
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from ops.cli.signing import Credentials, signed_headers

PATIENCE = 120.0
"""From the first sending of a write, however long it waited for its turn."""
UNDER_WAY = 8
"""Writes of one trader that are sent and have no final answer yet; what is begun meanwhile waits for its turn."""
REPEATED = 0.05
"""Which part of the writes is sent again after its final answer."""
LATE = "auth.timestamp_outside_window"
SYMBOLS = ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE", "BTCUSDT.BINANCE")


@dataclass(slots=True)
class Asked:
    """One write and everything that was answered to it. `began` is when it was due: it may have been sent later. `raw` is the
    body of the final answer, `order_ids` are all that it was ever told of. `repeat` is the same write, sent again after its
    final answer.
    """

    account_id: str
    kind: str
    key: str
    body: dict[str, Any]
    target: str
    began: float
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    raw: bytes = b""
    order_ids: set[str] = field(default_factory=set)
    tries: int = 0
    unknown: int = 0
    seconds: float = 0.0
    first_sent: float | None = None
    met: Counter[str] = field(default_factory=Counter)
    repeat: "Asked | None" = None

    @property
    def ended(self) -> float:
        """When it was answered (monotonic seconds), if it was."""
        return self.began + self.seconds

    @property
    def answered_within(self) -> float:
        """Seconds from its first sending to its final answer."""
        return self.ended - (self.first_sent or self.began)

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.answer.get("data") or {})

    @property
    def error(self) -> dict[str, Any]:
        return dict(self.answer.get("error") or {})


class Trader:
    """One account. `asked` has every write in the order in which they were begun. One order in twenty asks the simulated
    venue for one of `scenarios`. Half of the others have no client id: with one, the core would take a second order of a key for
    the first, and nobody would see that there were two.
    """

    def __init__(
        self, gateways: list[str], account_id: str, key: tuple[str, str], seed: int, scenarios: tuple[str, ...] = ()
    ) -> None:
        self.account_id = account_id
        self.key = key
        self.asked: list[Asked] = []
        self._gateways, self._scenarios = gateways, scenarios
        self._chance = random.Random(seed)  # noqa: S311
        self._begun = 0
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=8.0))
        self._hands = asyncio.Semaphore(UNDER_WAY)
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: list[str] = []
        self._prices: dict[str, float] = {}

    async def trade(self, orders_per_second: float, until: asyncio.Event) -> None:
        """Begin a write at each beat, whatever became of the others."""
        before, began = self._begun, time.monotonic()
        while not until.is_set():
            self._begun += 1
            await asyncio.sleep(max(0.0, began + (self._begun - before) / orders_per_second - time.monotonic()))
            task = asyncio.create_task(self._one(self._begun))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        await self._http.close()

    async def learn_prices(self) -> None:
        """Once, so that limits lie about the market. Until the gateways have quotes this is asked again."""
        target = f"/v1/quotes?symbols={','.join(SYMBOLS)}"
        while len(self._prices) < len(SYMBOLS):
            headers = signed_headers(self._caller(self._gateways[0]), "GET", target)
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.get(self._gateways[0] + target, headers=headers) as answer:
                    if answer.status == 200:
                        for item in (await answer.json())["data"]["quotes"]:
                            self._prices[item["symbol"]] = float(item["last"])
            await asyncio.sleep(0.3)

    async def _one(self, number: int) -> None:
        asked = self._choose(number)
        self.asked.append(asked)
        async with self._hands:
            await self.insist(asked)
        if asked.kind == "place" and asked.status == 200:
            self._open.append(asked.data["order_id"])
        if self._chance.random() < REPEATED and asked.status in {200, 409}:
            asked.repeat = Asked(asked.account_id, asked.kind, asked.key, asked.body, asked.target, time.monotonic())
            async with self._hands:
                await self.insist(asked.repeat)

    def _choose(self, number: int) -> Asked:
        chance = self._chance
        key = f"{self.account_id}-{number:06d}"
        what = chance.random()
        if self._open and (what < 0.2 or len(self._open) > 30):
            order_id = self._open.pop(chance.randrange(len(self._open)))
            return self._asked("cancel", key, "/v1/orders/cancel", {"order_ids": [order_id]})
        if self._open and what < 0.3:
            order_id = chance.choice(self._open)
            body = {"quantity": f"0.0{chance.randint(10, 99)}"}
            return self._asked("amend", key, f"/v1/orders/{order_id}", body)
        return self._asked("place", key, "/v1/orders", self._order(key))

    def _order(self, key: str) -> dict[str, Any]:
        chance = self._chance
        symbol, side = chance.choice(SYMBOLS), chance.choice(("buy", "sell"))
        order = {"symbol": symbol, "side": side, "quantity": f"0.0{chance.randint(10, 99)}"}
        if self._scenarios and chance.random() < 0.05:
            order["client_order_id"] = f"sim:{chance.choice(self._scenarios)}:{key}"
        elif chance.random() < 0.5:
            order["client_order_id"] = key
        kind = chance.choice(("market", "resting", "resting", "crossing"))
        if kind == "market":
            return {**order, "type": "market"}
        away = (-1 if side == "buy" else 1) * (1 if kind == "resting" else -1)
        price = self._prices[symbol] * (1 + away * chance.uniform(0.001, 0.02))
        return {**order, "type": "limit", "price": f"{price:.1f}"}

    def _asked(self, kind: str, key: str, target: str, body: dict[str, Any]) -> Asked:
        return Asked(self.account_id, kind, key, body, target, time.monotonic())

    async def insist(self, asked: Asked) -> None:
        """Send it again under the same key, on any gateway, until the answer is final."""
        method = "PATCH" if asked.kind == "amend" else "POST"
        content = json.dumps(asked.body).encode()
        asked.first_sent = time.monotonic()
        while time.monotonic() - asked.first_sent < PATIENCE:
            try:
                asked.tries += 1
                status, raw = await self._send(method, asked, content)
                answer = json.loads(raw)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                asked.met[type(error).__name__] += 1
                await asyncio.sleep(0.2)
                continue
            error = answer.get("error") or {}
            asked.order_ids |= _order_ids_in(answer)
            asked.unknown += error.get("code") == "order.outcome_unknown"
            if error.get("retryable") or error.get("code") == LATE:  # signed anew, under the same key
                asked.met[error["code"]] += 1
                await asyncio.sleep(0.3)
                continue
            asked.status, asked.answer, asked.raw = status, answer, raw
            break
        asked.seconds = time.monotonic() - asked.began

    async def _send(self, method: str, asked: Asked, content: bytes) -> tuple[int, bytes]:
        gateway = self._chance.choice(self._gateways)
        headers = signed_headers(self._caller(gateway), method, asked.target, asked.key, content)
        headers["Content-Type"] = "application/json"
        async with self._http.request(method, gateway + asked.target, data=content, headers=headers) as answer:
            return answer.status, await answer.read()

    def _caller(self, gateway: str) -> Credentials:
        return Credentials(gateway, *self.key)


def _order_ids_in(answer: dict[str, Any]) -> set[str]:
    """The order that an answer is about, also where it says that nobody knows what became of it."""
    told = answer.get("data") or (answer.get("error") or {}).get("details") or {}
    return {told["order_id"]} if told.get("order_id") else set()
