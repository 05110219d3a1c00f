"""The audit chain: whatever is changed, taken out, put in or swapped, the first link that is not as written is named."""

from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.models.audit import AuditEvent
from storage.models.audit_chain import EMPTY, Broken, Head, first_broken, linked
from storage.sealing import KeyRing

RING = KeyRing({"one": "first-secret-of-the-ring", "two": "second-secret-of-the-ring"})
OTHER = KeyRing({"one": "a-secret-that-is-not-theirs"})
LENGTH: Final = 8
Fields = dict[str, Any]


def unlinked(number: int) -> AuditEvent:
    return AuditEvent(
        event_id=f"evt_{number}",
        seq=0,
        ts=1_700_000_000_000_000_000 + number,
        actor_type="admin",
        actor_id="adm_1",
        action="user.status",
        target_type="user",
        target_id=f"usr_{number}",
        before={"status": "active", "count": number, "email": None},
        after={"status": "suspended", "kept": [True, "ß"]} if number % 2 else None,
        ip="203.0.113.7",
        trace_id=f"{number:032x}",
        stage="done",
        effect_id=f"effect-{number}" if number % 3 else "",
        prev_hash="",
        hash="",
    )


def trail(length: int = LENGTH, ring: KeyRing = RING) -> list[Fields]:
    head, links = EMPTY, []
    for number in range(1, length + 1):
        event = linked(unlinked(number), head, ring)
        head = Head(event.seq, event.hash)
        links.append(event.model_dump(mode="json"))
    return links


TRAIL: Final = trail()
places = st.integers(0, LENGTH - 1)


def test_a_trail_is_whole_and_says_its_head() -> None:
    heads = {link["seq"]: link["hash"] for link in TRAIL}
    assert first_broken(TRAIL, RING, heads) is None
    assert first_broken([], RING) is None
    assert [link["seq"] for link in TRAIL] == list(range(1, LENGTH + 1))
    assert [link["prev_hash"] for link in TRAIL[1:]] == [link["hash"] for link in TRAIL[:-1]]


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))]
    if isinstance(value, list):
        return [leaf for index, inner in enumerate(value) for leaf in leaves(inner, (*path, index))]
    return [path]


def other_than(value: Any, data: st.DataObject) -> Any:
    """`value` with one character, digit or type changed."""
    if isinstance(value, bool) or value is None:
        return data.draw(st.sampled_from(["x", 1.5, 7]))
    if isinstance(value, int):
        return data.draw(st.sampled_from([value + 1, value - 1, value ^ 256, float(value) + 0.5, str(value)]))
    place = data.draw(st.integers(0, len(value)))
    character = data.draw(st.characters(codec="utf-8"))
    changed = value[:place] + character + value[place + 1 :]
    return changed if changed != value else value + "x"


@given(place=places, data=st.data())
def test_a_changed_field_is_named(place: int, data: st.DataObject) -> None:
    links = deepcopy(TRAIL)
    *path, last = data.draw(st.sampled_from(leaves(links[place])))
    holder = links[place]
    for step in path:
        holder = holder[step]
    holder[last] = other_than(holder[last], data)
    broken = first_broken(links, RING)
    assert broken is not None
    assert broken.seq == place + 1 or (last == "seq" and broken.seq == holder["seq"])


@given(place=places, data=st.data())
def test_a_field_that_is_gone_or_added_is_named(place: int, data: st.DataObject) -> None:
    links = deepcopy(TRAIL)
    present = [name for name, value in links[place].items() if value is not None]
    name = data.draw(st.sampled_from([*present, "note"]))
    if name == "note":
        links[place]["note"] = "x"
    else:
        del links[place][name]
    broken = first_broken(links, RING)
    assert broken is not None
    assert broken.seq == place + 1


@given(place=places, count=st.integers(1, LENGTH))
def test_a_removal_is_named(place: int, count: int) -> None:
    heads = {LENGTH: TRAIL[-1]["hash"]}
    broken = first_broken([*TRAIL[:place], *TRAIL[place + count :]], RING, heads)
    assert broken is not None
    assert broken.seq == place + 1
    assert "missing" in broken.what


@given(place=st.integers(0, LENGTH), ring=st.sampled_from([RING, OTHER]), renumber=st.booleans())
def test_an_insertion_is_named(place: int, ring: KeyRing, *, renumber: bool) -> None:
    """Made by somebody without the keys, or a link of ours from elsewhere; the links behind it renumbered, or not."""
    head = Head(place, TRAIL[place - 1]["hash"] if place else "")
    forged = linked(unlinked(99), head, ring).model_dump(mode="json")
    behind = deepcopy(TRAIL[place:])
    if renumber:
        for link in behind:
            link["seq"] += 1
    broken = first_broken([*TRAIL[:place], forged, *behind], RING)
    if place == LENGTH and ring is RING:
        assert broken is None  # that is an append by somebody who has the keys
        return
    assert broken is not None
    own = ring is RING
    assert broken.seq == (place + 2 if own and renumber else place + 1)


@given(first=places, second=places, move_seq=st.booleans())
def test_a_swap_is_named(first: int, second: int, *, move_seq: bool) -> None:
    links = deepcopy(TRAIL)
    links[first], links[second] = links[second], links[first]
    if not move_seq:
        links[first]["seq"], links[second]["seq"] = links[second]["seq"], links[first]["seq"]
    broken = first_broken(links, RING)
    if first == second:
        assert broken is None
        return
    assert broken is not None
    assert broken.seq == min(first, second) + 1


@given(left=st.integers(0, LENGTH - 1), published=st.integers(1, LENGTH))
def test_a_cut_tail_shows_by_the_published_heads(left: int, published: int) -> None:
    broken = first_broken(TRAIL[:left], RING, {published: TRAIL[published - 1]["hash"]})
    assert (broken is None) == (published <= left)
    if broken is not None:
        assert broken.seq == left + 1
        assert f"the head {published} was published" in broken.what


def test_a_trail_that_was_written_anew_by_somebody_with_the_keys_shows_by_the_published_heads() -> None:
    anew = trail(LENGTH)[:3]
    event = linked(unlinked(77), Head(3, anew[2]["hash"]), RING)
    heads = {number: TRAIL[number - 1]["hash"] for number in (2, 4)}
    assert first_broken([*anew, event.model_dump(mode="json")], RING, heads) == Broken(
        4, "its hash is not the one that was published as the head: the trail was written anew"
    )


def test_a_key_that_the_ring_does_not_hold_is_named() -> None:
    broken = first_broken(trail(3, KeyRing({"gone": "a-secret-that-has-gone"})), RING)
    assert broken == Broken(1, "it was hashed by the key 'gone', which the key ring does not hold")


@pytest.mark.parametrize("rotated", [KeyRing({"two": "second-secret-of-the-ring", "one": "first-secret-of-the-ring"})])
def test_a_trail_goes_on_under_a_new_key(rotated: KeyRing) -> None:
    event = linked(unlinked(9), Head(LENGTH, TRAIL[-1]["hash"]), rotated)
    assert event.hash.startswith("h1.two.")
    assert first_broken([*TRAIL, event.model_dump(mode="json")], RING) is None
