"""What goes wrong between a client and the hub, made to happen: lost answers, unknown outcomes, refusals, cut connections."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

CHUNK = 1_024
NOT_PASSED_ON = {"connection", "content-length", "transfer-encoding", "keep-alive", "host", "server", "date"}
Answer = tuple[int, dict[str, str], bytes]
Trouble = Callable[[Callable[[], Answer]], Answer | None]
"""Given how to ask the hub: the answer that the client gets, or None for a connection that ends without one."""


def busy(ask: Callable[[], Answer]) -> Answer:
    """A refusal that passes; the hub never sees the request."""
    del ask
    return _refusal(429, "rate.limited", {"Retry-After": "1"})


def lost(ask: Callable[[], Answer]) -> None:
    """The hub does what it was asked, and the client never hears of it."""
    ask()


def unknown(ask: Callable[[], Answer]) -> Answer:
    """The hub does what it was asked, and the client is told that nobody knows."""
    ask()
    return _refusal(503, "order.outcome_unknown", {})


def _refusal(status: int, code: str, headers: dict[str, str]) -> Answer:
    error = {"code": code, "message": code, "message_i18n_key": code, "retryable": True, "upstream_code": None}
    said = {"success": False, "error": {**error, "details": None}, "trace_id": "0" * 32}
    return status, headers, json.dumps(said, separators=(",", ":")).encode()


@contextmanager
def troubled(hub: str, plan: dict[str, list[Trouble]]) -> Iterator[str]:
    """The URL of a proxy before `hub` that does what `plan` says for `METHOD /path`, in turn, and passes on everything else.

    What was planned is taken out of the plan when it happens.
    """
    with httpx.Client(base_url=hub, timeout=20) as upstream:

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                happens = plan.get(f"{self.command} {self.path.partition('?')[0]}")
                trouble = happens.pop(0) if happens else _as_it_is
                answer = trouble(lambda: self._ask(body))
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, content = answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def _ask(self, body: bytes) -> Answer:
                passed = {name: value for name, value in self.headers.items() if name.lower() not in NOT_PASSED_ON}
                answer = upstream.request(self.command, self.path, headers=passed, content=body or None)
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_ON}
                return answer.status_code, kept, answer.content

            def log_message(self, *_: object) -> None:
                """Nothing is told."""

            do_GET = do_POST = _handle  # noqa: N815

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()


def _as_it_is(ask: Callable[[], Answer]) -> Answer:
    return ask()


@dataclass
class Cutter:
    """Passes TCP connections on to `hub` and cuts each after as many bytes from there as `cuts` says; the later ones live."""

    hub: str
    cuts: list[int]
    url: str = ""
    _open: list[socket.socket] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator["Cutter"]:
        """Listen until the block ends."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            try:
                yield self
            finally:
                for end in self._open:
                    end.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            host, _, port = self.hub.removeprefix("http://").rpartition(":")
            upstream = socket.create_connection((host, int(port)))
            self._open += [client, upstream]
            allowed = self.cuts.pop(0) if self.cuts else None
            threading.Thread(target=_pass, args=(client, upstream, None), daemon=True).start()
            threading.Thread(target=_pass, args=(upstream, client, allowed), daemon=True).start()


def _pass(source: socket.socket, target: socket.socket, allowed: int | None) -> None:
    """Copy until an end closes or `allowed` bytes have passed, then cut both: in the middle of a frame, too."""
    try:
        while (allowed is None or allowed > 0) and (chunk := source.recv(min(CHUNK, allowed or CHUNK))):
            target.sendall(chunk)
            allowed = None if allowed is None else allowed - len(chunk)
    except OSError:
        pass  # the other direction has cut both
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue  # it is closed already
