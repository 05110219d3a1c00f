"""What a soak's verdict rests on, and that it survives and reports a process that dies."""

import asyncio
import time
from email.message import EmailMessage
from pathlib import Path
from random import Random

import pytest

from ops.bench.soak.beats import begin_at
from ops.bench.soak.fleet import Death, Fleet, Member
from ops.bench.soak.outcome import Outcome, Sample
from ops.bench.soak.people import Mailboxes
from ops.bench.soak.picture import draw
from ops.bench.soak.plan import WORK, Addresses, Plan, ServicesMissing
from ops.bench.soak.sampling import DESCRIPTORS, MEMORY, Sampler, since
from ops.bench.soak.told import LOAD, Told
from ops.bench.soak.verdict import judged

MINUTE = 60.0


def rising(per_hour: float, noise: float = 0.0, start: float = 100.0) -> list[tuple[float, float]]:
    random = Random(3)  # noqa: S311
    return [(at, start + per_hour * at / 3_600 + random.gauss(0, noise)) for at in range(600, 3_600, 10)]


@pytest.mark.parametrize(
    ("series", "points", "word"),
    [
        (MEMORY, rising(0), "flat"),
        (MEMORY, rising(3.9), "flat"),
        (MEMORY, rising(20), "GROWS"),
        (MEMORY, rising(-20), "flat"),
        (DESCRIPTORS, rising(5, start=50), "GROWS"),
        ("request p99 ms", rising(20, noise=300), "within its noise"),
        ("request p99 ms", rising(40, start=10), "GROWS"),
    ],
)
def test_a_series_grows_when_its_line_rises_above_the_bound_by_more_than_its_noise(series, points, word) -> None:
    verdict = judged("gateway-1", series, points)

    assert verdict is not None
    assert verdict.word == word


def test_the_line_is_that_of_least_squares() -> None:
    verdict = judged("gateway-1", MEMORY, rising(20))

    assert verdict is not None
    assert verdict.rise == pytest.approx(20)
    assert verdict.error == pytest.approx(0, abs=1e-6)
    assert (verdict.first, verdict.last) == (pytest.approx(104.1, abs=0.1), pytest.approx(119.1, abs=0.1))


def test_few_points_are_not_judged() -> None:
    assert judged("gateway-1", MEMORY, rising(20)[:5]) is None


SOUND = dict.fromkeys(WORK, 1_000)


def outcome_of(samples: int, deaths: tuple[Death, ...] = (), **counts: int) -> Outcome:
    plan = Plan(seconds=20 * MINUTE)
    taken = [
        Sample(10.0 * at, {"gateway-1": {MEMORY: 100.0 + at}, LOAD: {"order answer p50 ms": 5.0}})
        for at in range(samples)
    ]
    return Outcome(plan, taken, SOUND | counts, deaths)


def test_what_comes_before_everything_has_settled_is_not_judged() -> None:
    plan = Plan(seconds=20 * MINUTE)

    assert plan.settling == pytest.approx(400)
    assert Plan(seconds=60 * MINUTE).settling == 900
    assert outcome_of(45).verdicts() == []
    grows, flat = outcome_of(120).verdicts()
    assert (grows.process, grows.word) == ("gateway-1", "GROWS")
    assert (flat.process, flat.word) == (LOAD, "flat")


def test_tables_and_plot_tell_of_the_series_the_work_and_the_dead(tmp_path: Path) -> None:
    outcome = outcome_of(120, (Death(33.0, "orders", -9, "the last line"),))

    series, work, deaths = outcome.reports()
    draw(outcome, tmp_path / "soak.png")

    assert series.notes == ["2 series, 1 of them grow; 1 processes died", "unexpected: nothing"]
    assert work.rows == [{"what": what, "count": 1_000} for what in sorted(WORK)]
    assert [(row["process"], row["code"], row["said"]) for row in deaths.rows] == [("orders", -9, "the last line")]
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("counts", "unexpected"),
    [
        ({}, []),
        ({"order: market.stale_quote": 10}, []),
        ({"order: ok": 10, "order: market.stale_quote": 5}, []),
        ({"order: market.stale_quote": 11}, ["order: market.stale_quote (11)"]),
        ({"orders: holes or repeats in the sequence": 1}, ["orders: holes or repeats in the sequence (1)"]),
        ({"market gaps": 1}, ["market gaps (1)"]),
        ({"read: auth.timestamp_outside_window": 2_010}, ["read: auth.timestamp_outside_window (2,010)"]),
        ({"market socket: closed with 4408": 1}, ["market socket: closed with 4408 (1)"]),
        ({"order: left out, too many under way": 3}, ["order: left out, too many under way (3)"]),
        ({"order frames": 0}, ["no order frames"]),
    ],
)
def test_a_soak_fails_on_what_a_sound_run_does_not_bring(counts: dict[str, int], unexpected: list[str]) -> None:
    outcome = outcome_of(2, **counts)

    assert outcome.unexpected() == unexpected
    assert outcome.failed == bool(unexpected)
    assert outcome.reports()[0].notes[-1] == f"unexpected: {', '.join(unexpected) or 'nothing'}"


def test_a_soak_fails_where_a_series_grows_or_a_process_died() -> None:
    assert outcome_of(120).failed
    assert outcome_of(2, (Death(33.0, "orders", -9, ""),)).failed


def test_a_process_that_dies_is_reported_with_its_last_words_and_started_again(tmp_path: Path) -> None:
    member = Member("feed", ("nonsense",), ops_port=1)
    fleet = Fleet(tmp_path, {}, [member])
    fleet.start(member)
    first = member.pid
    sampler = Sampler(fleet)
    assert set(sampler.sample()["feed"]) >= {MEMORY, DESCRIPTORS}  # it answers on no port, and is sampled nevertheless
    until = time.monotonic() + 90
    while not fleet.look(7.0):
        assert time.monotonic() < until
        time.sleep(0.05)
    fleet.stop()

    (death,) = fleet.deaths
    assert (death.at, death.name, death.code) == (7.0, "feed", 2)
    assert "nonsense" in death.said
    assert (member.starts, member.pid == first) == (2, False)


def test_histograms_of_a_process_that_began_anew_are_read_from_nothing() -> None:
    assert since({0.1: 5.0, 1.0: 9.0}, {0.1: 6.0, 1.0: 9.0}) == {0.1: 5.0, 1.0: 9.0}
    assert since({0.1: 5.0, 1.0: 9.0}, {0.1: 1.0, 1.0: 1.0}) == {}


def test_times_are_told_once() -> None:
    told = Told()
    for milliseconds in range(1, 101):
        told.took("read", milliseconds * 1_000_000)

    assert told.take() == {"read p50 ms": 51.0, "read p99 ms": 100.0}
    assert told.take() == {}


async def test_a_load_goes_on_at_its_rate_whatever_becomes_of_what_was_begun() -> None:
    begun: list[int] = []
    left_out = asyncio.Event()

    class Noting(Told):
        def count(self, name: str, many: int = 1) -> None:
            super().count(name, many)
            left_out.set()

    async def never_ends(number: int) -> None:
        begun.append(number)
        await asyncio.Event().wait()

    told = Noting()
    task = asyncio.create_task(begin_at(1_000, "order", never_ends, told))
    await left_out.wait()
    task.cancel()

    assert begun == list(range(1, 201))
    assert list(told.total) == ["order: left out, too many under way"]


async def test_the_code_of_a_mail_is_kept_by_its_recipient() -> None:
    mail = EmailMessage()
    mail.set_content("Your code is 123456. It counts for five minutes.")
    boxes = Mailboxes()

    class Envelope:
        content = mail.as_bytes()
        rcpt_tos = ("a@soak.example",)

    assert await boxes.handle_DATA(None, None, Envelope()) == "250 taken"
    assert boxes.codes == {"a@soak.example": "123456"}


def test_a_soak_without_services_says_which_it_needs() -> None:
    with pytest.raises(ServicesMissing, match="OMNIAXS_JOBS_URL"):
        Addresses.of({"HUB_TEST_KAFKA": "a:1", "HUB_TEST_MONGO": "mongodb://b"})

    found = Addresses.of({"HUB_TEST_KAFKA": "a:1", "HUB_TEST_MONGO": "mongodb://b", "HUB_TEST_REDIS": "redis://c"})
    assert found == Addresses("kafka://a:1", "mongodb://b", "redis://c")
    assert found.variables("smtp://d")["OMNIAXS_TOPIC_PREFIX"].startswith("soak")
