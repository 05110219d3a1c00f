"""The life of a challenge: when its code counts, what a try does to it, when a code is sent again. Pure."""

from collections.abc import Sequence

from ops.runtime.timestamps import NANOSECONDS_PER_SECOND
from storage.models.challenges import MOST_RESENDS, MOST_RESETS, MOST_TRIES, RESETS_SECONDS, Challenge


def is_alive(challenge: Challenge, now: int) -> bool:
    """Whether a right code counts at `now` (ns)."""
    return challenge.ended_at is None and now < challenge.expires_at and challenge.tries < MOST_TRIES


def used(challenge: Challenge, now: int) -> Challenge:
    """The challenge after the right code."""
    return challenge.model_copy(update={"ended_at": now})


def wrongly_tried(challenge: Challenge, now: int) -> Challenge:
    """The challenge after a wrong code; the last try ends it."""
    tries = challenge.tries + 1
    ended_at = now if tries >= MOST_TRIES else None
    return challenge.model_copy(update={"tries": tries, "ended_at": ended_at})


def tries_left(challenge: Challenge) -> int:
    """How often it may still be tried."""
    return MOST_TRIES - challenge.tries


def may_resend(challenge: Challenge, now: int) -> bool:
    """Whether it can have another code at all, be it later."""
    return is_alive(challenge, now) and challenge.mails <= MOST_RESENDS


def seconds_until_resend(challenge: Challenge, now: int) -> int:
    """How long to wait for the next code, in whole seconds, rounded up; 0 when it may be now."""
    return _seconds_until(challenge.resend_at, now)


def seconds_until_reset(newest: Sequence[Challenge], now: int) -> int:
    """How long until another challenge of a forgotten password may begin, as above. `newest` are the person's last
    `MOST_RESETS`, newest first.
    """
    waits = [seconds_until_resend(challenge, now) for challenge in newest[:1]]
    if len(newest) >= MOST_RESETS:
        waits.append(_seconds_until(newest[MOST_RESETS - 1].created_at + RESETS_SECONDS * NANOSECONDS_PER_SECOND, now))
    return max(waits, default=0)


def _seconds_until(moment: int, now: int) -> int:
    return max(0, -(-(moment - now) // NANOSECONDS_PER_SECOND))
