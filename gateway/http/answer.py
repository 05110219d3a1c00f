"""One HTTP answer as data, and its two ways out: through Quart, or straight to the server."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from quart import Response
from werkzeug.datastructures import Headers

Field = tuple[bytes, bytes]
Send = Callable[[Any], Awaitable[None]]


class Answer(NamedTuple):
    """Status, header fields (names in lower case; without the length) and body."""

    status: int
    fields: list[Field]
    body: bytes


def as_response(answer: Answer) -> Response:
    """The answer for Quart to send."""
    headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.fields])
    return Response(answer.body, answer.status, headers)


async def send_answer(answer: Answer, send: Send) -> None:
    """Hand the answer to the ASGI server."""
    fields = [*answer.fields, (b"content-length", b"%d" % len(answer.body))]
    await send({"type": "http.response.start", "status": answer.status, "headers": fields})
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})
