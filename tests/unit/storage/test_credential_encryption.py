"""Credentials as JWE: what anybody encrypts to a published key is opened, nothing else is, and nothing is told of either."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwe as joserfc_jwe
from joserfc.jwk import ECKey, RSAKey
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from storage.credential_keys import Undecryptable, current, decrypt, make_key
from storage.models.credentials import Ciphertexts, CredentialKey, OpenedCredential
from storage.sealing import KeyRing, UnknownKey

RING = KeyRing.parse("test:sixteen characters or more")
RSA, EC = make_key("RSA-OAEP-256", 1, RING, 1), make_key("ECDH-ES", 1, RING, 1)
OLDER = make_key("ECDH-ES", 2, RING, 1)
KEYS = [RSA, EC]
EITHER = st.sampled_from(KEYS)


def by_jwcrypto(key: CredentialKey, plain: str, **header: object) -> str:
    """A JWE by another library than the one that opens it, to what is published of a key."""
    protected = {"alg": key.algorithm, "enc": "A256GCM", "kid": key.kid, **header}
    protected = {name: value for name, value in protected.items() if value is not None}
    token = JWE(plain.encode(), json.dumps(protected), algs=[*JWE().allowed_algs, "DEF"])
    token.add_recipient(JWK.from_json(json.dumps(key.public)))
    return str(token.serialize(compact=True))


@settings(max_examples=25)
@given(EITHER, st.text(min_size=1, max_size=200))
def test_what_another_library_encrypts_is_opened(key, plain):
    assert decrypt(by_jwcrypto(key, plain), KEYS, RING) == plain


@settings(max_examples=15)
@given(EITHER, st.text(min_size=1, max_size=100), st.booleans())
def test_a_header_without_kid_finds_its_key(key, plain, typed):
    header = {"alg": key.algorithm, "enc": "A256GCM", **({"typ": "JWE", "x-note": "mine"} if typed else {})}
    public = RSAKey.import_key(key.public) if key.public["kty"] == "RSA" else ECKey.import_key(key.public)
    registry = joserfc_jwe.JWERegistry(algorithms=[key.algorithm, "A256GCM"], strict_check_header=False)
    assert decrypt(joserfc_jwe.encrypt_compact(header, plain, public, registry=registry), [OLDER, *KEYS], RING) == plain


@settings(max_examples=60)
@given(EITHER, st.data())
def test_what_was_changed_is_not_opened(key, data):
    """Any other character anywhere, where it is another one once decoded."""
    token = by_jwcrypto(key, "a secret")
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_.=~\u00e9 ").filter(lambda letter: letter != token[place]))
    changed = token[:place] + other + token[place + 1 :]
    if decoded(changed) == decoded(token):
        return
    with pytest.raises(Undecryptable) as refused:
        decrypt(changed, KEYS, RING)
    assert "a secret" not in str(refused.value)


def decoded(token: str) -> list[bytes] | None:
    """The segments of a JWE but for the header, which is authenticated as it is written."""
    parts = token.split(".")
    try:
        return [parts[0].encode(), *(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts[1:])]
    except ValueError:
        return None


@settings(max_examples=60)
@given(
    st.one_of(st.text(max_size=300), st.lists(st.text("AB-_{}=", max_size=20), min_size=5, max_size=5).map(".".join))
)
def test_any_other_text_is_not_opened(text):
    with pytest.raises(Undecryptable):
        decrypt(text, KEYS, RING)


HEADERS = st.dictionaries(
    st.sampled_from(["alg", "enc", "kid", "epk", "crit", "zip", "apu", "apv", "p2c"]),
    st.one_of(st.none(), st.integers(), st.text(max_size=10), st.lists(st.text(max_size=3), max_size=2),
              st.dictionaries(st.sampled_from(["kty", "crv", "x", "y", "d"]), st.text(max_size=6), max_size=5),
              st.sampled_from(["RSA-OAEP-256", "ECDH-ES", "A256GCM", "dir", EC.kid])),
    max_size=6,
)  # fmt: skip


@settings(max_examples=100)
@given(HEADERS, EITHER, st.lists(st.binary(max_size=40), min_size=4, max_size=4))
def test_any_header_is_refused_in_one_way(header, key, segments):
    whole = {"alg": key.algorithm, "enc": "A256GCM", **header}
    parts = [json.dumps(whole).encode(), *segments]
    token = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    with pytest.raises(Undecryptable):
        decrypt(token, KEYS, RING)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"enc": "A128GCM"}, "not a JWE of"),
        ({"alg": "RSA-OAEP"}, "not a JWE of"),
        ({"zip": "DEF"}, "`crit` or `zip`"),
        ({"kid": "credentials-rsa-oaep-256-9"}, "no RSA-OAEP-256 key of ours"),
    ],
)
def test_a_jwe_of_another_kind_says_which_is_wanted(header, says):
    with pytest.raises(Undecryptable, match=says):
        decrypt(by_jwcrypto(RSA, "a secret", **header), KEYS, RING)


def test_what_is_encrypted_to_somebody_else_is_not_opened():
    stranger = make_key("ECDH-ES", 1, RING, 1)
    for kid in (EC.kid, None):
        with pytest.raises(Undecryptable, match="another key"):
            decrypt(by_jwcrypto(stranger, "a secret", kid=kid), KEYS, RING)


def test_bytes_that_are_no_text_are_not_taken_for_one():
    token = joserfc_jwe.encrypt_compact(
        {"alg": "ECDH-ES", "enc": "A256GCM"},
        b"\xff\xfe",
        ECKey.import_key(EC.public),
        algorithms=["ECDH-ES", "A256GCM"],
    )
    with pytest.raises(Undecryptable, match="UTF-8"):
        decrypt(token, KEYS, RING)


def test_a_key_whose_seal_cannot_be_opened_says_so():
    with pytest.raises(UnknownKey, match="test"):
        decrypt(by_jwcrypto(EC, "a secret"), KEYS, KeyRing.parse("other:sixteen characters or more"))


def test_the_newest_key_of_each_algorithm_is_published_without_its_private_part():
    assert [key.kid for key in current([EC, RSA, OLDER])] == ["credentials-ecdh-es-2", "credentials-rsa-oaep-256-1"]
    for key in (EC, RSA):
        assert {"d", "p", "q", "dp", "dq", "qi"}.isdisjoint(key.public)
        assert (key.public["use"], key.public["alg"], key.public["kid"]) == ("enc", key.algorithm, key.kid)
    assert len(base64.urlsafe_b64decode(RSA.public["n"] + "==")) * 8 == 3072


def test_what_is_shown_by_accident_tells_no_secret():
    given = Ciphertexts("key that nobody encrypted", "secret", "phrase")
    opened = OpenedCredential("plain key", "plain secret", "plain phrase")
    assert repr(given) == f"Ciphertexts({given.fingerprint})"
    assert repr(opened) == "OpenedCredential()"


@given(st.lists(st.text(max_size=5), min_size=3, max_size=3), st.lists(st.text(max_size=5), min_size=3, max_size=3))
def test_a_fingerprint_changes_with_any_part(one, other):
    assert (Ciphertexts(*one).fingerprint == Ciphertexts(*other).fingerprint) == ("\n".join(one) == "\n".join(other))
