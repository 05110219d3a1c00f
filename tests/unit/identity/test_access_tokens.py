"""Access tokens: counted to the second, for one audience, under our keys and our algorithm alone."""

import base64
import hmac
import json
from hashlib import sha256

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import OKPAlgorithm

from gateway.identity.sessions.access_tokens import ISSUER, TYPE, AccessTokens
from ops.runtime.errors import HubError
from storage.signing_keys import SigningKeys

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND
KEYS = SigningKeys.parse("new:a secret of sixteen or more,old:another of sixteen or more")
TOKENS = AccessTokens(KEYS, ISSUER)
CLAIMS = {
    "iss": ISSUER, "aud": "user", "sub": "usr_1", "sid": "ses_1", "jti": "t", "iat": NOW // SECOND, "exp": NOW // SECOND + 900,
}  # fmt: skip


def refusal(token: str, audience: str = "user", now: int = NOW, tokens: AccessTokens = TOKENS) -> str:
    with pytest.raises(HubError) as error:
        tokens.read(token, audience, now)
    return error.value.code


def signed(header: dict | None = None, key=KEYS.signing_key, **changes) -> str:
    """A token signed with our key, with other claims or header than ours."""
    claims = {name: value for name, value in {**CLAIMS, **changes}.items() if value is not None}
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "new", "typ": TYPE, **(header or {})})


def encoded(part: dict) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")


def test_what_is_issued_is_read():
    claims = TOKENS.read(TOKENS.issue("user", "usr_1", "ses_1", None, NOW), "user", NOW)
    assert (claims.audience, claims.subject_id, claims.session_id, claims.role) == ("user", "usr_1", "ses_1", None)
    assert claims.expires_at - claims.issued_at == 900
    admin = TOKENS.read(TOKENS.issue("admin", "adm_1", "ses_2", "ops_admin", NOW), "admin", NOW)
    assert (admin.subject_id, admin.role) == ("adm_1", "ops_admin")


def test_every_token_has_an_id_of_its_own():
    tokens = [TOKENS.issue("user", "usr_1", "ses_1", None, NOW) for _ in range(5)]
    assert len({TOKENS.read(token, "user", NOW).token_id for token in tokens}) == 5


@pytest.mark.parametrize("late", [0, 1, 999_999_999])
def test_the_end_is_right_to_the_second(late):
    issued = NOW + late
    token = TOKENS.issue("user", "usr_1", "ses_1", None, issued)
    last = NOW + 900 * SECOND - 1
    assert TOKENS.read(token, "user", last).session_id == "ses_1"
    assert refusal(token, now=last + 1) == "auth.token_expired"


def test_doors_do_not_open_for_the_other_audience():
    user = TOKENS.issue("user", "usr_1", "ses_1", None, NOW)
    admin = TOKENS.issue("admin", "adm_1", "ses_2", "super_admin", NOW)
    assert refusal(user, "admin") == refusal(admin, "user") == "auth.token_invalid"


def test_an_expired_token_of_the_wrong_audience_is_invalid_first():
    assert (
        refusal(TOKENS.issue("user", "usr_1", "s", None, NOW), "admin", NOW + 10_000 * SECOND) == "auth.token_invalid"
    )


def test_rotation_old_keys_verify_and_removed_ones_do_not():
    before = AccessTokens(SigningKeys.parse("old:another of sixteen or more"), ISSUER)
    token = before.issue("user", "usr_1", "ses_1", None, NOW)
    assert TOKENS.read(token, "user", NOW).subject_id == "usr_1"
    assert refusal(TOKENS.issue("user", "usr_1", "ses_1", None, NOW), tokens=before) == "auth.token_invalid"


def test_another_ring_with_the_same_key_id_is_refused():
    stranger = AccessTokens(SigningKeys.parse("new:a different secret of sixteen"), ISSUER)
    assert refusal(stranger.issue("user", "usr_1", "ses_1", None, NOW)) == "auth.token_invalid"


def test_unsigned_tokens_are_refused():
    for algorithm in ("none", "None", "NONE", ""):
        header = {"alg": algorithm, "kid": "new", "typ": TYPE}
        for signature in (b"", b"AAAA"):
            token = b".".join([encoded(header), encoded(CLAIMS), signature]).decode()
            assert refusal(token) == "auth.token_invalid"


@pytest.mark.parametrize("form", [(Encoding.Raw, PublicFormat.Raw), (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)])
@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA"])
def test_the_public_key_is_no_secret_to_sign_with(form, algorithm):
    public = KEYS.public_key("new").public_bytes(*form)
    signed_part = encoded({"alg": algorithm, "kid": "new", "typ": TYPE}) + b"." + encoded(CLAIMS)
    signature = base64.urlsafe_b64encode(hmac.digest(public, signed_part, sha256)).rstrip(b"=")
    assert refusal((signed_part + b"." + signature).decode()) == "auth.token_invalid"


@pytest.mark.parametrize("kid", ["unknown", "", "../new", None])
def test_unknown_key_ids(kid):
    assert refusal(signed({"kid": kid} if kid is not None else {"kid": "None"})) == "auth.token_invalid"


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": None}])
def test_other_things_that_our_key_signs_are_no_access_tokens(header):
    assert refusal(signed(header)) == "auth.token_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "another"}, {"iss": None}, {"aud": ["user", "admin"]}, {"aud": ["user"]}, {"aud": None}, {"sub": None},
        {"sub": ""}, {"sub": 7}, {"sid": None}, {"sid": ["ses_1"]}, {"jti": None}, {"iat": None}, {"exp": None},
        {"exp": "soon"}, {"exp": 1e300}, {"exp": True}, {"role": "super_admin"}, {"aud": "admin"},
        {"aud": "admin", "role": "god"},
    ],
)  # fmt: skip
def test_claims_that_no_token_of_ours_has(changes):
    audience = "admin" if changes.get("aud") == "admin" else "user"
    assert refusal(signed(**changes), audience) == "auth.token_invalid"


@given(place=st.integers(0, 10_000), bit=st.integers(0, 5))
def test_no_change_of_a_letter_is_taken(place, bit):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    token = signed()
    at = place % len(token)
    changed = "A" if token[at] == "." else letters[letters.index(token[at]) ^ (1 << bit)]
    forged = token[:at] + changed + token[at + 1 :]
    if at == len(token) - 1 and bit < 4:
        return  # the last letter carries two bits of the signature; the other four are padding
    assert refusal(forged) == "auth.token_invalid"


@given(text=st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
def test_anything_else_is_refused_in_words(text):
    assert refusal(text) == "auth.token_invalid"


def test_a_client_can_verify_with_the_published_keys():
    token = TOKENS.issue("user", "usr_1", "ses_1", None, NOW)
    kid = jwt.get_unverified_header(token)["kid"]
    [key] = [OKPAlgorithm.from_jwk(one) for one in KEYS.jwks()["keys"] if one["kid"] == kid]
    options = {"verify_exp": False}
    assert jwt.decode(token, key, ["EdDSA"], options, audience="user", issuer=ISSUER)["sub"] == "usr_1"
