"""The customers: what they ask of gateways, how long they wait, how they ask again, and what they were told."""

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.http.calls import Reply, SignedCall
from ops.runtime.errors import HubError
from tests.simulation.core.machines import GatewayMachine
from tests.simulation.core.street import COIN, SHARE

UNKNOWN: Final = "order.outcome_unknown"
AMEND: Final = "/v1/orders/"
PRESENT: Final = frozenset({"/v1/orders/cancel", "/v1/orders/cancel-all"})
"""Writes whose repeat shows the present."""
SCENARIOS: Final = (
    "reject",
    "partial:2",
    "slow:300",
    "timeout-then-accept",
    "timeout-then-reject",
    "duplicate-fill",
    "cancel-race",
    "late-fill",
    "disconnect",
)


@dataclass(slots=True)
class Told:
    """One final answer: the code of a refusal or None, and what it says."""

    code: str | None
    data: Any


@dataclass(slots=True)
class Write:
    """One write of a customer under its idempotency key, and every final answer to it. `failed` counts the others."""

    account_id: str
    method: str
    route: str
    path: str
    body: bytes
    key: str
    valid_for: str | None = None
    told: list[Told] = field(default_factory=list)
    failed: int = 0

    @property
    def identity(self) -> tuple[str, str]:
        """The method and the route of its handler."""
        return self.method, self.route


class Gateways(Protocol):
    """Those that are there."""

    def gateway(self) -> GatewayMachine: ...


class Customer:
    """One account's owner: random writes, some of them repeated, each asked until it is answered."""

    def __init__(self, account_id: str, gateways: Gateways, chance: random.Random, share: float) -> None:
        self.account_id, self._gateways, self._random, self._share = account_id, gateways, chance, share
        self.writes: list[Write] = []
        self.orders: list[str] = []
        self.patient = False
        self.waiting: set[asyncio.Task[None]] = set()

    def act(self) -> None:
        """Ask something new, or something of before once more."""
        chance = self._random
        if self.writes and chance.random() < 0.2:
            self._spawn(self._ask(chance.choice(self.writes)))
            return
        write = self._write()
        self.writes.append(write)
        self._spawn(self._until_told(write))
        if chance.random() < 0.1:
            self._spawn(self._ask(write))

    def cancel_all(self) -> None:
        """Ask for the end of everything."""
        write = self._made("POST", "/v1/orders/cancel-all", {})
        self.writes.append(write)
        self._spawn(self._until_told(write))

    def repeat_all(self) -> None:
        """Ask everything once more."""
        for write in self.writes:
            self._spawn(self._until_told(write))

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self.waiting.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self.waiting.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error

    async def _until_told(self, write: Write) -> None:
        before = len(write.told)
        while len(write.told) == before:
            await self._ask(write)
            if len(write.told) == before:
                write.failed += 1
                await asyncio.sleep(self._random.uniform(0, 1))

    async def _ask(self, write: Write) -> None:
        """One request to one gateway; the customer may hang up before it is answered."""
        machine = self._gateways.gateway()
        answering = asyncio.create_task(self._call(machine, write))
        seconds = 10.0 if self.patient else self._random.choice((5.0, 5.0, 5.0, 0.3, 1.0))
        await asyncio.wait({answering}, timeout=seconds)
        if not answering.done():
            if self._random.random() < 0.5 or machine.process.crashed:
                answering.cancel()
            return
        told = answering.result()
        if told is not None:
            write.told.append(told)
            self._learn(told)

    async def _call(self, machine: GatewayMachine, write: Write) -> Told | None:
        process = machine.process
        await process.travel()
        await process.gate()
        headers = {} if write.valid_for is None else {b"x-pm-valid-for": write.valid_for.encode()}
        call = SignedCall(
            query={},
            now=machine.clock.now(),
            language="en-US",
            caller=machine.callers[write.account_id],
            method=write.method,
            raw_path=write.path,
            path={"order_id": write.path.removeprefix(AMEND)} if write.route == AMEND else {},
            body=write.body,
            idempotency_key=write.key,
            headers=headers,
            trace_id=machine.numbers.new("trace"),
        )
        try:
            reply: Reply = await machine.handlers[write.identity](call, json.loads(write.body))
        except HubError as error:
            told = None if error.code == UNKNOWN else Told(error.code, error.details)
        else:
            data = json.loads(reply.data)
            results: Sequence[Any] = data.get("results", ()) if isinstance(data, dict) else ()
            told = None if any(one.get("error_code") == UNKNOWN for one in results) else Told(None, data)
        await process.travel()
        await process.gate()
        return told

    def _learn(self, told: Told) -> None:
        found = [told.data, *told.data.get("results", ())] if told.data else []
        for one in found:
            order_id = one.get("order_id")
            if order_id is not None and order_id not in self.orders:
                self.orders.append(order_id)

    def _made(self, method: str, route: str, body: Any, path: str | None = None, valid_for: str | None = None) -> Write:
        key = f"{self.account_id}-{len(self.writes)}"
        return Write(self.account_id, method, route, path or route, json.dumps(body).encode(), key, valid_for)

    def _write(self) -> Write:
        chance = self._random
        kinds, weights = ("place", "batch", "amend", "cancel", "cancel-all", "after", "state"), (10, 1.5, 5, 2, 1, 1, 1)
        kind = chance.choices(kinds, weights)[0]
        if kind in {"amend", "cancel"} and not self.orders:
            kind = "place"
        return self._order_write(kind) or self._account_write(kind)

    def _order_write(self, kind: str) -> Write | None:
        chance = self._random
        match kind:
            case "place":
                valid_for = chance.choice((None, None, None, None, "300", "1200"))
                return self._made("POST", "/v1/orders", self._order(), valid_for=valid_for)
            case "batch":
                orders = [self._order() for _ in range(chance.randint(1, 3))]
                return self._made("POST", "/v1/orders/batch", {"orders": orders})
            case "amend":
                terms = {"price": chance.choice(("99.5", "100.5", "98"))}
                if chance.random() < 0.6:
                    terms = {"quantity": chance.choice(("1", "3", "0.25", "9.999"))} | (
                        terms if chance.random() < 0.3 else {}
                    )
                return self._made("PATCH", AMEND, terms, path=AMEND + self._known())
            case "cancel":
                body = chance.choice(({"order_ids": [self._known()]}, {"symbol": COIN}, {"order_ids": [self._known()]}))
                return self._made("POST", "/v1/orders/cancel", body)
        return None

    def _account_write(self, kind: str) -> Write:
        chance = self._random
        if kind == "cancel-all":
            return self._made("POST", "/v1/orders/cancel-all", {})
        if kind == "after":
            body = {"timeout_ms": chance.choice((0, 700, 3000)), "spare_reduce_only": chance.random() < 0.5}
            return self._made("POST", "/v1/orders/cancel-all-after", body)
        state = chance.choice(("active", "active", "active", "active", "active", "active", "reducing", "halted"))
        return self._made("PUT", "/v1/accounts/trading-state", {"state": state})

    def _known(self) -> str:
        return self._random.choice(self.orders[-6:]) if self.orders and self._random.random() < 0.95 else "ord_nobody"

    def _order(self) -> dict[str, Any]:
        chance = self._random
        kind = chance.choice(("limit", "limit", "limit", "market", "stop"))
        body: dict[str, Any] = {
            "symbol": SHARE if chance.random() < self._share else COIN,
            "side": chance.choice(("buy", "sell")),
            "type": kind,
        }
        price = chance.choice(("99", "100", "101", "98.37", "99.9", "100.1"))
        if kind == "market" and chance.random() < 0.2:
            body["notional"] = "150"
        else:
            body["quantity"] = chance.choice(
                ("1", "2", "0.5", "1.5", "7", "12", "0.25", "3", "2.5", "0.0001")
                if body["symbol"] == COIN
                else ("1", "3", "9")
            )
        if kind == "limit":
            body |= {"price": price, "time_in_force": chance.choice(("GTC", "GTC", "DAY", "IOC", "FOK"))}
            body["post_only"] = body["time_in_force"] in {"GTC", "DAY"} and chance.random() < 0.15
        elif kind == "stop":
            body |= {"stop_price": price} | ({"price": price} if chance.random() < 0.5 else {})
        body["reduce_only"] = chance.random() < 0.1
        named = chance.random()
        if named < 0.4:
            body["client_order_id"] = f"sim:{chance.choice(SCENARIOS)}:{self.account_id}{len(self.writes)}"
        elif named < 0.5:
            body["client_order_id"] = f"mine-{chance.randint(0, 2)}"
        return body
