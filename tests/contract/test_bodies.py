"""The steps in which the edge reads a body, behind a route: media type, size, form, and bodies that do not come."""

import asyncio

import pytest
from quart import Quart, request

from gateway.http.body import BODY_BYTES, check_media_type, parse_json_object, read_body


@pytest.fixture
def echoing(gateway):
    """The gateway with a route that answers how many fields a body has."""
    app: Quart = gateway.app

    async def echo() -> str:
        check_media_type(request.headers.get("content-type"))
        return str(len(parse_json_object(await read_body(request))))

    app.add_url_rule("/test/echo", "echo", echo, methods=["POST"])
    return gateway


@pytest.mark.parametrize(
    ("body", "media_type", "status", "code"),
    [
        (b'{"a":1}', "application/json", 200, None),
        (b'{"a":1}', "application/json; charset=utf-8", 200, None),
        (b'{"a":1}', "text/plain", 415, "request.media_type"),
        (b'{"a":1}', None, 415, "request.media_type"),
        (b'{"a":1,"a":2}', "application/json", 422, "request.malformed"),
        (b"[" * 1_000, "application/json", 422, "request.malformed"),
        (b'{"a":NaN}', "application/json", 422, "request.malformed"),
        (b'{"a":"\xc3"}', "application/json", 422, "request.malformed"),
        (b'{"a":"' + b"x" * BODY_BYTES + b'"}', "application/json", 413, "request.too_large"),
    ],
)
async def test_bodies(echoing, body, media_type, status, code):
    headers = {"Content-Type": media_type} if media_type else {}
    response = await echoing.open("POST", "/test/echo", headers, data=body)
    assert response.status_code == status
    if code:
        answer = await response.get_json()
        assert answer["error"]["code"] == code
        assert answer["error"]["details"]


async def test_a_body_that_does_not_come_times_out(echoing):
    echoing.app.config["BODY_TIMEOUT"] = 0.05
    connection = echoing.app.test_client().request(
        "/test/echo", method="POST", headers={"Content-Type": "application/json"}
    )
    async with asyncio.timeout(5), connection:
        await connection.send(b'{"a":')
    response = await connection.as_response()
    assert response.status_code == 408
    assert (await response.get_json())["error"]["code"] == "request.timeout"


async def test_signed_get_with_a_body_signs_it(gateway):
    headers = gateway.signed_headers("GET", "/v1/status", body=b"x")
    response = await gateway.open("GET", "/v1/status", {**headers, "Content-Length": "1"}, data=b"x")
    assert response.status_code == 200
    response = await gateway.open("GET", "/v1/status", {**headers, "Content-Length": "1"}, data=b"y")
    assert response.status_code == 401
