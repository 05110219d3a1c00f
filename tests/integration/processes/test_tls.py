"""TLS by the server itself: with a certificate and its key in the settings, clients that trust it are served, others are not."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import websockets
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ops.processes import rest_on_granian, rest_on_uvicorn
from ops.processes.local import LocalOptions, run_local
from ops.processes.serving import listen, listen_publicly, port_of, serve_until, tls_files
from ops.processes.up_file import Up
from ops.runtime.settings import Settings, SettingsError
from tests.integration.mail.mail_house import certificate
from tests.integration.processes.test_slow_http_clients import LARGE, large_app

SERVERS: dict[str, Callable[..., Awaitable[None]]] = {
    "hypercorn": serve_until,
    "granian": rest_on_granian.serve_rest_until,
    "uvicorn": rest_on_uvicorn.serve_rest_until,
}


class Served(NamedTuple):
    """A server with TLS, and a client's context that trusts its certificate."""

    port: int
    trusting: ssl.SSLContext

    @property
    def address(self) -> str:
        """Of the one large answer."""
        return f"https://127.0.0.1:{self.port}/"


@pytest.fixture(params=SERVERS)
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    _, trusting = certificate(tmp_path)
    pem = tmp_path / "mail.pem"
    settings = Settings(_env_file=None, tls_certificate=pem, tls_key=pem)
    listener, stop = listen("127.0.0.1", 0), asyncio.Event()
    port = port_of(listener)
    serve = SERVERS[request.param](large_app(), listener, stop, drain_seconds=0.1, tls=tls_files(settings))
    serving = asyncio.ensure_future(serve)
    yield Served(port, trusting)
    stop.set()
    await serving
    listener.detach()  # the server has closed it


async def test_answers_come_over_tls_to_who_trusts_the_certificate(served: Served) -> None:
    async with httpx.AsyncClient(verify=served.trusting) as client:
        answer = await client.get(served.address)
    async with httpx.AsyncClient(verify=ssl.create_default_context()) as stranger:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await stranger.get(served.address)
    assert (answer.status_code, answer.content) == (200, LARGE)


async def test_who_speaks_plain_http_to_it_gets_no_answer_of_the_app(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try:
        told = await asyncio.wait_for(reader.read(-1), 10)
    except ConnectionError:
        told = b""
    writer.close()

    assert b"200" not in told
    assert len(told) < len(LARGE)


@pytest.mark.parametrize("server", ["granian", "uvicorn"])
async def test_a_rest_listener_of_its_own_has_the_tls_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _, trusting = certificate(tmp_path)
    pem = tmp_path / "mail.pem"
    settings = Settings(
        _env_file=None, rest_server=server, port=0, rest_port=0, ops_port=0, tls_certificate=pem, tls_key=pem
    )
    ups: asyncio.Queue[Up] = asyncio.Queue()
    stop = asyncio.Event()
    running = asyncio.create_task(run_local(settings, LocalOptions(), ups.put_nowait, stop))
    try:
        up = await asyncio.wait_for(ups.get(), 30)
        async with httpx.AsyncClient(verify=trusting) as client:
            answer = await client.get(f"{up.http}/public/v1/time")
        async with websockets.connect(up.ws, ssl=trusting):
            stop.set()
    finally:
        stop.set()
        await asyncio.wait_for(running, 20)

    assert (up.http[:6], up.ws[:4]) == ("https:", "wss:")
    assert answer.status_code == 200


@pytest.mark.parametrize("alone", ["tls_certificate", "tls_key"])
def test_one_file_alone_is_refused_before_anything_is_served_in_clear(tmp_path: Path, alone: str) -> None:
    certificate(tmp_path)
    one: dict[str, Any] = {alone: tmp_path / "mail.pem"}
    with pytest.raises(SettingsError, match="OMNIAXS_TLS_CERTIFICATE and OMNIAXS_TLS_KEY are a pair"):
        listen_publicly(Settings(_env_file=None, port=0, **one))


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("key", ["absent.pem", "empty.pem", "locked.pem", "of-another.pem"])
def test_files_that_cannot_be_used_are_named_at_the_start(tmp_path: Path, key: str, server: str) -> None:
    certificate(tmp_path)
    (tmp_path / "empty.pem").write_bytes(b"")
    for name, encryption in (("of-another", NoEncryption()), ("locked", BestAvailableEncryption(b"a password"))):
        private = ec.generate_private_key(ec.SECP256R1())
        file = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        (tmp_path / f"{name}.pem").write_bytes(file)
    files: dict[str, Any] = {"tls_certificate": tmp_path / "mail.pem", "tls_key": tmp_path / key}
    with pytest.raises(SettingsError, match=f"OMNIAXS_TLS_KEY={tmp_path / key}: .+; both must be PEM files"):
        listen_publicly(Settings(_env_file=None, rest_server=server, port=0, rest_port=0, **files))
