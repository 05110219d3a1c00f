"""The desk under test."""

import pytest

from tests.integration.admin.admin_desk import AdminDesk


@pytest.fixture
def desk() -> AdminDesk:
    return AdminDesk()
