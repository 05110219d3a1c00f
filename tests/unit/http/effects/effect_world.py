"""Gateways over one store of idempotency records, step by step: who goes on next, who dies and what the time is, a test says.

Every call of the store and of the effect has a step before and one after it, so that a gateway can be killed on either side.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.callers import Principal
from gateway.http.answer import Answer
from gateway.http.answers import Answers
from gateway.http.calls import BearerCall, Reply
from gateway.http.cors import CrossOrigin
from gateway.http.edge import Edge
from gateway.http.exchange import Exchanges
from gateway.http.idempotency import IdempotencyBook
from gateway.http.limits import Limiter
from ops.runtime.clock import ManualClock
from ops.runtime.errors import HubError
from ops.runtime.identifiers import SystemIdentifiers
from ops.runtime.languages import load_languages
from storage.models.idempotency import IdempotencyRecord, KeptAnswer
from storage.sealing import KeyRing

RING = KeyRing.parse("one:a secret of sixteen or more")
LANGUAGES = load_languages()
KEY = "a key of the client"
SOMEBODY = Principal("user", "usr_1", "ses_1", None, "ten_1", ("acc_1",), "ja-JP")
Step = Callable[[str], Awaitable[None]]


async def straight_on(_step: str) -> None:
    """Steps that nobody looks at."""


class Records:
    """Idempotency records as the store keeps them, for all gateways."""

    def __init__(self) -> None:
        self.kept: dict[str, IdempotencyRecord] = {}

    def insert(self, record: IdempotencyRecord) -> bool:
        return self.kept.setdefault(record.identity, record) is record

    def get(self, identity: str) -> IdempotencyRecord | None:
        return self.kept.get(identity)

    def replace(self, before: IdempotencyRecord, after: IdempotencyRecord) -> bool:
        if self.kept.get(before.identity) != before:
            return False
        self.kept[before.identity] = after
        return True

    def finish(self, identity: str, effect_id: str, answer: KeptAnswer) -> bool:
        kept = self.kept.get(identity)
        if kept is None or kept.effect_id != effect_id or kept.state != "in_progress":
            return False
        self.kept[identity] = msgspec.structs.replace(kept, state="done", answer=answer)
        return True

    def release(self, record: IdempotencyRecord) -> bool:
        kept = self._held(record)
        if kept is not None:
            self.kept[record.identity] = msgspec.structs.replace(kept, lease_until=0)
        return kept is not None

    def forget(self, record: IdempotencyRecord) -> bool:
        kept = self._held(record)
        if kept is not None:
            del self.kept[record.identity]
        return kept is not None

    def _held(self, record: IdempotencyRecord) -> IdempotencyRecord | None:
        kept = self.kept.get(record.identity)
        return kept if kept and (kept.holder, kept.state) == (record.holder, "in_progress") else None


class View:
    """The records as one try reaches them: a step before each call and one after it."""

    def __init__(self, records: Records, step: Step) -> None:
        self._records, self._step = records, step

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any) -> Any:
            await self._step(f"before {name}")
            found = getattr(self._records, name)(*arguments)
            await self._step(f"after {name}")
            return found

        return call


class Trusting:
    """Every token is somebody's."""

    async def authenticate(self, token: str, audience: str) -> Principal:
        return SOMEBODY


class Quiet:
    """Measures that keep the last answer's code."""

    def __init__(self) -> None:
        self.codes: list[str] = []

    def answered(self, operation: str, code: str, seconds: float) -> None:
        self.codes.append(code)

    def limited(self, limit: str) -> None: ...


@dataclass
class World:
    """`made` is what effects have made, by effect id; `runs` counts how often the handler ran."""

    clock: ManualClock = field(default_factory=ManualClock)
    records: Records = field(default_factory=Records)
    made: dict[str, str] = field(default_factory=dict)
    runs: int = 0
    secret: bool = False
    refusals: list[HubError] = field(default_factory=list)
    """What the next runs of the handler are refused with, after their effect."""
    refuses_before_effect: bool = False
    measures: Quiet = field(default_factory=Quiet)

    async def send(
        self, body: bytes = b'{"label":"one"}', *, key: str | None = KEY, step: Step = straight_on, **more: Any
    ) -> Answer:
        """One request to a gateway of its own (what a gateway remembers of a write is in the store alone)."""
        endpoint = self.edge(step).user_write("makeThing", self.handler(step), key_required=more.get("required", False))
        headers = [(b"authorization", b"Bearer t"), (b"content-type", b"application/json")]
        headers += [] if key is None else [(b"idempotency-key", key.encode())]
        scope = {
            "type": "http", "method": more.get("method", "POST"), "raw_path": more.get("path", b"/v1/things"),
            "query_string": more.get("query", b""), "http_version": "1.1", "client": ("192.0.2.1", 1),
            "headers": headers + more.get("headers", []),
        }  # fmt: skip

        async def read_body() -> bytes:
            return body

        return await endpoint(scope, read_body)

    def edge(self, step: Step) -> Edge:
        answers = Answers(LANGUAGES, self.clock, CrossOrigin(()), transport_is_secure=False)
        identifiers = SystemIdentifiers()
        return Edge(
            exchanges=Exchanges(self.clock, identifiers, 0),
            answers=answers,
            authenticator=None,
            bearers=Trusting(),
            idempotency=IdempotencyBook(View(self.records, step), RING, identifiers, self.clock),
            limiter=Limiter(self.clock, market_per_minute=1, public_per_minute=1, user_per_minute=10**6),
            measures=self.measures,
            clock=self.clock,
        )

    def handler(self, step: Step):
        async def make(call: BearerCall, body: dict[str, Any]) -> Reply:
            self.runs += 1
            if self.refusals and self.refuses_before_effect:
                raise self.refusals.pop(0)
            await step("before effect")
            made = self.made.setdefault(call.effect_id, f"thing {len(self.made)}")
            await step("after effect")
            if self.refusals:
                raise self.refusals.pop(0)
            return Reply(msgspec.json.encode({"made": made, **body}), secret=self.secret)

        return make


class Dead(BaseException):
    """What a killed process would have done next is not done."""


class Turns:
    """Lets one task at a time go on, by lot, and kills those that a test wants dead: they never go on again."""

    def __init__(self, seed: int = 0) -> None:
        self._lot = random.Random(seed)  # noqa: S311  (not for secrets)
        self._waiting: list[tuple[str, asyncio.Task[Any], asyncio.Future[None]]] = []
        self._over = False
        self.killed: set[asyncio.Task[Any]] = set()
        self.tasks: list[asyncio.Task[Any]] = []

    def start(self, work: Callable[[Step], Awaitable[Answer]]) -> "asyncio.Task[Answer]":
        task = asyncio.ensure_future(work(self._step))
        self.tasks.append(task)
        return task

    async def _step(self, name: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        if task in self.killed:
            raise Dead
        if self._over:
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((name, task, turn))
        await turn

    async def go_on(self, wants_dead: Callable[[str, int], bool] = lambda _name, _number: False) -> None:
        """Until nobody who lives is left waiting. `wants_dead` sees each step's name and number as its turn comes."""
        number = 0
        while True:
            await self._settle()
            alive = [entry for entry in self._waiting if entry[1] not in self.killed]
            if not alive:
                return
            chosen = self._lot.choice(alive)
            self._waiting.remove(chosen)
            name, task, turn = chosen
            if wants_dead(name, number):
                self.killed.add(task)
                self._waiting.append(chosen)
            else:
                turn.set_result(None)
            number += 1

    async def end(self) -> None:
        """The dead are taken away; whoever lives goes on to the end."""
        self._over = True
        for task in self.killed:
            task.cancel()
        for _name, task, turn in self._waiting:
            if task not in self.killed:
                turn.set_result(None)
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _settle(self) -> None:
        """Everybody goes as far as they can: a step takes a few rounds of the loop at most."""
        for _ in range(12):
            await asyncio.sleep(0)
