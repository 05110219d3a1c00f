"""A claim is renewed for as long as the work goes on, whatever the store does, and until it is somebody else's."""

import asyncio

import pytest

from storage.mongo.failures import StoreUnavailable
from workers.renewing import renewed_meanwhile

EVERY = 0.005


class Claim:
    """Counts its renewals; `answers` are what the first of them come to, `True` the others."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.renewals = 0
        self._answers = list(answers)

    async def renew(self) -> bool:
        self.renewals += 1
        answer = self._answers.pop(0) if self._answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def renewed(self, times: int) -> None:
        async with asyncio.timeout(10):
            while self.renewals < times:  # noqa: ASYNC110  (a timer of its own)
                await asyncio.sleep(EVERY)


async def test_it_is_renewed_until_the_work_ends() -> None:
    claim = Claim()
    async with renewed_meanwhile("a thing", EVERY, claim.renew):
        await claim.renewed(3)
    ended = claim.renewals
    await asyncio.sleep(4 * EVERY)
    assert claim.renewals == ended


async def test_a_store_that_is_away_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    claim = Claim(StoreUnavailable("away"), StoreUnavailable("away"))
    async with renewed_meanwhile("a thing", EVERY, claim.renew):
        await claim.renewed(4)
    assert caplog.text.count("the claim on a thing was not renewed: away") == 2


async def test_one_that_is_somebody_elses_is_renewed_no_more_and_the_work_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    claim = Claim(True, False)
    async with renewed_meanwhile("a thing", EVERY, claim.renew):
        await claim.renewed(2)
        await asyncio.sleep(4 * EVERY)
    assert claim.renewals == 2
    assert "the claim on a thing is no longer ours" in caplog.text


async def test_work_that_fails_ends_it_too() -> None:
    claim = Claim()
    with pytest.raises(ValueError, match="mine"):
        async with renewed_meanwhile("a thing", EVERY, claim.renew):
            raise ValueError("mine")
    await asyncio.sleep(4 * EVERY)
    assert claim.renewals == 0
