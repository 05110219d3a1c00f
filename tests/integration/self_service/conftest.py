"""The desk under test, over both stores."""

import secrets
from collections.abc import AsyncIterator

import pytest

from storage.mongo.connect import Store, connect
from tests.integration.self_service.self_desk import Calling, SelfDesk

ADAPTERS = ["mongomock", pytest.param("mongo", marks=pytest.mark.mongo)]


@pytest.fixture(params=ADAPTERS)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """A connected store with an empty database, dropped at the end."""
    url = "mongomock://" if request.param == "mongomock" else request.getfixturevalue("mongo_url")
    store = connect(url, f"test_{secrets.token_hex(6)}")
    try:
        yield store
        await store.client.drop_database(store.database.name)
    finally:
        store.close()


@pytest.fixture
async def desk(store: Store) -> SelfDesk:
    desk = SelfDesk(store)
    await desk.set_up()
    return desk


@pytest.fixture
async def ada(desk: SelfDesk) -> Calling:
    return await desk.caller()
