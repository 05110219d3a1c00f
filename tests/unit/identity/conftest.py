"""A desk of identity for each test."""

import pytest

from tests.unit.identity.identity_desk import Desk, desk_of


@pytest.fixture
async def desk() -> Desk:
    return await desk_of()
