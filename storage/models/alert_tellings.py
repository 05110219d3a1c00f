"""When an alert is told, and to whom it is still to be told: each change of state once, repeats every 15 minutes at most, and
of one code and subject no more than a few rounds in that time, however often it comes and goes. Pure.

A round of telling (`Telling`) is begun under a claim, by one worker at a time. Only the present is told: a state that has passed
before anybody was told of it is left out, and so is an alert that was over by then.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.alerts import Alert, HookTry, Telling, TellingKind
from storage.models.pauses import pause_after

REPEAT_SECONDS: Final = 900
MOST_ROUNDS: Final = 10
"""Of telling of one code and subject within `REPEAT_SECONDS`: what comes and goes all the time is not mailed each time."""
CLAIM_SECONDS: Final = 30
GIVE_UP_SECONDS: Final = 86_400
LONGEST_PAUSE_SECONDS: Final = 300


def kind_due(alert: Alert, now: int) -> TellingKind | None:
    """What is to be told now that was not begun to be told."""
    if _has_news(alert):
        return alert.state if now >= _calm_at(alert) else None
    if alert.state == "open" and alert.last_seen_at > alert.told_at and now >= alert.told_at + _after_told():
        return "repeated"
    return None


def with_due(alert: Alert, now: int) -> Alert:
    """The alert with `due_at` as the rest of it says."""
    return alert.model_copy(update={"due_at": _due_at(alert, now)})


def _due_at(alert: Alert, now: int) -> int | None:
    moments = []
    telling = alert.telling
    if telling is not None:
        soonest = min((one.next_try_at for one in telling.hooks.values()), default=0)
        moments.append(max(telling.claimed_until, soonest))
    if kind_due(alert, now) is not None:
        moments.append(max(now, telling.claimed_until if telling else 0))
    elif _has_news(alert):
        moments.append(_calm_at(alert))
    elif alert.state == "open" and alert.told_state == "open" and alert.last_seen_at > alert.told_at:
        moments.append(alert.told_at + _after_told())
    return min(moments, default=None)


def round_begun(alert: Alert, hooks: Iterable[str], now: int) -> Alert | None:
    """The alert with a round of telling under the caller's claim: a new one where something new is to be told (what webhooks
    have not taken of the round before is dropped with it), else the one that was left. None: nothing to do now, or somebody
    else is at it.
    """
    telling = alert.telling
    if telling is not None and telling.claimed_until > now:
        return None
    until = now + CLAIM_SECONDS * NANOSECONDS_PER_SECOND
    kind = kind_due(alert, now)
    if kind is not None:
        number = alert.tellings + 1
        fresh = Telling(
            number=number, kind=kind, at=now, hooks={name: HookTry() for name in hooks}, claimed_until=until
        )
        return alert.model_copy(
            update={
                "tellings": number,
                "telling": fresh,
                "told_state": alert.state,
                "told_at": now,
                "rounds": (*alert.rounds, now)[-MOST_ROUNDS:],
            }
        )
    if telling is None or (telling.hooks and not hooks_due(telling, now)):
        return None
    return alert.model_copy(update={"telling": telling.model_copy(update={"claimed_until": until})})


def hooks_due(telling: Telling, now: int) -> list[str]:
    """The webhooks that are to be tried."""
    return [name for name, one in telling.hooks.items() if one.next_try_at <= now]


def round_ended(alert: Alert, claimed: Telling, taken: Mapping[str, bool], now: int) -> Alert | None:
    """The end of a claim: people were told, and `taken` says of each webhook that was tried whether it is finished with. None: the
    claim was lost.
    """
    telling = alert.telling
    if telling is None or (telling.number, telling.claimed_until) != (claimed.number, claimed.claimed_until):
        return None
    left = {
        name: _after(one, telling, now, tried=name in taken)
        for name, one in telling.hooks.items()
        if not taken.get(name)
    }
    kept = {name: one for name, one in left.items() if one is not None}
    ended: dict[str, Any] = {"hooks": kept, "claimed_until": 0}
    return alert.model_copy(update={"telling": telling.model_copy(update=ended) if kept else None})


def _after(one: HookTry, telling: Telling, now: int, *, tried: bool) -> HookTry | None:
    """A webhook that has not taken it; None once it is given up."""
    if not tried:
        return one
    attempts = one.attempts + 1
    next_try = now + pause_after(attempts, LONGEST_PAUSE_SECONDS) * NANOSECONDS_PER_SECOND
    if next_try >= telling.at + GIVE_UP_SECONDS * NANOSECONDS_PER_SECOND:
        return None
    return HookTry(attempts=attempts, next_try_at=next_try)


def _has_news(alert: Alert) -> bool:
    """Whether its state was not told; of one that is over before anybody was told of it there is nothing to tell."""
    return alert.state != alert.told_state and (alert.told_state is not None or alert.state != "resolved")


def _calm_at(alert: Alert) -> int:
    """From when on a change of state may be told: `MOST_ROUNDS` ago is `REPEAT_SECONDS` ago then."""
    return alert.rounds[0] + _after_told() if len(alert.rounds) == MOST_ROUNDS else 0


def _after_told() -> int:
    return REPEAT_SECONDS * NANOSECONDS_PER_SECOND
