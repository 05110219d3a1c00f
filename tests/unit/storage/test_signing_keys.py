"""The ring of signing keys: derived from text, the first signs, nothing secret is shown."""

import json

import pytest

from storage.signing_keys import SigningKeys

TEXT = "k2:a secret: of sixteen,k1:another of sixteen or more"


def test_the_first_one_signs_and_all_are_published():
    keys = SigningKeys.parse(TEXT)
    assert keys.signing_key_id == "k2"
    published = keys.jwks()["keys"]
    assert [key["kid"] for key in published] == ["k2", "k1"]
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in published)
    assert {(key["kty"], key["crv"], key["use"], key["alg"]) for key in published} == {
        ("OKP", "Ed25519", "sig", "EdDSA")
    }


def test_the_same_text_gives_the_same_keys_and_another_secret_others():
    assert SigningKeys.parse(TEXT).jwks() == SigningKeys.parse(TEXT).jwks()
    one, other = (SigningKeys.parse(f"k:{secret}").jwks()["keys"][0]["x"] for secret in ("a" * 16, "b" * 16))
    assert one != other


def test_what_one_signs_the_ring_verifies():
    keys = SigningKeys.parse(TEXT)
    signature = keys.signing_key.sign(b"text")
    keys.public_key("k2").verify(signature, b"text")
    assert keys.public_key("k3") is None


def test_nothing_secret_is_shown():
    keys = SigningKeys.parse(TEXT)
    shown = repr(keys) + json.dumps(keys.jwks())
    assert "sixteen" not in shown
    assert repr(keys) == "SigningKeys(k2, k1)"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "signing key 1 is not of the form id:secret"),
        ("k1:a secret of sixteen,k2", "signing key 2 is not of the form"),
        ("k1:a secret of sixteen,k1:another of sixteen", "twice"),
        ("k 1:a secret of sixteen", "letters, digits"),
        ("k1:short", "the signing key 'k1' is shorter than 16"),
    ],
)
def test_bad_rings_say_what_is_wrong_but_no_secret(text, problem):
    with pytest.raises(ValueError, match=problem) as error:
        SigningKeys.parse(text)
    assert "secret of sixteen" not in str(error.value)
