"""uvicorn's HTTP/1.1 protocol, leaner and with bounds: between the sockets of a REST listener and the ASGI app.

What uvicorn does not bound is bounded as hypercorn does it: a head must be whole within the time for which a kept connection
may rest, and has 64 KiB. What it spends on each request is saved where nothing is lost: one timer a connection instead of one
a request, and an answer that is known as a whole is one write.
"""

import asyncio
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from ops.processes.serving import HEAD_BYTES

_HEAD_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


class _HeadTooLarge(Exception):
    """Never seen outside: the parser makes an error of its own of it."""


class _Cycle(RequestResponseCycle):
    """A request and its answer. The start of an answer waits for its body, so that both go out together."""

    _start: Any = None

    async def send(self, message: Any) -> None:
        """ASGI's."""
        if message["type"] == "http.response.start" and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is None:
            await super().send(message)
        elif not self._sent_whole(start, message):
            await super().send(start)
            await super().send(message)

    def _sent_whole(self, start: Any, message: Any) -> bool:
        """Whether the answer could be sent by one write: it is all there, and says how long it is."""
        if self.disconnected:
            return True
        if message.get("more_body", False) or self.flow.write_paused or self.scope["method"] == "HEAD":
            return False
        fields = self.default_headers + list(start["headers"])
        block = b"\r\n".join(map(b": ".join, fields))
        if b"\r\ncontent-length: " not in block or b"\r\nconnection: " in block:
            return False
        if block.count(b"\n") != len(fields) - 1 or b"\0" in block:
            raise RuntimeError("a header field of an answer has a line break in it")
        self.response_started = self.response_complete = True
        ending = b"\r\n\r\n" if self.keep_alive else b"\r\nconnection: close\r\n\r\n"
        self.transport.write(b"".join((STATUS_LINE[start["status"]], block, ending, message.get("body", b""))))
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
        return True


class LeanHttp(HttpToolsProtocol):
    """One connection. `config.timeout_keep_alive` is how long it may rest, and how long a head may take."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._in_head = self._refused = False
        self._fed = 0  # bytes that came since the head of now began, or, once it is whole, in the last piece
        self._waits_since: float | None = None  # for a head to be whole, by the loop's clock
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A head is awaited from now on."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        self._timer = self.loop.call_later(self.timeout_keep_alive, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come: of a head, of a body, or both."""
        self._fed = len(data) + (self._fed if self._in_head else 0)
        super().data_received(data)
        if self._in_head and self._fed > HEAD_BYTES and not self._refused:
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole: its request begins, or waits for the one before it."""
        if self._fed > HEAD_BYTES and sum(len(name) + len(value) for name, value in self.headers) > HEAD_BYTES:
            raise _HeadTooLarge  # it came in a single piece
        self._in_head, self._waits_since = False, None
        last, self.cycle = self.cycle, self._request()
        if last is None or last.response_complete:
            self._start_asgi_task(self.cycle, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((self.cycle, self.app))

    def on_response_complete(self) -> None:
        """An answer is out: the next request, or a head to wait for."""
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._waits_since = self.loop.time()

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be read, or is too large, and end the connection."""
        self._refused = True
        if self._in_head and self._fed > HEAD_BYTES:
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()
        else:
            super().send_400_response(msg)

    def _request(self) -> _Cycle:
        parser, scope = self.parser, self.scope
        version = parser.get_http_version()
        url = httptools.parse_url(self.url)
        path = url.path.decode("ascii")
        scope["method"], scope["http_version"] = parser.get_method().decode("ascii"), version
        scope["path"], scope["raw_path"] = unquote(path) if "%" in path else path, url.path
        scope["query_string"] = url.query or b""
        return _Cycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )

    def _look(self) -> None:
        """End a connection that has waited long enough, else look again when it could have."""
        left: float = self.timeout_keep_alive
        if self._waits_since is not None:
            left -= self.loop.time() - self._waits_since
        if left > 0:
            self._timer = self.loop.call_later(left, self._look)
        elif not self.transport.is_closing():
            self.transport.close()
