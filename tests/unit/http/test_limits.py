"""Limits by weight in windows aligned to the epoch, with what other gateways counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.limits import Limiter, LimitName, RateLimited, email_identity
from ops.runtime.clock import ManualClock

START = 1_700_000_040 * 1_000_000_000  # a full minute


def limiter(clock: ManualClock, market: int = 10) -> Limiter:
    return Limiter(clock, market_per_minute=market, public_per_minute=3)


def test_weight_is_spent_and_comes_back_with_the_next_minute():
    clock = ManualClock(START + 15_500_000_000)
    limits = limiter(clock)
    spent = limits.spend("market", "a", 4)
    assert (spent.limit, spent.remaining, spent.reset_at) == (10, 6, 1_700_000_100)
    assert limits.spend("market", "a", 6).remaining == 0
    with pytest.raises(RateLimited) as refusal:
        limits.spend("market", "a", 1)
    assert refusal.value.retry_after == 45
    assert refusal.value.spent.remaining == 0
    clock.advance(44.4)
    with pytest.raises(RateLimited) as refusal:
        limits.spend("market", "a", 1)
    assert refusal.value.retry_after == 1
    clock.advance(0.1)
    assert limits.spend("market", "a", 1).remaining == 9


def test_identities_and_limits_do_not_share():
    limits = limiter(ManualClock(START))
    limits.spend("market", "a", 10)
    assert limits.spend("market", "b", 1).remaining == 9
    assert limits.spend("public", "a", 1).remaining == 2


def test_counts_of_others_count():
    limits = limiter(ManualClock(START))
    limits.spend("market", "a", 2)
    [(_, window)] = limits.counts.current()
    window.others = 7
    assert limits.spend("market", "a", 1).remaining == 0
    with pytest.raises(RateLimited):
        limits.spend("market", "a", 1)


def test_ended_windows_are_forgotten():
    clock = ManualClock(START)
    limits = limiter(clock)
    for number in range(3_000):
        limits.spend("market", str(number), 1)
    clock.advance(60)
    for number in range(1_100):
        limits.spend("market", f"new {number}", 1)
    assert len(list(limits.counts.current())) == 1_100
    assert limits.counts.reset() < 3_000


@given(weights=st.lists(st.integers(1, 20), max_size=40))
def test_never_more_than_the_limit_in_a_window(weights):
    limits = limiter(ManualClock(START), market=50)
    through = 0
    for weight in weights:
        try:
            limits.spend("market", "a", weight)
        except RateLimited:
            continue
        through += weight
    assert through <= 50


def test_peek_counts_nothing_and_refuses_once_nothing_is_left():
    clock = ManualClock(START)
    limits = limiter(clock)
    for _ in range(50):
        assert limits.peek("wrong-passwords", "a").remaining == 10
    told = [limits.spend("wrong-passwords", "a", 1).exhausted for _ in range(10)]
    assert told == [False] * 9 + [True]  # one of them locks
    with pytest.raises(RateLimited) as refusal:
        limits.peek("wrong-passwords", "a")
    assert refusal.value.details == {
        "limit": "wrong-passwords",
        "amount": 10,
        "per_seconds": 900,
        "reset_at": 1_700_000_100,
    }
    assert refusal.value.retry_after == 60
    assert limits.peek("wrong-passwords", "b").remaining == 10
    clock.advance(60)
    assert limits.peek("wrong-passwords", "a").remaining == 10


def test_the_window_of_wrong_passwords_is_a_quarter_of_an_hour():
    clock = ManualClock(1_700_000_100 * 1_000_000_000)  # a full quarter
    limits = limiter(clock)
    limits.spend("wrong-passwords", "a", 10)
    clock.advance(899.999)
    with pytest.raises(RateLimited):
        limits.peek("wrong-passwords", "a")
    clock.advance(0.001)
    assert limits.peek("wrong-passwords", "a").reset_at == 1_700_001_900


def test_wrong_passwords_at_other_gateways_lock_too():
    limits = limiter(ManualClock(START))
    limits.spend("wrong-passwords", "a", 1)
    [(_, window)] = limits.counts.current()
    window.others = 9
    with pytest.raises(RateLimited) as refusal:
        limits.peek("wrong-passwords", "a")
    assert refusal.value.spent.exhausted


def test_an_address_of_the_caller_may_be_wrong_ten_times_as_often():
    limits = limiter(ManualClock(START))
    assert limits.peek("wrong-passwords-address", "192.0.2.1").limit == 100


@pytest.mark.parametrize(("name", "amount"), [("auth", 10), ("auth-attempts", 5), ("user", 300), ("admin", 300)])
def test_people_have_limits_of_their_own(name: LimitName, amount: int):
    spent = limiter(ManualClock(START)).spend(name, "a", 1)
    assert (spent.limit, spent.remaining, spent.reset_at) == (amount, amount - 1, 1_700_000_100)


@given(email=st.text(max_size=400))
def test_counters_hold_no_address_and_stay_short(email: str):
    identity = email_identity(email)
    assert len(identity) == 32
    assert len(email) < 6 or email not in identity
