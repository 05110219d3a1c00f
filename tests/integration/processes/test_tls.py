"""TLS by the server itself: with a certificate and its key in the settings, clients that trust it are served, others are not."""

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from ops.processes.serving import listen, port_of, serve_until, tls_files
from ops.runtime.settings import Settings
from tests.integration.mail.mail_house import certificate
from tests.integration.processes.test_slow_http_clients import LARGE, large_app


async def test_answers_come_over_tls_to_who_trusts_the_certificate(tmp_path: Path) -> None:
    _, trusting = certificate(tmp_path)
    pem = tmp_path / "mail.pem"
    settings = Settings(_env_file=None, tls_certificate=pem, tls_key=pem)
    listener, stop = listen("127.0.0.1", 0), asyncio.Event()
    address = f"https://127.0.0.1:{port_of(listener)}/"
    serving = asyncio.create_task(serve_until(large_app(), listener, stop, drain_seconds=0.1, tls=tls_files(settings)))
    try:
        async with httpx.AsyncClient(verify=trusting) as client:
            answer = await client.get(address)
        async with httpx.AsyncClient(verify=ssl.create_default_context()) as stranger:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await stranger.get(address)
    finally:
        stop.set()
        await serving
        listener.detach()  # hypercorn has closed it
    assert (answer.status_code, answer.content) == (200, LARGE)


def test_one_file_alone_is_no_tls(tmp_path: Path) -> None:
    assert tls_files(Settings(_env_file=None, tls_certificate=tmp_path / "a.pem")) is None
