"""One effect for each key: simultaneous tries, kills at every step, what is kept, what is let go, and for how long."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http.answer import Answer
from ops.runtime.errors import CATALOGUE, HubError
from storage.sealing import KeyRing
from tests.unit.http.effects.effect_world import Turns, World

STEPS = ["before insert", "after insert", "before effect", "after effect", "before finish", "after finish"]


def code(answer: Answer) -> str:
    said = json.loads(answer.body)
    return "ok" if said["success"] else said["error"]["code"]


def fields(answer: Answer) -> dict[bytes, bytes]:
    return dict(answer.fields)


def is_repeat(answer: Answer) -> bool:
    return fields(answer).get(b"idempotency-replayed") == b"true"


async def test_a_repeat_gets_the_same_bytes_and_nothing_is_done_again():
    world = World()
    first = await world.send(headers=[(b"accept-language", b"zh-CN")])
    again = await world.send(headers=[(b"accept-language", b"en-US")])
    assert (first.status, first.body) == (again.status, again.body)
    assert (is_repeat(first), is_repeat(again)) == (False, True)
    assert {name: fields(again)[name] for name in (b"x-trace-id", b"content-language")} == {
        b"x-trace-id": json.loads(first.body)["trace_id"].encode(), b"content-language": b"zh-CN",
    }  # fmt: skip
    assert (world.runs, len(world.made)) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [{"body": b'{"label":"two"}'}, {"body": b'{"label": "one"}'}, {"query": b"a=b"}],
)
async def test_another_request_under_the_key_is_refused(other):
    world = World()
    await world.send()
    refused = await world.send(**other)
    assert (refused.status, code(refused)) == (409, "idempotency.mismatch")
    assert world.runs == 1


@pytest.mark.parametrize("other", [{"key": "another key"}, {"method": "PATCH"}, {"path": b"/v1/others"}])
async def test_keys_methods_and_paths_do_not_meet(other):
    world = World()
    first, second = await world.send(), await world.send(**other)
    assert not is_repeat(second)
    assert (first.status, second.status, len(world.made)) == (200, 200, 2)


async def test_without_a_key_each_request_has_an_effect_of_its_own():
    world = World()
    assert [(await world.send(key=None)).status for _ in range(3)] == [200] * 3
    assert len(world.made) == 3
    assert world.records.kept == {}


@pytest.mark.parametrize("key", ["1234567", "x" * 73, ""])
@pytest.mark.parametrize("required", [True, False])
async def test_a_key_that_is_none(key, required):
    refused = await World().send(key=key, required=required)
    assert (refused.status, code(refused)) == (422, "idempotency.key_required")


async def test_a_key_is_demanded_where_it_is_required():
    assert code(await World().send(key=None, required=True)) == "idempotency.key_required"


@pytest.mark.parametrize("refusal", ["request.malformed", "admin.forbidden", "user.not_found", "user.email_taken"])
async def test_decided_refusals_are_kept(refusal):
    status = CATALOGUE[refusal].status
    world = World(refusals=[HubError(refusal, {"role": "r"})], refuses_before_effect=True)
    first, again = await world.send(), await world.send()
    if status == 422:
        assert (first.status, again.status, world.runs) == (422, 200, 2)
        return
    assert (first.status, code(first), first.body) == (status, refusal, again.body)
    assert (again.status, is_repeat(again), world.runs) == (status, True, 1)
    assert world.measures.codes == [refusal, refusal]


@pytest.mark.parametrize("refusal", ["auth.session_ended", "auth.code_invalid", "rate.limited"])
async def test_after_401_422_and_429_the_key_is_free_for_a_corrected_request(refusal):
    world = World(refusals=[HubError(refusal)], refuses_before_effect=True)
    first = await world.send()
    again = await world.send(b'{"label":"corrected"}')
    assert (code(first), code(again), is_repeat(again)) == (refusal, "ok", False)
    assert len(world.made) == 1


@pytest.mark.parametrize("refusal", ["system.unavailable", "system.internal", "read.behind"])
async def test_after_what_may_pass_the_same_effect_is_tried_again(refusal):
    world = World(refusals=[HubError(refusal)])
    first = await world.send()
    assert (code(first), len(world.made)) == (refusal, 1)
    other = await world.send(b'{"label":"another"}')
    assert code(other) == "idempotency.mismatch"  # the first may have had its effect
    again = await world.send()
    assert (code(again), is_repeat(again), len(world.made), world.runs) == ("ok", False, 1, 2)


async def test_a_bug_leaves_no_key_stuck():
    world = World()
    endpoint_fails = [ValueError("a bug")]

    async def step(name: str) -> None:
        if name == "after effect" and endpoint_fails:
            raise endpoint_fails.pop()

    with pytest.raises(ValueError, match="a bug"):
        await world.send(step=step)
    assert (code(await world.send()), len(world.made)) == ("ok", 1)


async def test_an_answer_that_shows_a_secret_is_sealed_where_it_is_kept():
    world = World(secret=True)
    first, again = await world.send(b'{"label":"very secret"}'), await world.send(b'{"label":"very secret"}')
    assert first.body == again.body
    [record] = world.records.kept.values()
    assert record.answer.body is None
    assert "very secret" not in repr(record)


async def test_what_was_asked_stands_nowhere_and_cannot_be_guessed_from_the_hash():
    world = World()
    await world.send(b'{"password":"correct horse"}')
    [record] = world.records.kept.values()
    assert record.body_hash.startswith("h1.one.")
    other = KeyRing.parse("one:another secret of sixteen")
    assert not other.matches(record.body_hash, b"\n" + b'{"password":"correct horse"}', record.identity.encode())


@pytest.mark.parametrize(("hours", "repeated"), [(23.999, True), (24, False)])
async def test_answers_are_kept_for_a_day(hours, repeated):
    world = World()
    first = await world.send()
    world.clock.advance(hours * 3_600)
    again = await world.send()
    assert is_repeat(again) is repeated
    assert (first.body == again.body) is repeated
    assert len(world.made) == (1 if repeated else 2)


async def test_after_a_day_another_request_may_have_the_key():
    world = World()
    await world.send()
    world.clock.advance(86_400)
    assert code(await world.send(b'{"label":"two"}')) == "ok"


async def kill_at(world: World, wanted: str) -> None:
    """A gateway begins the write and dies at `wanted`."""
    turns = Turns()
    task = turns.start(lambda step: world.send(step=step))
    await turns.go_on(lambda name, _number: name == wanted)
    assert task in turns.killed
    await turns.end()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("secret", [True, False])
async def test_killed_at_every_step_the_retry_ends_right(step, secret):
    world = World(secret=secret)
    await kill_at(world, step)
    at_once = await world.send()
    if step == "before insert":
        assert (code(at_once), is_repeat(at_once)) == ("ok", False)
    elif step == "after finish":
        assert (code(at_once), is_repeat(at_once)) == ("ok", True)
    else:
        assert (at_once.status, code(at_once)) == (409, "idempotency.in_progress")
        assert fields(at_once)[b"retry-after"] == b"1"
        world.clock.advance(10)
    ended, repeat = await world.send(), await world.send()
    assert (code(ended), ended.body) == ("ok", repeat.body)
    assert len(world.made) == 1
    assert is_repeat(repeat)


async def test_a_retry_that_is_refused_keeps_the_effect_id_of_the_try_that_died():
    world = World()
    await kill_at(world, "after effect")
    world.clock.advance(10)
    world.refusals, world.refuses_before_effect = [HubError("auth.code_invalid")], True
    assert code(await world.send()) == "auth.code_invalid"
    assert code(await world.send()) == "ok"
    assert len(world.made) == 1


@pytest.mark.parametrize("steps", [(one, two) for one in STEPS[1:5] for two in ("after replace", *STEPS[2:5])])
async def test_killed_twice(steps):
    world = World()
    for step in steps:
        await kill_at(world, step)
        world.clock.advance(10)
    ended = await world.send()
    assert code(ended) == "ok"
    assert len(world.made) == 1
    assert (await world.send()).body == ended.body


async def test_a_try_that_was_only_slow_answers_as_the_one_that_took_over():
    world = World()
    turns = Turns()
    slow = turns.start(lambda step: world.send(step=step))
    await turns.go_on(lambda name, _number: name == "before finish")
    world.clock.advance(10)
    fast = await world.send()
    turns.killed.clear()  # it was not dead
    await turns.end()
    assert (slow.result().body, is_repeat(slow.result())) == (fast.body, True)
    assert len(world.made) == 1
    assert (await world.send()).body == fast.body


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32),
    gateways=st.integers(2, 6),
    kills=st.sets(st.integers(0, 40), max_size=4),
    late=st.booleans(),
)
async def test_whoever_comes_first_and_whoever_dies_there_is_one_effect(seed, gateways, kills, late):
    """Seeded interleavings: answers are one and the same or `in_progress`; what was left ends after the lease."""
    world, turns = World(), Turns(seed)
    tasks = [turns.start(lambda step: world.send(step=step)) for _ in range(gateways)]

    def wants_dead(_name: str, number: int) -> bool:
        if late and number % 7 == 6:
            world.clock.advance(3)  # slow: leases may end while their holders live
        return number in kills

    await turns.go_on(wants_dead)
    answers = [task.result() for task in tasks if task.done()]
    assert len(answers) == gateways - len(turns.killed)
    world.clock.advance(10)
    answers += [await world.send(), await world.send()]
    assert {code(answer) for answer in answers} <= {"ok", "idempotency.in_progress"}
    assert len({answer.body for answer in answers if answer.status == 200}) == 1
    assert len(world.made) == 1
    assert world.runs <= 1 + len(kills) or late
    await turns.end()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), codes=st.lists(st.sampled_from(["rate.limited", "system.unavailable"]), max_size=3))
async def test_refused_tries_between_others_leave_one_effect_and_no_stuck_key(seed, codes):
    world, turns = World(refusals=[HubError(one) for one in codes]), Turns(seed)
    world.refuses_before_effect = True
    tasks = [turns.start(lambda step: world.send(step=step)) for _ in range(4)]
    await turns.go_on()
    assert all(task.done() for task in tasks)
    for _ in codes:
        await world.send()
    assert code(await world.send()) == "ok"
    assert len(world.made) == 1
    assert world.records.kept[next(iter(world.records.kept))].answer is not None
    await turns.end()
