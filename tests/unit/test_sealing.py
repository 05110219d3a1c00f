"""The key ring: what it seals only it opens, and whatever else comes in gets a readable error without a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.runtime.settings import DEMO_KEY_RING
from storage.sealing import KeyRing, UnknownKey, Unreadable

SECRET, OTHER = "first-secret-of-the-ring", "second-secret-of-the-ring"
RING = KeyRing({"one": SECRET, "two": OTHER})


@given(plain=st.binary(max_size=300), context=st.binary(max_size=40))
def test_opens_what_it_sealed(plain: bytes, context: bytes) -> None:
    assert RING.open(RING.seal(plain, context), context) == plain


@given(plain=st.binary(max_size=60), context=st.binary(max_size=20), elsewhere=st.binary(max_size=20))
def test_a_sealed_text_belongs_to_its_context(plain: bytes, context: bytes, elsewhere: bytes) -> None:
    sealed = RING.seal(plain, context)
    if context == elsewhere:
        assert RING.open(sealed, elsewhere) == plain
    else:
        with pytest.raises(Unreadable, match="belongs elsewhere"):
            RING.open(sealed, elsewhere)


@given(plain=st.binary(max_size=60), data=st.data())
def test_no_changed_character_opens(plain: bytes, data: st.DataObject) -> None:
    sealed = RING.seal(plain)
    place = data.draw(st.integers(0, len(sealed) - 1))
    other = data.draw(st.characters().filter(lambda character: character != sealed[place]))
    changed = sealed[:place] + other + sealed[place + 1 :]
    try:
        opened = RING.open(changed)
    except (Unreadable, UnknownKey):
        return
    # The last base64 digit may carry bits that stand for nothing; only then is a changed text the same secret.
    assert opened == plain
    assert place >= len(sealed) - 3


@given(st.text(max_size=120))
def test_any_other_text_is_unreadable(text: str) -> None:
    with pytest.raises((Unreadable, UnknownKey)):
        RING.open(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not a sealed text"),
        ("v1.one", "not a sealed text"),
        ("v2.one.AAAA", "not a sealed text"),
        ("v1.o e.AAAA", "not a sealed text"),
        ("v1.one.*", "not base64url"),
        ("v1.one.\u00e4", "not base64url"),
        ("v1.one.AAAA", "cut off"),
        ("v1.one." + "A" * 16, "was changed"),
    ],
)
def test_unreadable_says_why(text: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        RING.open(text)


def test_the_same_secret_is_sealed_differently_each_time() -> None:
    assert len({RING.seal(b"secret") for _ in range(100)}) == 100


def test_a_key_moved_to_another_id_does_not_open() -> None:
    same_secret_twice = KeyRing({"one": SECRET, "two": SECRET})
    moved = same_secret_twice.seal(b"x").replace("v1.one.", "v1.two.")
    with pytest.raises(Unreadable):
        same_secret_twice.open(moved)


def test_an_unknown_key_is_named() -> None:
    with pytest.raises(UnknownKey, match="'two'"):
        KeyRing({"one": SECRET}).open(KeyRing({"two": OTHER}).seal(b"x"))


def test_a_different_secret_under_the_same_id_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="'one'"):
        KeyRing({"one": OTHER}).open(RING.seal(b"x"))


def test_rotation_puts_a_new_key_first_and_reseals() -> None:
    sealed = KeyRing.parse(f"old:{SECRET}").seal(b"the secret", b"key_1")
    rotated = KeyRing.parse(f"new:{OTHER}, old:{SECRET}")
    assert rotated.needs_reseal(sealed)
    again = rotated.reseal(sealed, b"key_1")
    assert not rotated.needs_reseal(again)
    assert KeyRing.parse(f"new:{OTHER}").open(again, b"key_1") == b"the secret"


def test_the_demo_setting_is_a_ring() -> None:
    ring = KeyRing.parse(DEMO_KEY_RING)
    assert ring.open(ring.seal(b"x")) == b"x"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "key 1 of the key ring is not of the form"),
        (f"one:{SECRET},{OTHER}", "key 2 of the key ring is not of the form"),
        (f"one:{SECRET},one:{OTHER}", "'one' twice"),
        (f":{SECRET}", "must be 1 to 32"),
        (f"o.e:{SECRET}", "must be 1 to 32"),
        ("one:short", "shorter than 16"),
    ],
)
def test_a_bad_setting_is_named_without_its_secret(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        KeyRing.parse(text)
    assert SECRET not in str(refused.value)
    assert OTHER not in str(refused.value)
    assert "short:" not in str(refused.value)


def test_an_empty_ring_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        KeyRing({})


def test_a_ring_shows_ids_only() -> None:
    assert repr(RING) == "KeyRing(one, two)"


def test_a_keyed_hash_is_matched_by_its_text_context_and_ring_alone() -> None:
    ring = KeyRing({"new": "a secret of enough characters", "old": "another one of enough characters"})
    said = KeyRing({"old": "another one of enough characters"}).keyed_hash(b"123456", b"challenge-1")
    assert ring.matches(said, b"123456", b"challenge-1")
    assert not ring.matches(said, b"123457", b"challenge-1")
    assert not ring.matches(said, b"123456", b"challenge-2")
    assert not ring.matches(said, b"1123456", b"challenge-")
    assert ring.keyed_hash(b"x", b"").startswith("h1.new.")


def test_a_keyed_hash_of_a_key_that_the_ring_does_not_hold_is_said() -> None:
    said = KeyRing({"gone": "a secret of enough characters"}).keyed_hash(b"123456", b"")
    with pytest.raises(UnknownKey):
        KeyRing({"new": "a secret of enough characters"}).matches(said, b"123456", b"")
    with pytest.raises(UnknownKey):
        KeyRing({"new": "a secret of enough characters"}).matches("123456", b"123456", b"")
