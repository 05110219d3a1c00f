"""Rate limits: the `limits` library decides in memory; counts of other gateways are merged in (limit_merger.py).

Windows are aligned to the epoch, so that all gateways count in the same one. Nothing here waits for anything.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal

import msgspec
from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from ops.runtime.clock import Clock
from ops.runtime.errors import HubError
from ops.runtime.timestamps import NANOSECONDS_PER_SECOND

LimitName = Literal[
    "market", "public", "account", "orders", "orders-day", "cancels",
    "auth", "auth-attempts", "wrong-passwords", "wrong-passwords-address", "user", "admin",
]  # fmt: skip
ACCOUNT_PER_MINUTE: Final = 600
ORDERS_PER_SECOND: Final = 50
ORDERS_PER_DAY: Final = 100_000
CANCELS_PER_SECOND: Final = 100
AUTH_PER_MINUTE: Final = 10
AUTH_ATTEMPTS_PER_MINUTE: Final = 5
WRONG_PASSWORDS: Final = 10
WRONG_PASSWORDS_MINUTES: Final = 15
ADDRESSES_SHARE: Final = 10
"""How many times as many wrong passwords one caller's address may send as there may be for one e-mail address."""
PEOPLE_PER_MINUTE: Final = 300
_SWEEP_FROM: Final = 1_024
_REMEMBERED_KEYS: Final = 16_384


@dataclass(slots=True)
class Window:
    """One counter of one window that ends at `ends_at` (Unix s): our own count and what other gateways reported."""

    ends_at: int
    own: int = 0
    others: int = 0
    shared: int = 0
    """How much of `own` the other gateways have been told."""


class SharedCounts(Storage):
    """Counters in this process's memory plus what others counted; an expired window is forgotten.

    A `limits` storage: `get` and `incr` answer with the total over all gateways, as far as it is known.
    """

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._now: Callable[[], int] = clock.now
        self._windows: dict[str, Window] = {}
        self._sweep_at = _SWEEP_FROM
        self.counted = Window(0)
        """The window that `incr` has counted in last."""

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing here fails by itself."""
        return ValueError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count `amount` in the current window of `expiry` seconds; the new total."""
        now = self._now() // NANOSECONDS_PER_SECOND
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            window = self._open(key, now, int(expiry))
        window.own += amount
        self.counted = window
        return window.own + window.others

    def get(self, key: str) -> int:
        """The total in the current window."""
        window = self._windows.get(key)
        if window is None or window.ends_at <= self._now() // NANOSECONDS_PER_SECOND:
            return 0
        return window.own + window.others

    def get_expiry(self, key: str) -> float:
        """When the window ends (Unix seconds)."""
        window = self._windows.get(key)
        return window.ends_at if window else self._now() / NANOSECONDS_PER_SECOND

    def check(self) -> bool:
        """Memory is always there."""
        return True

    def reset(self) -> int | None:
        """Forget everything."""
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        """Forget one counter."""
        self._windows.pop(key, None)

    def current(self) -> Iterator[tuple[str, Window]]:
        """The counters whose window has not ended."""
        now = self._now() // NANOSECONDS_PER_SECOND
        yield from [(key, window) for key, window in self._windows.items() if window.ends_at > now]

    def _open(self, key: str, now: int, seconds: int) -> Window:
        if len(self._windows) >= self._sweep_at:
            self._windows = {name: held for name, held in self._windows.items() if held.ends_at > now}
            self._sweep_at = max(_SWEEP_FROM, 2 * len(self._windows))
        window = self._windows[key] = Window(ends_at=now - now % seconds + seconds)
        return window


class Spent(msgspec.Struct, frozen=True):
    """What is left of a limit after a request: `reset_at` is Unix seconds."""

    limit: int
    remaining: int
    reset_at: int

    @property
    def exhausted(self) -> bool:
        """Whether this request took the last of it."""
        return self.remaining == 0


def email_identity(email: str) -> str:
    """What limits by e-mail address count by: no address stands in counters, and none makes them long."""
    return sha256(email.encode("utf-8", "replace")).hexdigest()[:32]


class _Remembering:
    """A limit of the library that remembers the keys it has made: making one costs more than counting does."""

    def __init__(self, item: RateLimitItem) -> None:
        self.amount = item.amount
        self.get_expiry = item.get_expiry
        self.key_for = lru_cache(maxsize=_REMEMBERED_KEYS)(item.key_for)


class Limiter:
    """Spends weight of named limits, each counted by identity (a key id, an address)."""

    def __init__(
        self,
        clock: Clock,
        *,
        market_per_minute: int,
        public_per_minute: int,
        account_per_minute: int = ACCOUNT_PER_MINUTE,
        orders_per_second: int = ORDERS_PER_SECOND,
        orders_per_day: int = ORDERS_PER_DAY,
        cancels_per_second: int = CANCELS_PER_SECOND,
        auth_per_minute: int = AUTH_PER_MINUTE,
        auth_attempts_per_minute: int = AUTH_ATTEMPTS_PER_MINUTE,
        wrong_passwords: int = WRONG_PASSWORDS,
        user_per_minute: int = PEOPLE_PER_MINUTE,
        admin_per_minute: int = PEOPLE_PER_MINUTE,
    ) -> None:
        self.counts = SharedCounts(clock)
        self._clock = clock
        self._hit: Callable[..., bool] = FixedWindowRateLimiter(self.counts).hit
        items: dict[LimitName, RateLimitItem] = {
            "market": RateLimitItemPerMinute(market_per_minute, namespace="market"),
            "public": RateLimitItemPerMinute(public_per_minute, namespace="public"),
            "account": RateLimitItemPerMinute(account_per_minute, namespace="account"),
            "orders": RateLimitItemPerSecond(orders_per_second, namespace="orders"),
            "orders-day": RateLimitItemPerDay(orders_per_day, namespace="orders-day"),
            "cancels": RateLimitItemPerSecond(cancels_per_second, namespace="cancels"),
            "auth": RateLimitItemPerMinute(auth_per_minute, namespace="auth"),
            "auth-attempts": RateLimitItemPerMinute(auth_attempts_per_minute, namespace="auth-attempts"),
            "wrong-passwords": RateLimitItemPerMinute(
                wrong_passwords, WRONG_PASSWORDS_MINUTES, namespace="wrong-passwords"
            ),
            "wrong-passwords-address": RateLimitItemPerMinute(
                wrong_passwords * ADDRESSES_SHARE, WRONG_PASSWORDS_MINUTES, namespace="wrong-passwords-address"
            ),
            "user": RateLimitItemPerMinute(user_per_minute, namespace="user"),
            "admin": RateLimitItemPerMinute(admin_per_minute, namespace="admin"),
        }
        self._items = {name: _Remembering(item) for name, item in items.items()}

    def spend(self, name: LimitName, identity: str, weight: int) -> Spent:
        """Count `weight`. Raises `rate.limited` when that is more than is left (it is counted all the same), with
        `Spent` in the error's `spent` and the seconds until the window ends in `retry_after`.
        """
        item = self._items[name]
        allowed = self._hit(item, identity, cost=weight)
        spent = self._left(item)
        if not allowed:
            raise RateLimited(name, spent, item.get_expiry(), self._seconds_until(spent.reset_at))
        return spent

    def peek(self, name: LimitName, identity: str) -> Spent:
        """What is left of a limit, without counting. Raises `rate.limited` as `spend` does when nothing is left.

        For what is counted only when it fails: `peek("wrong-passwords", email_identity(email))` before a password is looked
        at, `spend` after it was wrong. The `spend` that answers `Spent.exhausted` has just locked the address; with other
        gateways' counts merged in, two may answer so, or none while the next `peek` raises already: so what is told about a
        lock goes under an id made of the identity and `reset_at` (also in `RateLimited.spent`), which is told once.
        """
        item = self._items[name]
        # from now on other gateways' counts of it are asked for
        self.counts.incr(item.key_for(identity), item.get_expiry(), 0)
        spent = self._left(item)
        if spent.exhausted:
            raise RateLimited(name, spent, item.get_expiry(), self._seconds_until(spent.reset_at))
        return spent

    def _left(self, item: _Remembering) -> Spent:
        """What is left of the limit that was counted just now."""
        window = self.counts.counted
        return Spent(item.amount, max(0, item.amount - window.own - window.others), window.ends_at)

    def _seconds_until(self, moment: int) -> int:
        left = moment * NANOSECONDS_PER_SECOND - self._clock.now()
        return max(1, -(-left // NANOSECONDS_PER_SECOND))


class RateLimited(HubError):
    """`rate.limited` with the state of the limit that refused."""

    def __init__(self, name: LimitName, spent: Spent, seconds: int, retry_after: int) -> None:
        details = {"limit": name, "amount": spent.limit, "per_seconds": seconds, "reset_at": spent.reset_at}
        super().__init__("rate.limited", details, retry_after=retry_after)
        self.spent = spent
        self.limit_name = name
