"""Bodies straight from the server: whole, bounded in size and time, and those whose sender goes away."""

import asyncio

import pytest

from gateway.http.body import BODY_BYTES, Disconnected, receive_body
from ops.runtime.errors import HubError


def server(*messages: dict):
    left = list(messages)

    async def receive() -> dict:
        return left.pop(0) if left else await asyncio.Future()

    return receive


def part(body: bytes, *, more: bool) -> dict:
    return {"type": "http.request", "body": body, "more_body": more}


async def test_parts_are_joined():
    assert await receive_body(server(part(b'{"a"', more=True), part(b":1}", more=False))) == b'{"a":1}'
    assert await receive_body(server({"type": "http.request"})) == b""


async def test_the_largest_body_is_taken_and_one_byte_more_is_not():
    assert len(await receive_body(server(part(BODY_BYTES * b"x", more=False)))) == BODY_BYTES
    with pytest.raises(HubError) as refusal:
        await receive_body(server(part(BODY_BYTES * b"x", more=True), part(b"x", more=True)))
    assert (refusal.value.code, refusal.value.details) == ("request.too_large", {"limit_bytes": BODY_BYTES})


async def test_a_body_that_does_not_come_is_not_waited_for():
    with pytest.raises(HubError) as refusal:
        await receive_body(server(part(b"{", more=True)), seconds=0.01)
    assert refusal.value.code == "request.timeout"


async def test_nobody_is_answered_who_has_gone():
    with pytest.raises(Disconnected):
        await receive_body(server(part(b"{", more=True), {"type": "http.disconnect"}))
