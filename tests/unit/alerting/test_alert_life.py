"""How an alert lives and when it is told: table rules, and any history of reports, acknowledgements, tellings and time."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from storage.models.alert_tellings import (
    CLAIM_SECONDS,
    GIVE_UP_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MOST_ROUNDS,
    REPEAT_SECONDS,
    hooks_due,
    kind_due,
    round_begun,
    round_ended,
    with_due,
)
from storage.models.alerts import (
    MOST_CAUSES,
    Alert,
    Cleared,
    Place,
    Raised,
    acknowledged,
    cleared,
    key_of,
    quieted,
    raised,
    runbook_of,
)
from storage.models.pauses import pause_after

SECOND = 1_000_000_000
NOW = 1_700_000_000 * SECOND


def a_raise(at: int = NOW, cause: str = "", offset: int | None = None, **more) -> Raised:
    place = None if offset is None else Place("log-0", offset)
    return Raised("margin.call", "critical", "acc_1", "Too little margin.", at, {"n": 1}, cause, place, **more)


def a_clearing(at: int = NOW, cause: str = "", offset: int | None = None) -> Cleared:
    return Cleared("margin.call", "acc_1", at, cause, None if offset is None else Place("log-0", offset))


def begin(report: Raised | None = None) -> Alert:
    alert = raised(None, report or a_raise(), "alt_1")
    assert alert is not None
    return alert


def test_the_first_report_opens_an_alert() -> None:
    alert = begin()
    assert (alert.state, alert.count, alert.number) == ("open", 1, 1)
    assert (alert.first_seen_at, alert.last_seen_at, alert.resolved_at) == (NOW, NOW, None)
    assert alert.runbook == runbook_of("margin.call") == "docs/operating.md#alert-margin-call"


def test_another_report_is_counted_whether_open_or_acknowledged() -> None:
    alert = begin()
    again = raised(alert, a_raise(NOW + SECOND), "alt_2")
    assert again is not None
    assert (again.alert_id, again.count, again.last_seen_at) == ("alt_1", 2, NOW + SECOND)
    taken = acknowledged(again, "adm_1", NOW + 2)
    assert taken is not None
    assert (taken.state, taken.acknowledged_by, taken.acknowledged_at) == ("acknowledged", "adm_1", NOW + 2)
    more = raised(taken, a_raise(NOW + 3 * SECOND), "alt_2")
    assert more is not None
    assert (more.state, more.count) == ("acknowledged", 3)
    assert acknowledged(more, "adm_2", NOW) is None


def test_after_it_was_resolved_a_new_one_begins() -> None:
    over = cleared(begin(), a_clearing(NOW + SECOND))
    assert over is not None
    assert (over.state, over.resolved_at) == ("resolved", NOW + SECOND)
    assert acknowledged(over, "adm_1", NOW) is None
    assert cleared(over, a_clearing(NOW + 2 * SECOND)) is None
    again = raised(over, a_raise(NOW + 5 * SECOND), "alt_2")
    assert again is not None
    assert (again.alert_id, again.number, again.count, again.state) == ("alt_2", 2, 1, "open")


def test_it_is_resolved_when_its_last_cause_is_over() -> None:
    alert = begin(a_raise(cause="sig_1"))
    two = raised(alert, a_raise(cause="sig_2"), "-")
    assert two is not None
    assert (two.causes, two.count) == (("sig_1", "sig_2"), 2)
    assert raised(two, a_raise(cause="sig_2"), "-") == two, "told again, known already"
    one = cleared(two, a_clearing(cause="sig_1"))
    assert one is not None
    assert one.state == "open"
    none = cleared(one, a_clearing(cause="sig_2"))
    assert none is not None
    assert none.state == "resolved"
    assert raised(none, a_raise(cause="sig_1"), "alt_2") is None, "a cause that is over is over for good"


def test_many_causes_are_bounded() -> None:
    alert = begin(a_raise(cause="sig_0"))
    for number in range(1, MOST_CAUSES + 5):
        alert = raised(alert, a_raise(cause=f"sig_{number}"), "-") or alert
    assert len(alert.causes) == MOST_CAUSES
    assert alert.count == MOST_CAUSES + 5
    everything = cleared(alert, a_clearing())
    assert everything is not None
    assert everything.state == "resolved"


def test_severity_only_grows_while_it_stands() -> None:
    alert = raised(None, Raised("x.y", "warning", "s", "m", NOW), "alt_1")
    worse = raised(alert, Raised("x.y", "critical", "s", "m", NOW), "-")
    better = raised(worse, Raised("x.y", "info", "s", "m", NOW), "-")
    assert worse is not None
    assert better is not None
    assert (worse.severity, better.severity) == ("critical", "critical")


def test_what_is_quiet_long_enough_is_resolved() -> None:
    alert = begin(a_raise(quiet_seconds=60))
    assert quieted(alert, NOW + 59 * SECOND) is None
    again = raised(alert, a_raise(NOW + 50 * SECOND), "-")
    assert again is not None
    assert quieted(again, NOW + 60 * SECOND) is None
    over = quieted(again, NOW + 110 * SECOND)
    assert over is not None
    assert (over.state, over.quiet_at) == ("resolved", None)
    assert quieted(begin(), NOW * 2) is None


def test_code_and_subject_are_not_run_together() -> None:
    assert key_of("a", "b") != key_of("a.b", "") != key_of("", "a.b")


def tell(alert: Alert, now: int, *hooks: str, **answers: bool) -> tuple[Alert, str] | None:
    """One round of telling, whole; by default every webhook takes it."""
    claimed = round_begun(alert, hooks, now)
    if claimed is None or claimed.telling is None:
        return None
    taken = {name: answers.get(name, True) for name in hooks_due(claimed.telling, now)}
    after = round_ended(claimed, claimed.telling, taken, now)
    assert after is not None
    return with_due(after, now), claimed.telling.kind


def test_each_change_of_state_is_told_once() -> None:
    alert, kind = tell(begin(), NOW) or (None, None)
    assert kind == "open"
    assert alert is not None
    assert alert.due_at is None
    assert tell(alert, NOW + SECOND) is None
    alert = acknowledged(alert, "adm", NOW)
    assert alert is not None
    alert, kind = tell(alert, NOW + SECOND) or (None, None)
    assert kind == "acknowledged"
    assert alert is not None
    over = cleared(alert, a_clearing())
    assert over is not None
    over, kind = tell(over, NOW + SECOND) or (None, None)
    assert kind == "resolved"
    assert over is not None
    assert (over.due_at, over.telling) == (None, None)
    assert tell(over, NOW * 2) is None


def test_repeats_are_told_after_a_quarter_of_an_hour_and_not_once_it_is_taken() -> None:
    alert, _ = tell(begin(), NOW) or (None, None)
    assert alert is not None
    again = raised(alert, a_raise(NOW + 60 * SECOND), "-")
    assert again is not None
    assert with_due(again, NOW + 60 * SECOND).due_at == NOW + REPEAT_SECONDS * SECOND
    assert kind_due(again, NOW + REPEAT_SECONDS * SECOND - 1) is None
    repeated, kind = tell(again, NOW + REPEAT_SECONDS * SECOND) or (None, None)
    assert kind == "repeated"
    assert repeated is not None
    assert repeated.due_at is None, "nothing came since"
    taken = acknowledged(again, "adm", NOW)
    assert taken is not None
    taken, _ = tell(taken, NOW) or (None, None)
    assert taken is not None
    assert kind_due(raised(taken, a_raise(NOW * 2), "-") or taken, NOW * 2) is None


def test_what_was_over_before_anybody_was_told_is_not_told() -> None:
    over = cleared(begin(), a_clearing())
    assert over is not None
    assert tell(over, NOW) is None
    assert with_due(over, NOW).due_at is None


def test_what_comes_and_goes_all_the_time_is_no_flood() -> None:
    """A minute of margin at its threshold, a change each second: ten are told, then how it stands when it is calm again."""
    alert, rounds, now = begin(), [], NOW
    for second in range(60):
        now = NOW + second * SECOND
        alert = raised(alert, a_raise(now, cause=f"sig_{second}"), f"alt_{second}") or alert
        for change in (None, a_clearing(now, cause=f"sig_{second}")):
            alert = alert if change is None else cleared(alert, change) or alert
            if (after := tell(with_due(alert, now), now)) is not None:
                alert = after[0]
                rounds.append(after[1])
    assert rounds == ["open", "resolved"] * (MOST_ROUNDS // 2)
    standing = raised(alert, a_raise(now, cause="sig_last"), "alt_last")
    assert standing is not None
    calm = NOW + REPEAT_SECONDS * SECOND
    assert with_due(standing, now).due_at == calm
    assert tell(standing, calm - 1) is None
    _, kind = tell(standing, calm) or (None, None)
    assert kind == "open"


def test_a_webhook_that_has_not_taken_it_is_tried_later_and_given_up_after_a_day() -> None:
    alert, now, tries = begin(), NOW, 0
    while (after := tell(alert, now, "pager", "chat", pager=False)) is not None:
        alert, tries = after[0], tries + 1
        if alert.telling is None:
            break
        assert list(alert.telling.hooks) == ["pager"], "who has taken it is not told again"
        assert alert.due_at == alert.telling.hooks["pager"].next_try_at
        assert alert.due_at - now == pause_after(tries, LONGEST_PAUSE_SECONDS) * SECOND
        now = alert.due_at
    assert GIVE_UP_SECONDS - 300 <= (now - NOW) / SECOND < GIVE_UP_SECONDS
    assert alert.due_at is None


def test_a_claim_keeps_others_away_until_it_ends() -> None:
    claimed = round_begun(begin(), ["pager"], NOW)
    assert claimed is not None
    assert claimed.telling is not None
    over = cleared(claimed, a_clearing())
    assert over is not None
    assert round_begun(over, ["pager"], NOW + SECOND) is None
    assert with_due(over, NOW + SECOND).due_at == NOW + CLAIM_SECONDS * SECOND
    taken_over = round_begun(claimed, ["pager"], NOW + CLAIM_SECONDS * SECOND)
    assert taken_over is not None
    assert taken_over.telling is not None
    assert taken_over.telling.number == claimed.telling.number, "the same round again"
    assert round_ended(taken_over, claimed.telling, {"pager": True}, NOW) is None, "the claim was lost"
    newer = round_begun(over, ["pager"], NOW + CLAIM_SECONDS * SECOND)
    assert newer is not None
    assert newer.telling is not None
    assert (newer.telling.number, newer.telling.kind) == (2, "resolved")


def take(newest: Alert | None, offset: int, word: str, at: int) -> Alert | None:
    verb, _, cause = word.partition(" ")
    if verb == "raise":
        return raised(newest, a_raise(at, cause, offset), f"alt_{offset}")
    return cleared(newest, a_clearing(at, cause, offset))


class AnyHistory(RuleBasedStateMachine):
    """Reports from a log that is read again at will, acknowledgements, tellings that work, fail or die, and time."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.log: list[tuple[str, int]] = []
        self.alerts: dict[int, Alert] = {}
        self.rounds: dict[str, list[tuple[str, int]]] = {}

    @property
    def newest(self) -> Alert | None:
        return self.alerts[max(self.alerts)] if self.alerts else None

    def keep(self, after: Alert | None) -> None:
        newest = self.newest
        if after is None:
            return
        if newest is not None and newest.state == "resolved":
            assert after.number == newest.number + 1 or (after.state, after.count) == ("resolved", newest.count)
        self.alerts[after.number] = with_due(after, self.now)

    @rule(word=st.sampled_from(["raise", "raise a", "raise b", "clear a", "clear b", "clear"]))
    def append(self, word: str) -> None:
        self.now += SECOND
        self.log.append((word, self.now))
        self.keep(take(self.newest, len(self.log) - 1, *self.log[-1]))

    @rule(last=st.integers(1, 6))
    def read_again(self, last: int) -> None:
        for offset in range(max(0, len(self.log) - last), len(self.log)):
            made = take(self.newest, offset, *self.log[offset])
            assert self.newest is None or made is None or made == self.newest

    @rule(seconds=st.sampled_from([1, 20, 120, REPEAT_SECONDS]))
    def wait(self, seconds: int) -> None:
        self.now += seconds * SECOND

    @precondition(lambda self: self.newest is not None)
    @rule()
    def acknowledge(self) -> None:
        assert self.newest is not None
        self.keep(acknowledged(self.newest, "adm", self.now))

    @precondition(lambda self: self.newest is not None)
    @rule(end=st.sampled_from(["taken", "refused", "dies"]))
    def tell(self, end: str) -> None:
        assert self.newest is not None
        claimed = round_begun(self.newest, ["hook"], self.now)
        if claimed is None or claimed.telling is None:
            return
        key, told_of = (claimed.telling.kind, claimed.telling.at), self.rounds.setdefault(claimed.alert_id, [])
        if key not in told_of:
            told_of.append(key)
        self.keep(claimed)
        if end != "dies":
            self.keep(round_ended(claimed, claimed.telling, {"hook": end == "taken"}, self.now))

    @invariant()
    def every_change_is_told_once_and_repeats_are_rare(self) -> None:
        for told_of in self.rounds.values():
            kinds = [kind for kind, _ in told_of if kind != "repeated"]
            assert kinds == [kind for kind in ("open", "acknowledged", "resolved") if kind in kinds]
            for (_, earlier), (kind, later) in pairwise(told_of):
                assert kind != "repeated" or later - earlier >= REPEAT_SECONDS * SECOND

    @invariant()
    def reports_are_counted_and_one_alert_stands_at_most(self) -> None:
        raises = sum(1 for word, _ in self.log if word == "raise")
        counted = sum(alert.count for alert in self.alerts.values())
        assert raises <= counted <= sum(1 for word, _ in self.log if "raise" in word)
        standing = [number for number, alert in self.alerts.items() if alert.state != "resolved"]
        assert standing in ([], [max(self.alerts, default=0)])

    def teardown(self) -> None:
        """Whoever follows `due_at` is done in the end, and has told the present."""
        while self.newest is not None and self.newest.due_at is not None:
            self.now = max(self.now, self.newest.due_at)
            claimed = round_begun(self.newest, ["hook"], self.now)
            assert claimed is not None
            assert claimed.telling is not None
            self.keep(round_ended(claimed, claimed.telling, {"hook": True}, self.now))
        if self.newest is not None:
            assert self.newest.told_state in {self.newest.state, None}
            assert (self.newest.told_state is None) <= (self.newest.state == "resolved")


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=150, stateful_step_count=30)
