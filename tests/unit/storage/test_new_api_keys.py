"""New API keys: a secret of its own for each, sealed for its key id alone."""

import pytest

from storage.api_keys import sealed_key, secret_of
from storage.models.tenants import ApiKey
from storage.sealing import KeyRing, Unreadable

RING = KeyRing({"k1": "a secret of the tests"})


def made(key_id: str) -> ApiKey:
    return sealed_key(RING, key_id=key_id, tenant_id="ten_1", label="x", scopes=("stream",), now=5)


def test_each_key_has_a_secret_of_its_own() -> None:
    secrets = {secret_of(RING, made(f"pmk_{number}")) for number in range(50)}
    assert len(secrets) == 50
    assert {len(secret) for secret in secrets} == {43}  # 32 random bytes as base64url


def test_a_secret_is_nowhere_in_the_key_and_opens_under_its_id_alone() -> None:
    key = made("pmk_1")
    assert secret_of(RING, key) not in key.model_dump_json()
    with pytest.raises(Unreadable):
        secret_of(RING, key.model_copy(update={"key_id": "pmk_2"}))
