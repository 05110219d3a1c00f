"""The life of a challenge: when its code counts, what a try does to it, when a code is sent again. Pure."""

from storage.models.challenges import MOST_RESENDS, MOST_TRIES, Challenge

_SECOND = 1_000_000_000


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
    return max(0, -(-(challenge.resend_at - now) // _SECOND))
