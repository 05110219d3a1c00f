"""Passwords: which may be chosen, and how they are kept (argon2id, RFC 9106) and compared.

Hashing is slow on purpose, so it runs in threads, few at once. A password is compared in Unicode's compatible form (NFKC), as
another keyboard may compose it otherwise (NIST SP 800-63B, 5.1.1.2).
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NamedTuple, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from ops.runtime.errors import HubError

LEAST_CHARACTERS: Final = 8
MOST_CHARACTERS: Final = 128
HASHES_AT_ONCE: Final = 2
MOST_WAITING: Final = 200
_COMMON: Final = frozenset(FREQUENCY_LISTS["passwords"][:10_000])
"""The 10,000 commonest, in lower case."""
_DECOY: Final = "nobody has this password"
Result = TypeVar("Result")


class PasswordProblem(NamedTuple):
    """Why a password cannot be chosen, and what would do."""

    reason: str
    expected: str


def standard_hasher() -> PasswordHasher:
    """argon2id with 19 MiB, 2 passes, 1 lane (OWASP's first choice): more lanes would take the cores that orders need."""
    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


class Passwords:
    """Hashes and compares, at most `at_once` at a time. Others wait; above `MOST_WAITING` they get `system.unavailable`."""

    def __init__(self, hasher: PasswordHasher, at_once: int = HASHES_AT_ONCE) -> None:
        self._hasher = hasher
        self._decoy = hasher.hash(_DECOY)
        self._threads = ThreadPoolExecutor(max_workers=at_once, thread_name_prefix="passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """What to keep of a password."""
        return await self._in_thread(lambda: self._hasher.hash(_comparable(password)))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Whether `kept` is of that password. Where there is nothing to compare with (None) it is not, at the same cost."""
        matches = await self._in_thread(lambda: self._matches(kept or self._decoy, _comparable(password)))
        return matches and kept is not None

    def is_outdated(self, kept: str) -> bool:
        """Whether it was made with other parameters than today's, so that it should be made anew."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Take no more work."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _matches(self, kept: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if self._waiting >= MOST_WAITING:
            raise HubError("system.unavailable", {"component": "passwords"}, retry_after=1)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1


def problem_of(password: str, email: str) -> PasswordProblem | None:
    """Why the person of that normalised address cannot choose the password; None when nothing speaks against it. What is
    judged is what is compared later: full-width letters would otherwise be a way to a common password.
    """
    compared = _compatible(password)
    if len(compared) < LEAST_CHARACTERS or not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        reason = "too long" if len(password) > MOST_CHARACTERS else "too short"
        return PasswordProblem(reason, f"{LEAST_CHARACTERS} to {MOST_CHARACTERS} characters")
    folded, address = compared.lower(), _compatible(email)
    if folded in _COMMON:
        return PasswordProblem("one of the commonest passwords", "a password that is not among the 10,000 commonest")
    if address and (address in folded or folded == address.partition("@")[0]):
        return PasswordProblem("contains the e-mail address", "a password without the e-mail address in it")
    return None


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _comparable(password: str) -> bytes:
    return _compatible(password).encode()
