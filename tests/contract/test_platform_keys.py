"""`GET /public/v1/keys`: with what it says anyone can check an access token."""

import json

import jwt
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from jwt import PyJWKSet

from gateway.identity.sessions.access_tokens import ISSUER
from ops.processes.connector_parts import vault_of
from storage.models.credentials import Ciphertexts, GivenCredential


async def test_a_token_is_checked_with_the_published_keys(gateway):
    response = await gateway.open("GET", "/public/v1/keys")
    assert response.status_code == 200
    published = PyJWKSet.from_dict((await response.get_json())["data"])
    token = gateway.place.access_tokens.issue("user", "usr_1", "ses_1", None, gateway.clock.now())
    key = published[jwt.get_unverified_header(token)["kid"]]
    said = jwt.decode(token, key, ["EdDSA"], {"verify_exp": False}, audience="user", issuer=ISSUER)
    assert (said["sub"], said["sid"]) == ("usr_1", "ses_1")


async def test_a_credential_is_encrypted_to_what_is_published(gateway):
    vault = vault_of(gateway.place.platform)
    await vault.make_first_keys()
    keys = (await (await gateway.open("GET", "/public/v1/keys")).get_json())["data"]["keys"]
    assert [key["alg"] for key in keys if key["use"] == "enc"] == ["ECDH-ES", "RSA-OAEP-256"]
    parts = [encrypted(key, "a secret") for key in keys if key["use"] == "enc"]
    stored = await vault.put("crd_1", GivenCredential("XNAS", "main", Ciphertexts(*parts, None)), 1)
    assert await vault.opened(stored) == ("a secret", "a secret", None)


def encrypted(key, plain):
    """A JWE as whoever reads the documentation makes it."""
    token = JWE(plain.encode(), json.dumps({"alg": key["alg"], "enc": "A256GCM", "kid": key["kid"]}))
    token.add_recipient(JWK.from_json(json.dumps(key)))
    return token.serialize(compact=True)


async def test_no_private_part_is_published(gateway):
    response = await gateway.open("GET", "/public/v1/keys")
    assert all("d" not in key for key in (await response.get_json())["data"]["keys"])
    assert "sixteen" not in await response.get_data(as_text=True)
