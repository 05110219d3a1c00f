"""Fifty requests with one key at two gateways: one effect, the same bytes to all or 409 in progress."""

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator

import msgspec
import pytest
from pymongo.errors import DuplicateKeyError

from gateway.http.answer import Answer
from gateway.http.calls import BearerCall, Reply
from storage.mongo.connect import Store, connect
from storage.mongo.idempotency import IdempotencyRecords
from tests.integration.http.gateway_edge import edge_over, request_of

AT_ONCE = 50


@pytest.fixture(params=["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[list[Store]]:
    """Two gateways' connections to one database."""
    name = f"test_{secrets.token_hex(6)}"
    if request.param == "mongomock":
        opened = [connect("mongomock://", name)] * 2
    else:
        opened = [connect(request.getfixturevalue("mongo_url"), name) for _ in range(2)]
    yield opened
    await opened[0].client.drop_database(name)
    for store in opened:
        store.close()


def maker(store: Store):
    """Makes a key whose id comes from the effect, and a line in a diary each time that it is really made."""

    async def make(call: BearerCall, body: dict) -> Reply:
        try:
            await store.database["things"].insert_one({"_id": f"pmk_{call.effect_id}", **body})
        except DuplicateKeyError:
            pass
        else:
            await store.database["diary"].insert_one({"made": call.effect_id})
        return Reply(msgspec.json.encode({"key_id": f"pmk_{call.effect_id}"}), secret=True)

    return make


@pytest.mark.parametrize("key", ["one and the same key", "x" * 72])
async def test_one_effect_and_one_answer(stores: list[Store], key: str) -> None:
    endpoints = [
        edge_over(IdempotencyRecords(store.database)).user_write("makeThing", maker(store), key_required=True)
        for store in stores
    ]

    async def send(number: int) -> Answer:
        return await endpoints[number % 2](*request_of(b'{"label":"one"}', key))

    answers = await asyncio.gather(*(send(number) for number in range(AT_ONCE)))
    assert await stores[0].database["things"].count_documents({}) == 1
    assert await stores[0].database["diary"].count_documents({}) == 1
    codes = Counter(json.loads(answer.body).get("error", {"code": "ok"})["code"] for answer in answers)
    assert set(codes) <= {"ok", "idempotency.in_progress"}
    assert codes["ok"] >= 1
    bodies = {answer.body for answer in answers if answer.status == 200}
    assert len(bodies) == 1
    for number in range(2):
        again = await send(number)
        assert {again.body} == bodies
        assert (b"idempotency-replayed", b"true") in again.fields


async def test_many_keys_at_once_do_not_meet(stores: list[Store]) -> None:
    endpoints = [
        edge_over(IdempotencyRecords(store.database)).user_write("makeThing", maker(store)) for store in stores
    ]
    keys = [f"the key {number % 10}" for number in range(AT_ONCE)]
    await asyncio.gather(
        *(endpoints[number % 2](*request_of(b'{"label":"one"}', key)) for number, key in enumerate(keys))
    )
    assert await stores[0].database["things"].count_documents({}) == 10
    assert await stores[0].database["diary"].count_documents({}) == 10
