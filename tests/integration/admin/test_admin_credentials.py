"""Credentials over HTTP: kept, replaced, shown by a fingerprint, and nowhere else: no log, no trail, no answer, no store."""

import hashlib
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ops.processes.connector_parts import vault_of
from storage.mongo.credentials import COLLECTION
from storage.mongo.documents import Document
from tests.integration.admin.admin_desk import AdminDesk, Calling

PATH = "/exchange-credentials"
GIVEN = {
    "exchange_code": "XNAS", "credential_name": "main", "api_key_ciphertext": "hush-api-key",
    "api_secret_ciphertext": "hush-api-secret", "passphrase_ciphertext": "hush\npassphrase", "scope": {"hush": ["trade"]},
}  # fmt: skip


@pytest.fixture
async def ops(desk: AdminDesk, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Calling]:
    """An ops_admin; whatever is logged, answered, told or stored meanwhile has none of the parts in it."""
    caplog.set_level(logging.DEBUG)
    yield await desk.log_in("ops_admin")
    assert "hush" not in caplog.text
    assert "hush" not in json.dumps([one.model_dump() for one in await desk.told()])
    for name in await desk.database.list_collection_names():
        stored = [_without_scope(one) for one in await desk.database[name].find({}).to_list(None)]
        assert "hush" not in repr(stored), name


def _without_scope(document: Document) -> Document:
    """What a credential is for is no secret."""
    return {name: value for name, value in document.items() if name != "scope"}


async def test_a_credential_is_kept_and_shown_by_its_fingerprint(ops: Calling, desk: AdminDesk) -> None:
    stored = await ops.send("POST", PATH, GIVEN)
    parts = "hush-api-key\nhush-api-secret\nhush\npassphrase"
    data = stored.data
    assert data["credential_id"].startswith("crd_")
    assert data == {
        "action": "upsert", "status": "stored", "application_id": None, "provisioning_job_id": None,
        "credential_id": data["credential_id"], "exchange_code": "XNAS", "credential_name": "main",
        "fingerprint": hashlib.sha256(parts.encode()).hexdigest()[:16], "updated_at": "2024-08-08T14:30:00Z",
    }  # fmt: skip
    assert b"hush" not in stored.body
    [intended, done] = await desk.told()
    assert (intended.action, intended.target_type, intended.target_id) == (
        "credential.upsert", "credential", data["credential_id"],
    )  # fmt: skip
    assert (done.after or {})["fingerprint"] == data["fingerprint"]
    document = await desk.database[COLLECTION].find_one({"_id": data["credential_id"]})
    assert document is not None
    assert json.loads(document["scope"]) == {"hush": ["trade"]}
    assert desk.platform.key_ring.open(document["sealed_passphrase"], f"{document['_id']}:passphrase".encode()) == (
        b"hush\npassphrase"
    )


async def test_the_same_name_again_takes_its_place(ops: Calling, desk: AdminDesk) -> None:
    first = (await ops.send("POST", PATH, GIVEN)).data
    desk.clock.advance(60)
    second = (await ops.send("POST", PATH, {**GIVEN, "passphrase_ciphertext": None}, "")).data
    assert (second["credential_id"], second["updated_at"]) == (first["credential_id"], "2024-08-08T14:31:00Z")
    assert second["fingerprint"] != first["fingerprint"]
    assert (await desk.told())[-1].before == {
        name: first[name] for name in ("exchange_code", "credential_name", "fingerprint", "updated_at")
    }
    other = (await ops.send("POST", PATH, {**GIVEN, "credential_name": "backup"})).data
    assert other["credential_id"] != first["credential_id"]
    assert len(await vault_of(desk.platform).of_exchange("XNAS")) == 2


async def test_a_repeat_has_one_effect(ops: Calling, desk: AdminDesk) -> None:
    first = await ops.send("POST", PATH, GIVEN, "the-same-key")
    again = await ops.send("POST", PATH, GIVEN, "the-same-key")
    assert (again.body, again.headers.get("Idempotency-Replayed")) == (first.body, "true")
    assert len(await vault_of(desk.platform).of_exchange("XNAS")) == 1


@pytest.mark.parametrize(
    ("change", "name", "reason"),
    [
        ({"api_key_ciphertext": None}, "api_key_ciphertext", "not a string"),
        ({"api_secret_ciphertext": ""}, "api_secret_ciphertext", "empty or too long"),
        ({"passphrase_ciphertext": "hush" * 2049}, "passphrase_ciphertext", "empty or too long"),
        ({"credential_name": "a\nb"}, "credential_name", "a control character in it"),
        ({"scope": ["trade"]}, "scope", "not an object"),
        ({"scope": {"hush": "x" * 4096}}, "scope", "too large"),
        ({"api_key": "hush"}, "api_key", "unknown field"),
    ],
)
async def test_what_is_wrong_is_named_and_not_repeated(
    ops: Calling, change: dict[str, Any], name: str, reason: str
) -> None:
    refused = await ops.send("POST", PATH, {**GIVEN, **change})
    assert [(field["name"], field["reason"]) for field in refused.error["details"]["fields"]] == [(name, reason)]
    assert b"hush" not in refused.body


async def test_an_exchange_that_is_not_there_has_no_credentials(ops: Calling, desk: AdminDesk) -> None:
    refused = await ops.send("POST", PATH, {**GIVEN, "exchange_code": "NASDAQ"})
    assert (refused.status, refused.code) == (404, "exchange.not_found")
    assert await desk.told() == []
