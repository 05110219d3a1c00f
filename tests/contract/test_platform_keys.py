"""`GET /public/v1/keys`: with what it says anyone can check an access token."""

import jwt
from jwt import PyJWKSet

from gateway.identity.access_tokens import ISSUER


async def test_a_token_is_checked_with_the_published_keys(gateway):
    response = await gateway.open("GET", "/public/v1/keys")
    assert response.status_code == 200
    published = PyJWKSet.from_dict((await response.get_json())["data"])
    token = gateway.place.access_tokens.issue("user", "usr_1", "ses_1", None, gateway.clock.now())
    key = published[jwt.get_unverified_header(token)["kid"]]
    said = jwt.decode(token, key, ["EdDSA"], {"verify_exp": False}, audience="user", issuer=ISSUER)
    assert (said["sub"], said["sid"]) == ("usr_1", "ses_1")


async def test_no_private_part_is_published(gateway):
    response = await gateway.open("GET", "/public/v1/keys")
    assert all("d" not in key for key in (await response.get_json())["data"]["keys"])
    assert "sixteen" not in await response.get_data(as_text=True)
